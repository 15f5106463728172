import { existsSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { tempDir } from '../helpers/temp-dir.ts'
import { hasPrograms, script, scriptProcess } from './scripts.ts'
import { given, open } from './sessions.ts'

const NOT_FOUND = 'kv: key not found: nope (KV_NOT_FOUND)\n'

interface Case {
  name: string
  lines: string
  stdout?: string
  stderr?: string | RegExp
  code?: number
  files?: Readonly<Record<string, string>>
}

describe('a redirection of a session does what that of a shell does', () => {
  const home = (): Promise<string> =>
    given([
      ['k', 'v'],
      ['2', 'two'],
      ['tmp', 'x'],
    ])

  test.for<Case>([
    { name: '2>/dev/null is no key of del', lines: 'del tmp 2>/dev/null\nget 2', stdout: '1\ntwo' },
    {
      name: '2>/dev/null is no value of put',
      lines: 'put k 2>/dev/null',
      stderr: 'kv: stopped at script:1 (exit 2)\n',
      code: 2,
    },
    { name: '2>&1 is no key', lines: 'del tmp 2>&1\nget 2', stdout: '1\ntwo' },
    { name: '1>FILE takes the data', lines: 'get k 1>f\nget 2', stdout: 'two', files: { f: 'v' } },
    { name: 'a blank before > makes the digit a word', lines: 'get 2 > f', files: { f: 'two' } },
    { name: 'words may follow the file', lines: 'get > f k', files: { f: 'v' } },
    {
      name: '2>FILE takes the messages',
      lines: 'get nope 2> err',
      stderr: 'kv: stopped at script:1 (exit 1)\n',
      code: 1,
      files: { err: NOT_FOUND },
    },
    {
      name: '2>> adds to the messages',
      lines: 'get nope 2>> f',
      stderr: 'kv: stopped at script:1 (exit 1)\n',
      code: 1,
      files: { f: `before\n${NOT_FOUND}` },
    },
    {
      name: '2>&1 | sends both through a program',
      lines: 'get k nope 2>&1 | tr a-z A-Z',
      stdout: '{"KEY":"K","VALUE":"V"}\nKV: KEY NOT FOUND: NOPE (KV_NOT_FOUND)\n',
      stderr: /^kv: stopped/,
      code: 1,
    },
    {
      name: '|& does so too',
      lines: 'get nope |& tr a-z A-Z',
      stdout: NOT_FOUND.toUpperCase(),
      stderr: /^kv: stopped/,
      code: 1,
    },
    {
      name: '> FILE 2>&1 and &> FILE put both into the file',
      lines: 'get k nope > f 2>&1',
      stderr: /^kv: stopped/,
      code: 1,
      files: { f: `{"key":"k","value":"v"}\n${NOT_FOUND}` },
    },
    {
      name: '&>> FILE adds both',
      lines: 'get nope &>> f',
      stderr: /^kv: stopped/,
      code: 1,
      files: { f: `before\n${NOT_FOUND}` },
    },
    {
      name: '2>&1 alone makes messages data',
      lines: 'get nope 2>&1',
      stdout: NOT_FOUND,
      stderr: /^kv: stopped/,
      code: 1,
    },
    { name: '>&2 makes data messages', lines: 'get k >&2', stderr: 'v' },
    {
      name: '~ is the home folder',
      lines: 'get k > ~/f\nput h < ~/in\nget h 2>~/err',
      stdout: 'from a file',
      files: { f: 'v', err: '' },
    },
    { name: 'a quoted ~ is none', lines: "put t '~/x'\nget t", stdout: '~/x' },
    {
      name: 'a compound command of the shell goes over lines',
      lines: 'get k | while read -r x || [ -n "$x" ]; do\n  echo "got $x; && $x"\ndone\nget 2',
      stdout: 'got v; && v\ntwo',
    },
    {
      name: '>> and 2>> may add to one file',
      lines: 'get nope >> f 2>> f',
      stderr: /^kv: stopped/,
      code: 1,
      files: { f: `before\n${NOT_FOUND}` },
    },
    { name: '/dev/null may take both', lines: 'get k > /dev/null 2> /dev/null' },
    {
      name: 'a program that is killed has the code that a shell gives it',
      lines: '!kill -TERM $$',
      stderr: 'kv: stopped at script:1 (exit 143)\n',
      code: 143,
    },
    { name: "`>|` and quotes are the shell's", lines: `get k >| 'my file'`, files: { 'my file': 'v' } },
  ])('$name', async ({ lines, stdout = '', stderr = '', code = 0, files = {} }) => {
    const folder = await home()
    writeFileSync(join(folder, 'f'), 'before\n')
    writeFileSync(join(folder, 'in'), 'from a file')
    const run = await (hasPrograms(lines) ? scriptProcess : script)(lines, { home: folder })
    const told = typeof stderr === 'string' ? stderr : expect.stringMatching(stderr)
    expect(run).toEqual({ stdout, stderr: told, code })
    for (const [file, text] of Object.entries(files))
      expect([file, readFileSync(join(folder, file), 'utf8')]).toEqual([file, text])
  })

  test.for([
    ['get nope || put nope made', '||'],
    ['get k && put k x', '&&'],
    ['get k > f; get k', ';'],
    ['get k | cat || put nope made', '||'],
    ['get k | cat; put k x', ';'],
    ['get k > f & put k x', '&'],
    ['get k | cat &', '&'],
    ['put k <<EOF', '<<'],
    ['get k | cat <<EOF', '<<'],
    ['put k <<< x', '<<<'],
    ['get k 3>&1', '3>&1'],
    ['get k 2>&-', '2>&-'],
    ['get k <> f', '<>'],
    ['get k 2>&1 > f', '2>&1'],
    ['get `x`', '`'],
    ['get $(x)', '$('],
    ['get $K', '$K'],
    ['> f', 'no command'],
    ['| cat', 'no command'],
    ['< f', 'no command'],
    ['get k >', 'no file'],
    ['get k > f 2>', 'no file'],
    ['get k > # f', 'no file'],
    ['get k >2>f', 'no file'],
    ['get k > g 2> g', 'over each other'],
    ['get k > g 2>> ./g', 'over each other'],
    ['put k < /dev/null', 'no VALUE'],
  ])('what it cannot do is refused by name, and nothing is run: %s', async ([line, named]) => {
    const folder = await home()
    writeFileSync(join(folder, 'f'), 'before')
    const { stdout, stderr, code } = await script(line!, { home: folder })
    expect({ stdout, code }).toEqual({ stdout: '', code: 2 })
    expect(stderr).toContain(named)
    expect(stderr).toContain('KV_USAGE')
    expect(readFileSync(join(folder, 'f'), 'utf8')).toBe('before')
    expect((await script('range --keys', { home: folder })).stdout).toBe('2\nk\ntmp\n')
  })

  test('a file that cannot be written or read keeps the command from running', async () => {
    const folder = await home()
    mkdirSync(join(folder, 'folder'))
    for (const redirection of ['> nowhere/f', '> folder', '2> nowhere/f', '< nowhere']) {
      expect(await script(`del k ${redirection}`, { home: folder })).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(/^kv: cannot (read|write) \S+: .* \(KV_USAGE\)\n/),
      })
    }
    expect((await script('get k', { home: folder })).stdout).toBe('v')
  })

  test('why a file cannot be opened is told in words', async () => {
    const folder = await home()
    writeFileSync(join(folder, 'file'), '')
    symlinkSync('circle', join(folder, 'circle'))
    const told = async (line: string): Promise<string> =>
      (await script(line, { home: folder })).stderr.split('\n', 1)[0]!
    expect(await told('get k > file/f')).toBe('kv: cannot write file/f: what stands before a / is no folder (KV_USAGE)')
    expect(await told('put k < file/f')).toBe('kv: cannot read file/f: what stands before a / is no folder (KV_USAGE)')
    expect(await told('.read circle')).toBe(
      'kv: cannot read circle: its symbolic links go round in a circle (KV_USAGE)',
    )
    expect(await told(`get k 2> ${'f'.repeat(300)}`)).toMatch(/^kv: cannot write f+: the name is too long/)
  })

  test('a wrong call leaves the file of > as it is, a negative answer does not', async () => {
    const folder = await home()
    for (const file of ['a', 'b']) writeFileSync(join(folder, file), 'before')
    await script('get --wrong > a\n.read nowhere > a\nget nope > b', { home: folder, args: ['--keep-going'] })
    expect([readFileSync(join(folder, 'a'), 'utf8'), readFileSync(join(folder, 'b'), 'utf8')]).toEqual(['before', ''])
  })
})

test('a name that only the shell can tell makes no file of its own', async () => {
  const home = await given([['k', 'v']])
  await scriptProcess('get k > {a,b}', { home, env: { SHELL: '/bin/bash' } })
  await scriptProcess('get k > ~nobody.such/f', { home })
  expect(readdirSync(home).filter((name) => !name.startsWith('t.kv') && !name.startsWith('.'))).toEqual([])
})

describe('commands that run others hand their redirections on', () => {
  test('.read FILE > out: data, of programs as well', async () => {
    const home = await given([['k', 'v']])
    writeFileSync(join(home, 'inner'), 'get k\nget k | tr a-z A-Z\n!echo program\nget k > own\n')
    writeFileSync(join(home, 'in'), 'typed')
    writeFileSync(join(home, 'puts'), 'put fromin\n')
    expect(await scriptProcess('.read inner > out\n.read inner | rev\n.read puts < in\nget fromin', { home })).toEqual({
      stdout: 'margorpVv\ntyped',
      stderr: '',
      code: 0,
    })
    expect(readFileSync(join(home, 'out'), 'utf8')).toBe('vVprogram\n')
    expect(readFileSync(join(home, 'own'), 'utf8')).toBe('v')
  })

  test('.read FILE 2> err: messages, with the place', async () => {
    const home = await given([])
    writeFileSync(join(home, 'inner'), 'get nope\n')
    expect(await script('.read inner 2> err', { home })).toMatchObject({ stdout: '', code: 1 })
    expect(readFileSync(join(home, 'err'), 'utf8')).toBe(`${NOT_FOUND}kv: stopped at inner:1 (exit 1)\n`)
  })

  test('.help COMMAND > FILE', async () => {
    const home = await given([])
    expect(await script('.help get > a\n.help undo > b\n', { home })).toEqual({ stdout: '', stderr: '', code: 0 })
    expect(readFileSync(join(home, 'a'), 'utf8')).toContain('Usage: kv get')
    expect(readFileSync(join(home, 'b'), 'utf8')).toContain('Usage: .undo')
  })

  test('.watch N COMMAND | PROGRAM', async () => {
    using screen = await open({ home: await given([['k', 'v']]) })
    screen.type('.watch 20ms count | sed -u s/1/one/\r')
    await screen.until(/^one\r?\none$/m)
    screen.type('\u0003')
    await screen.until(() => screen.cursor.line === 't.kv [130]>')
  })
})

test('programs of a session find its store and its options', async () => {
  const home = await given([['k', 'v']])
  mkdirSync(join(home, 'below'))
  const kv = `'${process.execPath}' '${join(import.meta.dirname, '../../bin/kv.cjs')}'`
  expect(
    (
      await scriptProcess(
        `!${kv} get k\n!cd below && ${kv} get k\n.mode csv\n!${kv} range\ncount | xargs ${kv} range --limit`,
        {
          home,
        },
      )
    ).stdout,
  ).toBe('vvkey,value\nk,v\nkey,value\nk,v\n')
  expect(existsSync(join(home, '.local'))).toBe(false)
})

test('a shell that does not exist is told', async () => {
  const home = await given([['k', 'v']])
  for (const line of ['get k | cat', '!echo x']) {
    expect(await script(line, { home, env: { SHELL: '/nonexistent' } })).toMatchObject({
      stdout: '',
      code: 2,
      stderr: expect.stringContaining('kv: cannot run /nonexistent: no such file or folder (KV_USAGE)\nhint: '),
    })
  }
})

test('a line too long for a program is refused', async () => {
  const { stderr, code } = await script(`count | grep ${'x'.repeat(200_000)}`, { home: tempDir() })
  expect(stderr).toContain('the line is too long for a program (KV_USAGE)')
  expect(code).toBe(2)
})
