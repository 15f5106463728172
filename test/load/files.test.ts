import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { namesIn } from '../../src/load/files/file-names.ts'
import { contents, ended, errorText, expectRun, givenStore, kv, shell, startKv } from '../helpers/kv.ts'
import { tempDir } from '../helpers/temp-dir.ts'

/** A folder with these files. */
function givenFiles(files: Readonly<Record<string, string | Uint8Array>>): string {
  const cwd = tempDir()
  for (const [name, content] of Object.entries(files)) {
    if (name.includes('/')) mkdirSync(join(cwd, name, '..'), { recursive: true })
    writeFileSync(join(cwd, name), content)
  }
  return cwd
}

const SUMMARY = /^\d+ put, \d+ skipped, /

describe('names of files', () => {
  const all = async (chunks: string[], nul: boolean): Promise<[string, number][]> => {
    const found: [string, number][] = []
    const bytes = chunks.map((chunk) => Buffer.from(chunk, 'latin1')) as unknown as AsyncIterable<Uint8Array>
    for await (const names of namesIn(bytes, nul, 'stdin'))
      found.push(...names.map(({ path, line }): [string, number] => [Buffer.from(path).toString('latin1'), line]))
    return found
  }

  test.each<[string, string, boolean, [string, number][]]>([
    [
      'lines',
      'a\nb c\n',
      false,
      [
        ['a', 1],
        ['b c', 2],
      ],
    ],
    [
      'lines that end in CRLF, and empty ones',
      'a\r\n\r\n\nb\r',
      false,
      [
        ['a', 1],
        ['b', 4],
      ],
    ],
    ['no last line ending', '\na', false, [['a', 2]]],
    [
      'NULs',
      'a\nb\0c\r\0\0d',
      true,
      [
        ['a\nb', 1],
        ['c\r', 2],
        ['d', 4],
      ],
    ],
    [
      'any bytes',
      '\xff\n\xe9 \n',
      false,
      [
        ['\xff', 1],
        ['\xe9 ', 2],
      ],
    ],
    ['nothing', '', false, []],
  ])('%s, wherever the input is cut', async (_, text, nul, names) => {
    for (let cut = 0; cut <= text.length; cut++)
      expect(await all([text.slice(0, cut), text.slice(cut)], nul)).toEqual(names)
  })

  test('what has no end is no list of names', async () => {
    await expect(all(['a\n', 'x'.repeat(70_000)], false)).rejects.toThrow('stdin:2: the name of a file has no end')
  })
})

describe('kv batch-put --files', () => {
  test('each file is an entry: its path as named is the key, its bytes the value', async () => {
    const store = await givenStore()
    const binary = Uint8Array.from({ length: 256 }, (_, byte) => byte)
    const cwd = givenFiles({ 'a b.txt': 'one\r\n', 'sub/.bin': binary, empty: '' })
    symlinkSync('a b.txt', join(cwd, 'link'))
    expectRun(await kv(['batch-put', '--files', 'a b.txt', './sub/.bin', 'empty', 'link'], { store, cwd }), {
      stderr: /^4 put, 0 skipped, 266 B in /,
    })
    expect(new Uint8Array((await kv(['get', './sub/.bin'], { store })).stdout)).toEqual(binary)
    expect((await contents(store)).filter(([key]) => key !== './sub/.bin')).toEqual([
      ['a b.txt', 'one\r\n'],
      ['empty', ''],
      ['link', 'one\r\n'],
    ])
  })

  test.each([
    ['find . -type f | sort | kv batch-put --files', ['./a b.txt', './c\nd', './sub/e'], 'lines'],
    ['find . -type f -print0 | kv batch-put --files -0', ['./a b.txt', './c\nd', './sub/e'], 'NULs'],
    ['ls | kv batch-put --files "a b.txt" -', ['a b.txt'], 'both'],
  ])('%s', async (command, keys, how) => {
    const store = await givenStore()
    const cwd = givenFiles({ 'a b.txt': '1', 'sub/e': '3', ...(how === 'NULs' ? { 'c\nd': '2' } : {}) })
    const { code } = await shell(`${command} --on-error skip`, { store, cwd })
    expect(code).toBe(0)
    expect((await contents(store)).map(([key]) => key)).toEqual(
      how === 'NULs' ? keys : keys.filter((key) => !key.includes('\n')),
    )
  })

  test.each([
    ['img:{name}', ['img:c.tar.gz', 'img:x']],
    ['stem', ['c.tar', 'x']],
    ['{dir}|{stem}|{ext}', ['.|x|', 'a/b|c.tar|gz']],
    ['{name:*>8}', ['*******x', 'c.tar.gz']],
  ])('--key %s makes the key of the path', async (key, keys) => {
    const store = await givenStore()
    const cwd = givenFiles({ 'a/b/c.tar.gz': '1', x: '2' })
    expectRun(await kv(['batch-put', '--files', '--key', key, 'a/b/c.tar.gz', 'x'], { store, cwd }), {
      stderr: SUMMARY,
    })
    expect((await contents(store)).map(([name]) => name)).toEqual(keys)
  })

  test.each([
    ['/a.b', '/||a|b|/a.b'],
    ['a/.rc', 'a||.rc||a/.rc'],
    ['./a.', '.||a||./a.'],
  ])('the parts of %s', async (path, parts) => {
    const store = await givenStore()
    const cwd = givenFiles(path.startsWith('/') ? {} : { [path]: '1' })
    const run = await kv(
      [
        'batch-put',
        '--files',
        '--dry-run',
        '--json',
        '--on-error',
        'skip',
        '--key',
        '{dir}||{stem}|{ext}|{path}',
        path,
      ],
      { store, cwd },
    )
    if (path.startsWith('/')) expect(run.stderr).toContain('/a.b: no such file or folder')
    else expect(String(run.stdout)).toContain(`"key":"${parts}"`)
  })

  test('--prefix and --ttl hold for files', async () => {
    const store = await givenStore()
    const cwd = givenFiles({ a: '1' })
    expectRun(await kv(['batch-put', '--files', '--prefix', 'f:', '--ttl', '1h', 'a'], { store, cwd }), {
      stderr: SUMMARY,
    })
    expect(String((await kv(['ttl', 'f:a'], { store })).stdout)).toMatch(/^3[56]\d\d/)
  })

  test('of two files with one key the last wins', async () => {
    const store = await givenStore()
    const cwd = givenFiles({ 'a/x': '1', 'b/x': '2' })
    await kv(['batch-put', '--files', '--key', 'name', 'a/x', 'b/x'], { store, cwd })
    expect(await contents(store)).toEqual([['x', '2']])
  })

  test('what cannot be read is a refused record with its reason; the entries before it are stored', async () => {
    const store = await givenStore()
    const cwd = givenFiles({ a: '1', 'sub/b': '2', c: '3' })
    expectRun(await kv(['batch-put', '--files', 'a', 'sub', 'c'], { store, cwd }), {
      stderr: errorText(
        'sub: it is a folder; the 1 record before it is stored',
        'KV_INVALID_INPUT',
        'leave it out and run it again (what is stored already does no harm), or use --on-error skip',
      ),
      code: 3,
    })
    expect(await contents(store)).toEqual([['a', '1']])
  })

  test('refused ones are skipped, named and written to the rejects with their path', async () => {
    const store = await givenStore([['old', '1']])
    const cwd = givenFiles({ a: '1', 'sub/b': '2' })
    symlinkSync('loop', join(cwd, 'loop'))
    const refused = {
      sub: 'it is a folder',
      pipe: 'it is a pipe',
      loop: 'its symbolic links go round in a circle',
      '/dev/null': 'it is a device',
      gone: 'no such file or folder',
      'a/b': 'what stands before a / is no folder',
      [store]: 'it is a file of the store',
      [`${store}-wal`]: 'it is a file of the store',
      [`/${'x'.repeat(300)}`]: 'the name is too long',
    }
    const { stderr, code } = await shell('mkfifo pipe; kv batch-put --files --on-error skip --rejects bad.jsonl', {
      env: { KV_STORE: store },
      cwd,
      input: ['a', ...Object.keys(refused), 'a\0b'].join('\n'),
    })
    const nul = 'its name has a NUL in it, which is for -0'
    const reasons = [...Object.entries(refused), ['a\0b', nul]]
    expect([code, stderr.replace(/, 1 B in .*/s, '')]).toEqual([
      0,
      `${reasons.map(([path, reason]) => `kv: skipped ${path!.replace('\0', String.raw`\x00`)}: ${reason}\n`).join('')}1 put, 10 skipped`,
    ])
    const rejects = readFileSync(join(cwd, 'bad.jsonl'), 'utf8').trimEnd().split('\n')
    expect(rejects.map((line) => JSON.parse(line) as unknown)).toEqual(
      reasons.map(([source, reason], n) => ({ file: 'stdin', line: n + 2, reason, source })),
    )
    expect(await contents(store)).toEqual([
      ['a', '1'],
      ['old', '1'],
    ])
  })

  test('a file too many ends the run with --max-errors', async () => {
    const store = await givenStore()
    const cwd = givenFiles({ a: '1' })
    expectRun(await kv(['batch-put', '--files', '--max-errors', '1', 'x', 'a', 'y', 'a'], { store, cwd }), {
      stderr:
        /^kv: skipped x: no such file or folder\nkv: y: no such file or folder, and no more than 1 may be refused; the 1 record before it is stored/,
      code: 3,
    })
  })

  test('--if-absent leaves keys that are there, and of two files with one key the first stays', async () => {
    const store = await givenStore([['x', '0']])
    const cwd = givenFiles({ 'a/x': '1', 'a/y': '2', 'b/y': '3' })
    expectRun(await kv(['batch-put', '--files', '--if-absent', '--key', 'name', 'a/x', 'a/y', 'b/y'], { store, cwd }), {
      stderr: /^1 put, 2 existing, 0 skipped, /,
    })
    expect(await contents(store)).toEqual([
      ['x', '0'],
      ['y', '2'],
    ])
  })

  test('--atomic stores all or nothing', async () => {
    const store = await givenStore()
    const cwd = givenFiles({ a: '1', b: '2' })
    const run = await kv(['batch-put', '--files', '--atomic', 'a', 'gone'], { store, cwd })
    expect([run.code, run.stderr]).toEqual([
      3,
      expect.stringContaining('gone: no such file or folder; nothing was stored'),
    ])
    expect(await contents(store)).toEqual([])
    expectRun(await kv(['batch-put', '--files', '--atomic', 'a', 'b'], { store, cwd }), { stderr: SUMMARY })
    expect(await contents(store)).toHaveLength(2)
  })

  test('a dry run stores nothing, and shows bytes that are not UTF-8 as base64', async () => {
    const store = await givenStore()
    const cwd = givenFiles({ a: Uint8Array.of(0xff), b: 'x' })
    const { stdout, code } = await kv(['batch-put', '--files', '--dry-run', '--json', 'a', 'b'], { store, cwd })
    expect([code, JSON.parse(String(stdout))]).toEqual([
      0,
      expect.objectContaining({
        put: 2,
        first: [
          { key: 'a', value_base64: '/w==' },
          { key: 'b', value: 'x' },
        ],
      }),
    ])
    expect(await contents(store)).toEqual([])
  })

  test('more files than a block holds, and a file longer than one', async () => {
    const store = await givenStore()
    const long = 'x'.repeat(9 << 20)
    const cwd = givenFiles({
      long,
      ...Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`f${n}`, long.slice(0, n << 14)])),
    })
    const { stderr } = await shell('ls | kv batch-put --files', { store, cwd })
    expect(stderr).toMatch(/^41 put, 0 skipped/)
    expect((await contents(store)).map(([key, value]) => [key, value.length])).toEqual(
      [...Array.from({ length: 40 }, (_, n): [string, number] => [`f${n}`, n << 14]), ['long', 9 << 20]].toSorted(
        ([a], [b]) => (String(a) < String(b) ? -1 : 1),
      ),
    )
  })

  test('names that come slowly are stored while the list goes on', async () => {
    const store = await givenStore()
    const cwd = givenFiles({ a: '1', b: '2' })
    const child = startKv(['batch-put', '--files'], { store, cwd })
    const run = ended(child)
    child.stdin!.write('a\n')
    await expect.poll(() => contents(store), { timeout: 20_000 }).toHaveLength(1)
    child.stdin!.end('b\n')
    expectRun(await run, { stderr: /^2 put, / })
    expect(await contents(store)).toHaveLength(2)
  })

  test('an interrupt ends it while it waits for names', async () => {
    const store = await givenStore()
    const cwd = givenFiles({ a: '1' })
    const child = startKv(['batch-put', '--files'], { store, cwd })
    const run = ended(child)
    child.stdin!.write('a\n')
    await expect.poll(() => contents(store), { timeout: 20_000 }).toHaveLength(1)
    child.kill('SIGINT')
    expectRun(await run, { stderr: /^kv: interrupted; the 1 record so far is stored \(KV_INTERRUPTED\)/, code: 130 })
  })

  test('a wrong field of files is a wrong call', async () => {
    expectRun(await kv(['batch-put', '--files', '--key', '{size}', 'x'], { store: await givenStore() }), {
      stderr: errorText('a file has no field size', 'KV_USAGE', 'its fields are path name stem ext dir'),
      code: 2,
    })
  })
})
