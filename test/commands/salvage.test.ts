import { execFileSync } from 'node:child_process'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { contents, expectRun, givenStore, kv, kvProcess } from '../helpers/kv.ts'
import { served } from '../helpers/serve.ts'
import { tempDir } from '../helpers/temp-dir.ts'

const COUNT = 2000
const PAGE = 8192
const key = (n: number): string => `key:${String(n).padStart(5, '0')}`
const value = (n: number): string => `${n} `.repeat(n % 500 === 0 ? 10_000 : 20)

/** A store with short and long values, some of them deleted. */
async function given(): Promise<string> {
  const path = await givenStore()
  const input = Array.from({ length: COUNT }, (_, n) => `${JSON.stringify({ key: key(n), value: value(n) })}\n`)
  expectRun(await kvProcess(['batch-put', '--quiet'], { store: path, input: input.join('') }), {})
  expectRun(await kvProcess(['del', '--prefix', 'key:019', '--yes'], { store: path }), { stdout: '100\n' })
  return path
}

const LIVE = COUNT - 100

/** Damages of the bytes of a file, and whether keys that are lost can be named. */
const DAMAGES: readonly [name: string, damage: (bytes: Buffer) => Buffer, lost: 'none' | 'some' | 'unknown'][] = [
  ['nothing', (bytes) => bytes, 'none'],
  ['zeros in the middle', (bytes) => bytes.fill(0, PAGE * 20, PAGE * 24), 'some'],
  ['noise in the middle', (bytes) => bytes.fill(0xa7, PAGE * 30, PAGE * 33), 'some'],
  ['a first page of zeros', (bytes) => bytes.fill(0, 0, PAGE), 'none'],
  [
    'a value with another byte',
    (bytes) => bytes.fill('x', bytes.indexOf('777 777'), bytes.indexOf('777 777') + 1),
    'some',
  ],
  ['an end that is missing', (bytes) => bytes.subarray(0, PAGE * 40 + 100), 'unknown'],
]

describe('kv salvage', () => {
  test.for(DAMAGES)('saves what can be read beside %s', async ([, damage, expected]) => {
    const [store, folder] = [await given(), tempDir()]
    const bytes = damage(readFileSync(store))
    writeFileSync(store, bytes)
    const to = join(folder, 'saved.kv')
    const { stdout, stderr, code } = await kvProcess(['salvage', to, '--json'], { store })
    expect({ stderr, code }).toEqual({ stderr: '', code: 0 })
    const said = JSON.parse(stdout.toString()) as {
      entries: number
      lost: number
      lost_keys: string[]
      unknown_pages: number
    }
    expect(said.unknown_pages > 0).toBe(expected === 'unknown')
    const saved = await contents(to)
    expect(saved).toHaveLength(said.entries)
    for (const [name, text] of saved) expect(text).toBe(value(Number(name.slice(4))))
    if (expected !== 'unknown') {
      const names = new Set([...saved.map(([name]) => name), ...said.lost_keys])
      // Without its first page it is not known which pages were freed.
      expect(names.size).toBeGreaterThanOrEqual(LIVE)
      expect(names.size).toBeLessThan(COUNT)
      expect(said.lost > 0).toBe(expected === 'some')
    }
    expect(said.entries).toBeGreaterThan(100)
    expectRun(await kv(['check'], { store: to }), { stdout: /^ok: / })
    expect(readFileSync(store).equals(bytes)).toBe(true)
  })

  test('says of how many pages nothing tells what was in them, and counts all that the index names', async () => {
    const [store, folder] = [await givenStore(), tempDir()]
    const input = Array.from({ length: 50_000 }, (_, n) => `{"key":"${n}","value":""}\n`)
    await kvProcess(['batch-put', '--quiet'], { store, input: input.join('') })
    const whole = readFileSync(store)
    writeFileSync(store, whole.subarray(0, PAGE * 25))
    expect((await kvProcess(['salvage', join(folder, 'cut.kv')], { store })).stdout.toString()).toMatch(
      /\n[\d,]+ entries saved, at least \d+ lost: nothing tells what was in \d+ pages of the file\n$/,
    )
    const one = Buffer.from(whole)
    const page = Array.from({ length: 60 }, (_, n) => n).findLast((n) => one[n * PAGE] === 0x0d)!
    writeFileSync(store, one.fill(0, page * PAGE, (page + 1) * PAGE))
    const { stdout } = await kvProcess(['salvage', join(folder, 'one.kv'), '--json'], { store })
    const { entries, lost, unknown_pages: pages } = JSON.parse(stdout.toString()) as Record<string, number>
    expect(lost).toBeGreaterThan(100)
    expect({ all: entries! + lost!, pages }).toEqual({ all: 50_000, pages: 0 })
  })

  test('knows that pages are gone where the pages that led to them are gone, too', async () => {
    const [store, folder] = [await givenStore(), tempDir()]
    const input = Array.from({ length: 50_000 }, (_, n) => `{"key":"${n}","value":""}\n`)
    await kvProcess(['batch-put', '--quiet'], { store, input: input.join('') })
    const bytes = readFileSync(store)
    for (let at = PAGE, leaves = 0; at < bytes.length; at += PAGE)
      if (bytes[at] !== 0x0d || ++leaves < 5) bytes.fill(0, at, at + PAGE)
    writeFileSync(store, bytes)
    expect((await kvProcess(['salvage', join(folder, 's.kv')], { store })).stdout.toString()).toMatch(
      /^[\d,]+ entries saved, at least 0 lost: nothing tells what was in 1 page of the file\n$/,
    )
  })

  test('takes no text of another index for a key that is lost', async () => {
    const [store, folder] = [await givenStore([['k', 'v']]), tempDir()]
    execFileSync('sqlite3', [store, `create table other(name text primary key); insert into other values ('x')`])
    expectRun(await kvProcess(['salvage', join(folder, 's.kv')], { store }), { stdout: '1 entry saved, 0 lost\n' })
  })

  test('reads what is in the log', async () => {
    const { url, path } = await served([], { store: await given() })
    expectRun(await kv(['put', 'newest', '1'], { store: url }), {})
    const copy = join(tempDir(), 'copy.kv')
    cpSync(path, copy)
    cpSync(`${path}-wal`, `${copy}-wal`)
    const to = join(tempDir(), 'saved.kv')
    expectRun(await kvProcess(['salvage', to], { store: copy }), { stdout: `1,901 entries saved, 0 lost\n` })
    expect((await contents(to)).at(-1)).toEqual(['newest', '1'])
  })

  test('what it cannot do is refused by name', async () => {
    const letters = join(tempDir(), 'letters')
    writeFileSync(letters, 'letters')
    const to = join(tempDir(), 'saved.kv')
    expectRun(await kv(['salvage', to], { store: letters }), {
      stderr: /letters is not a kv store.*\(KV_FOREIGN\)/,
      code: 4,
    })
    expectRun(await kv(['salvage', to], { store: await givenStore() }), {
      stderr: /^kv: there is no store at /,
      code: 4,
    })
    const { url } = await served()
    expectRun(await kv(['salvage', to], { store: url }), { stderr: /not for http \(KV_NOT_SUPPORTED\)/, code: 2 })
    const store = await given()
    expectRun(await kvProcess(['salvage', letters, '--force'], { store }), { stderr: /\(KV_FOREIGN\)/, code: 4 })
  })
})
