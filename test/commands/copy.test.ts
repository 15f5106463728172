import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openStore } from '../../src/index.ts'
import { noise } from '../helpers/bytes.ts'
import { type Given, contents, errorText, expectRun, givenStore, kv, kvProcess, startKv, ended } from '../helpers/kv.ts'
import { served } from '../helpers/serve.ts'
import { openTestStore } from '../helpers/store.ts'
import { tempDir } from '../helpers/temp-dir.ts'

const LETTERS: readonly Given[] = ['a', 'b', 'c', 'd', 'e'].map((key) => [key, key.toUpperCase()])
const LATER = Date.UTC(2100, 0, 1)

const SUMMARY = (copied: number, rest = '') =>
  new RegExp(`^${copied} copied${rest}, .* in [\\d.]+ s \\([\\d,]+ rows/s\\)\\n$`)

/** What a copy with these arguments leaves of the letters in a new store. */
const RANGES: readonly (readonly [args: readonly string[], keys: string])[] = [
  [[], 'abcde'],
  [['b', 'd'], 'bcd'],
  [['c'], 'cde'],
  [['--prefix', 'c'], 'c'],
  [['--after', 'b'], 'cde'],
  [['--limit', '2'], 'ab'],
  [['--reverse', '--limit', '2'], 'de'],
  [['--reverse', '--after', 'c'], 'ab'],
  [['--key-encoding', 'hex', '61', '62'], 'ab'],
]

describe('kv copy', () => {
  test.for(RANGES)('%j copies the entries %s', async ([args, keys]) => {
    const target = await givenStore()
    const run = await kv(['copy', await givenStore(LETTERS), target, ...args])
    expectRun(run, { stderr: SUMMARY(keys.length) })
    expect(await contents(target)).toEqual([...keys].map((key) => [key, key.toUpperCase()]))
  })

  test('expiry, binary, empty and long values are carried; what is in DST besides stays', async () => {
    const long = noise(3_000_000)
    const source = await givenStore([
      [Uint8Array.of(0xff, 0), Uint8Array.of(0, 0xfe)],
      ['empty', ''],
      ['long', long],
      ['old', 'gone', { expires: Date.UTC(2001, 0, 2) }],
      ['session', 'on', { expires: LATER }],
    ])
    const target = await givenStore([
      ['kept', '1'],
      ['session', 'before'],
    ])
    expectRun(await kv(['copy', source, target]), { stderr: SUMMARY(4) })
    await using store = await openStore(target)
    expect(await store.count()).toBe(5)
    expect(await store.getEntry('session')).toMatchObject({ expires: LATER })
    expect(Buffer.from((await store.get('long'))!).equals(long)).toBe(true)
    expect(await store.get(Uint8Array.of(0xff, 0))).toEqual(Uint8Array.of(0, 0xfe))
    expect(await store.check()).toMatchObject({ checked: 5, unchecked: 0, damagedKeys: [], problems: [] })
  })

  test('--if-absent leaves what DST has', async () => {
    const target = await givenStore([['b', 'mine']])
    const run = await kv(['copy', await givenStore(LETTERS), target, '--if-absent'])
    expectRun(run, { stderr: SUMMARY(4, ', 1 existing') })
    expect((await contents(target))[1]).toEqual(['b', 'mine'])
  })

  test('--json prints the summary as one object', async () => {
    const run = await kv(['copy', await givenStore(LETTERS), await givenStore(), '--json', '--quiet'])
    expectRun(run, { stdout: /^\{"copied":5,"bytes":10,"seconds":[\d.]+,"rows_per_second":\d+\}\n$/ })
    const again = await kv(['copy', await givenStore(LETTERS), await givenStore(), '--json', '--quiet', '--if-absent'])
    expectRun(again, { stdout: /^\{"copied":5,"existing":0,"bytes":10,/ })
  })

  test('copies from and to a server', async () => {
    const { url, path } = await served()
    expectRun(await kvProcess(['copy', await givenStore(LETTERS), url]), { stderr: SUMMARY(5) })
    expect((await contents(path)).length).toBe(5)
    const target = await givenStore()
    expectRun(await kvProcess(['copy', url, target, '--after', 'b']), { stderr: SUMMARY(3) })
    expect((await contents(target)).map(([key]) => key)).toEqual(['c', 'd', 'e'])
  })

  test('refuses to copy a store onto itself, by whatever name', async () => {
    const store = await givenStore(LETTERS)
    const link = join(tempDir(), 'link.kv')
    symlinkSync(store, link)
    for (const other of [store, link, `file:${store}`])
      expectRun(await kv(['copy', store, other]), {
        stderr: errorText(`${store} and ${other} are the same store`, 'KV_USAGE'),
        code: 2,
      })
  })

  test('a source that is not there is no empty store, and DST is not made', async () => {
    const [source, target] = [await givenStore(), await givenStore()]
    expectRun(await kv(['copy', source, target]), {
      stderr: errorText(
        `there is no store at ${source}`,
        'KV_UNAVAILABLE',
        'is it the right name, and the disk mounted? The first put makes a store',
      ),
      code: 4,
    })
    expect(existsSync(target)).toBe(false)
  })

  test('one that fails midway says what is copied for certain, and the command that goes on', async () => {
    const value = noise(100_000)
    const source = await givenStore(
      Array.from({ length: 300 }, (_, i): Given => [`k${String(i).padStart(3, '0')}`, value]),
    )
    const { url, child } = await served()
    const target = await openTestStore(url)
    const copying = startKv(['copy', source, url, '--prefix', 'k', '--limit', '299'])
    const run = ended(copying)
    while ((await target.count()) === 0) await new Promise(setImmediate)
    child.kill('SIGKILL')
    const { stderr, code } = await run
    expect(code).toBe(4)
    const [, count, last, rest, limit] =
      /; copied for certain: (\d+) entries, up to (k\d+) \(KV_\w+\)\nhint: go on: kv copy (.*) --after \2 --limit (\d+)\n$/.exec(
        stderr,
      ) ?? expect.fail(stderr)
    expect(Number(count)).toBe(Number(last!.slice(1)) + 1)
    expect(Number(limit)).toBe(299 - Number(count))
    expect(rest).toBe(`${source} ${url} --prefix k`)
  })

  test('stops at an entry that is damaged, stores those before it, and says how to go on without it', async () => {
    const source = await givenStore([...LETTERS.slice(0, 2), ['bad', 'needle'.repeat(20)], ...LETTERS.slice(2)])
    const bytes = readFileSync(source)
    bytes[bytes.indexOf('needleneedle')] = 0x4e
    writeFileSync(source, bytes)
    const target = await givenStore()
    expectRun(await kv(['copy', source, target]), {
      stderr: errorText(
        'the entry bad is damaged in the source; copied for certain: 2 entries, up to b',
        'KV_CORRUPT',
        `go on without it: kv copy ${source} ${target} --after bad`,
      ),
      code: 4,
    })
    expect((await contents(target)).map(([key]) => key)).toEqual(['a', 'b'])
    expectRun(await kv(['copy', source, target, '--after', 'bad']), { stderr: SUMMARY(3) })
  })

  test('in a session the store of the session is one of the two', async () => {
    const target = await givenStore()
    const run = await kv(['repl'], { store: 'memory:', input: `put a 1\ncopy memory: ${target}\n` })
    expect(run.stderr).toMatch(/1 copied/)
    expect(await contents(target)).toEqual([['a', '1']])
  })
})
