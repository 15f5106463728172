import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Given, contents, errorText, expectRun, givenStore, kv, kvProcess } from '../helpers/kv.ts'
import { served } from '../helpers/serve.ts'
import { openTestStore } from '../helpers/store.ts'
import { tempDir } from '../helpers/temp-dir.ts'

const ENTRIES: readonly Given[] = [
  ['a', '1'],
  ['b', '2', { expires: Date.UTC(2100, 0, 1) }],
]

describe('kv backup', () => {
  test('copies the store with expiry, says nothing into a pipe, and leaves nothing beside', async () => {
    const [store, folder] = [await givenStore(ENTRIES), tempDir()]
    expectRun(await kv(['backup', 'copy.kv'], { store, cwd: folder }), {})
    expect(readdirSync(folder)).toEqual(['copy.kv'])
    const copy = join(folder, 'copy.kv')
    expect(await contents(copy)).toEqual([
      ['a', '1'],
      ['b', '2'],
    ])
    expectRun(await kv(['ttl', 'b'], { store: copy }), { stdout: /^\d+\n$/ })
    expectRun(await kv(['check'], { store: copy }), { stdout: 'ok: 2 entries checked, 0 without a checksum\n' })
  })

  test('--json prints one object', async () => {
    const [store, folder] = [await givenStore(ENTRIES), tempDir()]
    const { stdout, code } = await kv(['backup', 'copy.kv', '--json'], { store, cwd: folder })
    expect(code).toBe(0)
    const { size } = statSync(join(folder, 'copy.kv'))
    expect(JSON.parse(stdout.toString())).toMatchObject({ file: 'copy.kv', bytes: size, revision: 2 })
  })

  test('- writes the store to standard output', async () => {
    const store = await givenStore(ENTRIES)
    const temporary = tempDir()
    const { stdout, stderr, code } = await kvProcess(['backup', '-'], { store, env: { TMPDIR: temporary } })
    expect({ stderr, code }).toEqual({ stderr: '', code: 0 })
    expect(readdirSync(temporary)).toEqual([])
    const copy = join(tempDir(), 'copy.kv')
    writeFileSync(copy, stdout)
    expect(await contents(copy)).toHaveLength(2)
  })

  test('has what is in the log of a store in use, and the rights of its file', async () => {
    const store = await givenStore(ENTRIES)
    chmodSync(store, 0o640)
    const open = await openTestStore(store)
    await open.put('newest', 'x'.repeat(100_000))
    expect(statSync(`${store}-wal`).size).toBeGreaterThan(100_000)
    const copy = join(tempDir(), 'copy.kv')
    expectRun(await kvProcess(['backup', copy], { store }), {})
    expect((await contents(copy)).map(([key]) => key)).toEqual(['a', 'b', 'newest'])
    expect(statSync(copy).mode & 0o777).toBe(0o640)
  })

  test('a copy put over the original is not taken for the file of its log', async () => {
    const store = await givenStore(ENTRIES)
    const copy = join(tempDir(), 'copy.kv')
    const open = await openTestStore(store)
    expectRun(await kvProcess(['backup', copy], { store }), {})
    await open.put('later', '1')
    const [file, log, other] = [readFileSync(copy), readFileSync(`${store}-wal`), join(tempDir(), 'other.kv')]
    writeFileSync(other, file)
    writeFileSync(`${other}-wal`, log)
    expectRun(await kv(['count'], { store: other }), { stderr: /is the log of another file/, code: 4 })
  })

  const TAKEN: readonly [
    name: string,
    make: (file: string) => unknown,
    error: RegExp,
    code: number,
    forced: boolean,
  ][] = [
    [
      'a store',
      (file) => writeFileSync(file, readFileSync(sample)),
      /is there already \(KV_USAGE\)\nhint: to replace it, add --force\n/,
      2,
      true,
    ],
    ['an empty file', (file) => writeFileSync(file, ''), /is there already \(KV_USAGE\)/, 2, true],
    ['another file', (file) => writeFileSync(file, 'letters'), /is not a kv store \(KV_FOREIGN\)\nhint: /, 4, false],
    ['a folder', (file) => mkdirSync(file), /is a folder \(KV_USAGE\)\nhint: name a file in it/, 2, false],
  ]
  let sample = ''
  test.for(TAKEN)('onto %s', async ([, make, stderr, code, forced]) => {
    const store = await givenStore(ENTRIES)
    sample = await givenStore([['old', '1']])
    const to = join(tempDir(), 'taken')
    make(to)
    const before = statSync(to).isFile() ? readFileSync(to) : undefined
    expectRun(await kv(['backup', to], { store }), { stderr, code })
    if (before !== undefined) expect(readFileSync(to)).toEqual(before)
    const again = await kv(['backup', to, '--force'], { store })
    if (!forced) return expectRun(again, { stderr, code })
    expectRun(again, {})
    expect((await contents(to)).map(([key]) => key)).toEqual(['a', 'b'])
  })

  test('--force replaces no store in use, nor itself', async () => {
    const [store, used] = [await givenStore(ENTRIES), await givenStore([['old', '1']])]
    const open = await openTestStore(used)
    await open.put('more', '1')
    expectRun(await kvProcess(['backup', used, '--force'], { store }), { stderr: /is a store in use/, code: 4 })
    expectRun(await kv(['backup', store, '--force'], { store }), {
      stderr: /is the store itself \(KV_USAGE\)/,
      code: 2,
    })
    expect(await open.count()).toBe(2)
  })

  test('what it cannot do is refused by name', async () => {
    const { url } = await served()
    const store = await givenStore()
    const missing = join(tempDir(), 'no', 'copy.kv')
    expectRun(await kv(['backup', 'x.kv'], { store: url }), {
      stderr: /not for http \(KV_NOT_SUPPORTED\)\nhint: /,
      code: 2,
    })
    expectRun(await kv(['backup', 'x.kv'], { store: 'memory:' }), {
      stderr: /not for memory \(KV_NOT_SUPPORTED\)\n/,
      code: 2,
    })
    expectRun(await kv(['backup', url], { store: await givenStore(ENTRIES) }), {
      stderr: /is no file \(KV_USAGE\)\nhint: entries are copied there with: kv copy /,
      code: 2,
    })
    const cwd = tempDir()
    expectRun(await kv(['backup', 'x.kv'], { store, cwd }), {
      stderr: errorText(
        `there is no store at ${store}`,
        'KV_UNAVAILABLE',
        'is it the right name, and the disk mounted? The first put makes a store',
      ),
      code: 4,
    })
    expect(existsSync(join(cwd, 'x.kv'))).toBe(false)
    expectRun(await kv(['backup', missing], { store: await givenStore(ENTRIES) }), {
      stderr: /its folder does not exist \(KV_UNAVAILABLE\)\nhint: make it first: mkdir -p /,
      code: 4,
    })
  })

  test('a session makes a backup of its own store', async () => {
    const [store, cwd] = [await givenStore(), tempDir()]
    expectRun(
      await kv(['repl'], { store, cwd, input: 'put a 1\nbackup copy.kv\nput b 2\ncount --store copy.kv\ncount\n' }),
      {
        stdout: '1\n2\n',
      },
    )
  })
})
