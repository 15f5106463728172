import { execFileSync } from 'node:child_process'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { CLUSTERED } from '../../src/drivers/sqlite/layout/clustered.ts'
import type { Layout } from '../../src/drivers/sqlite/layout/layout.ts'
import { LAYOUT_OF_NEW } from '../../src/drivers/sqlite/layout/layouts.ts'
import { ROWS } from '../../src/drivers/sqlite/layout/rows.ts'
import { toText } from '../helpers/bytes.ts'
import { contents, expectRun, givenStore, kv, kvProcess } from '../helpers/kv.ts'
import { LAYOUTS, emptyStore } from '../helpers/layouts.ts'
import { served } from '../helpers/serve.ts'
import { sql } from '../helpers/sql.ts'
import { openTestStore } from '../helpers/store.ts'
import { tempDir } from '../helpers/temp-dir.ts'

const COUNT = 2000
const PAGE = 8192
const key = (n: number): string => `key:${String(n).padStart(5, '0')}`
const value = (n: number): string => `${n} `.repeat(n % 500 === 0 ? 10_000 : n % 7 === 0 ? 100 : 20)

const made = new Map<Layout, Buffer>()

/** A store with short and long values, some of them deleted. */
async function given(layout = LAYOUT_OF_NEW): Promise<string> {
  const path = await givenStore()
  const ready = made.get(layout)
  if (ready !== undefined) {
    writeFileSync(path, ready)
    return path
  }
  emptyStore(path, layout)
  const input = Array.from(
    { length: COUNT },
    (_, n) => `${JSON.stringify({ key: key(n), value: value(n), ...(n % 11 === 0 && { ttl: 1e6 }) })}\n`,
  )
  expectRun(await kvProcess(['batch-put', '--quiet'], { store: path, input: input.join('') }), {})
  expectRun(await kvProcess(['del', '--prefix', 'key:019', '--yes'], { store: path }), { stdout: '100\n' })
  made.set(layout, readFileSync(path))
  return path
}

/** What `kv salvage --json` tells. */
interface Said {
  readonly entries: number
  readonly lost: number
  readonly lost_keys: string[]
  readonly unknown_pages: number
}

/** Random numbers below others, the same for the same seed. */
function numbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** Files that are damaged at random. */
const ROUNDS = Number(process.env['KV_CRASH_ROUNDS'] ?? 25)

const LIVE = COUNT - 100

/** Damages of the bytes of a file, and whether keys that are lost can be named: in format 2 not those of a page of entries. */
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
  test.for(
    LAYOUTS.flatMap(([format, layout]) => DAMAGES.map(([what, ...more]) => [format, what, layout, ...more] as const)),
  )('%s: saves what can be read beside %s', async ([, , layout, damage, expected]) => {
    const [store, folder] = [await given(layout), tempDir()]
    const bytes = damage(readFileSync(store))
    writeFileSync(store, bytes)
    const to = join(folder, 'saved.kv')
    const { stdout, stderr, code } = await kvProcess(['salvage', to, '--json'], { store })
    expect({ stderr, code }).toEqual({ stderr: '', code: 0 })
    const said = JSON.parse(stdout.toString()) as Said
    if (layout === ROWS || expected !== 'some') expect(said.unknown_pages > 0).toBe(expected === 'unknown')
    const saved = await contents(to)
    expect(saved).toHaveLength(said.entries)
    for (const [name, text] of saved) expect(text).toBe(value(Number(name.slice(4))))
    if (expected !== 'unknown') expect(said.lost + said.unknown_pages > 0).toBe(expected === 'some')
    if (said.unknown_pages === 0) {
      const names = new Set([...saved.map(([name]) => name), ...said.lost_keys])
      // Without its first page it is not known which pages were freed.
      expect(names.size).toBeGreaterThanOrEqual(LIVE)
      expect(names.size).toBeLessThan(COUNT)
    }
    expect(said.entries).toBeGreaterThan(20)
    expectRun(await kv(['check'], { store: to }), { stdout: /^ok: / })
    expect(readFileSync(store).equals(bytes)).toBe(true)
  })

  test('format 1: says of how many pages nothing tells what was in them, and counts all that the index names', async () => {
    const [store, folder] = [emptyStore(await givenStore(), ROWS), tempDir()]
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

  test('format 1: knows that pages are gone where the pages that led to them are gone, too', async () => {
    const [store, folder] = [emptyStore(await givenStore(), ROWS), tempDir()]
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

  test('format 2: says of how many pages nothing tells what was in them, and names entries whose values are gone', async () => {
    const [store, folder] = [await given(CLUSTERED), tempDir()]
    const said = async (file: string, bytes: Buffer): Promise<Said> => {
      const [damaged, to] = [join(folder, `${file}.kv`), join(folder, `${file}-saved.kv`)]
      writeFileSync(damaged, bytes)
      return JSON.parse((await kv(['salvage', to, '--json'], { store: damaged })).stdout.toString()) as Said
    }
    const pages = (bytes: Buffer, type: number): number[] =>
      Array.from({ length: bytes.length / PAGE }, (_, n) => n).filter((n) => bytes[n * PAGE] === type)
    const whole = readFileSync(store)
    const long = Array.from({ length: LIVE }, (_, n) => key(n)).filter(
      (name) => value(Number(name.slice(4))).length > 256,
    )
    // A page of long values.
    const values = Buffer.from(whole)
    const page = pages(values, 0x0d).findLast((n) => values.readUInt16BE(n * PAGE + 3) > 5)! * PAGE
    const lost = values.readUInt16BE(page + 3)
    const told = await said('values', values.fill(0, page, page + PAGE))
    expect(told).toMatchObject({ entries: LIVE - lost, lost, unknown_pages: 0 })
    expect(long).toEqual(expect.arrayContaining(told.lost_keys))
    // A page of entries, and the one that leads to them and holds some.
    for (const [file, type] of [
      ['leaf', 0x0a],
      ['interior', 0x02],
    ] as const) {
      const bytes = Buffer.from(whole)
      const hasEntries = (n: number): boolean =>
        / (\d+) \1 \1 /.test(bytes.toString('latin1', n * PAGE, (n + 1) * PAGE))
      const at = pages(bytes, type).find((n) => bytes.readUInt16BE(n * PAGE + 3) > 5 && hasEntries(n))! * PAGE
      const entries = LIVE - bytes.readUInt16BE(at + 3)
      expect(await said(file, bytes.fill(0, at, at + PAGE))).toMatchObject({ entries, lost: 0, unknown_pages: 1 })
    }
  })

  test('format 2: of entries of another program, the value must be in the table of values', async () => {
    const [store, folder] = [emptyStore(await givenStore(), CLUSTERED), tempDir()]
    sql(
      store,
      `create table files(id integer primary key, data blob); insert into files values (1, zeroblob(500)), (2, zeroblob(500));
       insert into kv(key, value) values (x'61', zeroblob(400)), (x'62', zeroblob(400)); delete from kv_long where id = 2`,
    )
    const { stdout } = await kv(['salvage', join(folder, 's.kv'), '--json'], { store })
    expect(JSON.parse(stdout.toString())).toMatchObject({ entries: 1, lost: 1, lost_keys: ['b'], unknown_pages: 0 })
    expect(await contents(join(folder, 's.kv'))).toEqual([['a', '\0'.repeat(400)]])
  })

  test.for(LAYOUTS)(
    '%s: what is saved beside random damage is as it was, and what is not is told of',
    async ([, layout]) => {
      const folder = tempDir()
      const whole = readFileSync(await given(layout))
      let told = 0
      for (let seed = 1; seed <= ROUNDS; seed++) {
        const [path, to] = [join(folder, `${seed}.kv`), join(folder, `${seed}-saved.kv`)]
        const random = numbers(seed)
        const bytes = Buffer.from(whole)
        for (let hits = 1 + random(3); hits > 0; hits--) {
          const page = (1 + random(bytes.length / PAGE - 1)) * PAGE
          const from = random(2) === 0 ? page : page + random(PAGE)
          const length = [PAGE, 4, 40][random(3)]!
          for (let at = from; at < Math.min(from + length, page + PAGE); at++)
            bytes[at] = random(2) === 0 ? 0 : random(256)
        }
        writeFileSync(path, bytes)
        const store = await openTestStore(path)
        const result = await store.care.salvage(to)
        const saved = await contents(to)
        expect(saved, `seed ${seed}`).toHaveLength(result.entries)
        for (const [name, text] of saved)
          if (text !== value(Number(name.slice(4)))) expect.fail(`seed ${seed}: ${name}`)
        const { lost, lostKeys, unknownPages } = result
        const found = new Set(saved.map(([name]) => name))
        const named = new Set(lostKeys.map(toText))
        const missing = Array.from({ length: LIVE }, (_, n) => key(n)).filter((name) => !found.has(name))
        // A key may be damaged, too.
        const unnamed = missing.filter((name) => !named.has(name)).length
        if (layout === CLUSTERED && unknownPages === 0)
          expect(unnamed, `seed ${seed}`).toBeLessThanOrEqual(lost - (missing.length - unnamed))
        if (lost + unknownPages > 0) told++
        expect(await (await openTestStore(to)).check()).toMatchObject({ damagedKeys: [], problems: [] })
        await store.close()
      }
      expect(told).toBeGreaterThan(ROUNDS / 4)
    },
  )

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
