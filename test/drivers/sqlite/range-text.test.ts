import { expect, test } from 'vitest'
import { join } from 'node:path'
import type { BatchOp, Entry, Store, TextForm } from '../../../src/index.ts'
import { sqliteEngine } from '../../../src/drivers/sqlite/engine/engine.ts'
import { openStore } from '../../../src/index.ts'
import { FORMATS } from '../../../src/formats/index.ts'
import { printEntries } from '../../../src/output/print-entries.ts'
import type { Pages } from '../../../src/output/print-entries.ts'
import { random } from '../../helpers/bytes.ts'
import { entries, openTestStore } from '../../helpers/store.ts'
import { tempDir } from '../../helpers/temp-dir.ts'

const NOW = Date.parse('2026-06-01T12:00:00Z')

/** What makes fields hard to write: marks of the forms, controls, a NUL, two to four bytes of UTF-8, plain text. */
const PIECES = [
  '"',
  ',',
  '\t',
  '\n',
  '\r',
  '\\',
  '\0',
  '\u001f',
  '\u007f',
  'é',
  '\u2028',
  '😀',
  'a',
  'bcd',
  ' ',
  '12345678',
]

/** Bytes that are not UTF-8, among them those by which the rows of a page are told apart. */
const BAD = [
  [0xfe],
  [0xff],
  [0xfd],
  [0xfd, 0x36, 0x31, 0xfd],
  [0xff, 0xfd, 0x36, 0x31, 0xfd, 0xff],
  [0x80],
  [0xfe, 0xff],
]

/** Which entries a store has besides short ones that are text and never expire, by how many come to one of each kind. */
interface Kinds {
  readonly long?: number
  readonly expiring?: number
  readonly bad?: number
  /** Pieces of a value at most. */
  readonly pieces?: number
}

/** Entries in random order that look random and are the same for the same seed. */
function ops(count: number, { long = 0, expiring = 0, bad = 0, pieces = 12 }: Kinds, seed: number): BatchOp[] {
  const next = random(seed)
  const under = (most: number): number => Math.floor(next() * most)
  const isOne = (of: number): boolean => of > 0 && under(of) === 0
  const piece = (): Uint8Array =>
    isOne(bad) ? Uint8Array.from(BAD[under(BAD.length)]!) : Buffer.from(PIECES[under(PIECES.length)]!)
  const field = (most: number): Buffer => Buffer.concat(Array.from({ length: under(most) }, piece))
  return Array.from({ length: count }, (_, i) => {
    const value = isOne(long) ? Buffer.concat([field(10), Buffer.alloc(16_000 + under(2000), 'long,')]) : field(pieces)
    // Some have expired, some do so at either end of what can be, most in the years between.
    const times = [NOW, NOW + 1, 253_402_300_799_999, NOW + under(1e12), NOW + under(1e14)]
    const expires = isOne(expiring) ? times[under(times.length)] : undefined
    return { type: 'put', key: Buffer.concat([field(4), Buffer.from(String(i))]), value, expires }
  })
}

/** A new store of these entries. */
async function filled(batch: readonly BatchOp[]): Promise<Store> {
  const store = await openTestStore(join(tempDir(), 'store.kv'), { clock: () => NOW, durable: false })
  await store.batch(batch)
  return store
}

type Options = NonNullable<Parameters<Store['rangeText']>[0]>

/** What is printed of a range, and which forms of text the engine was asked for; by entries alone unless it is `quick`. */
async function printed(store: Store, name: 'jsonl' | 'csv' | 'tsv', options: Options, quick: boolean) {
  const parts: Buffer[] = []
  const forms: TextForm[] = []
  let single = 0
  const counted = async function* (pages: AsyncIterable<Uint8Array | Entry[]>): AsyncGenerator<Uint8Array | Entry[]> {
    for await (const page of pages) {
      if (Array.isArray(page)) single += page.length
      yield page
    }
  }
  const { parallel, ...range } = options
  const text = (form: TextForm): Pages | undefined => {
    forms.push(form)
    const pages = store.rangeText({ ...options, ...form, parallel })
    return pages && counted(pages)
  }
  const write = (data: string | Uint8Array): void => void parts.push(Buffer.from(data as Uint8Array))
  await printEntries(
    { isTTY: false, columns: () => 80, write, stream: () => process.stdout },
    { isTTY: false, color: false, columns: () => Infinity },
    { text: quick ? text : undefined, pages: () => store.rangePages(range) } as Parameters<typeof printEntries>[2],
    FORMATS[name],
    { keyEncoding: 'utf8', valueEncoding: 'utf8', jsonValues: false, expiring: () => store.hasExpiring(range) },
    false,
  )
  return { bytes: Buffer.concat(parts), forms, single }
}

const NAMES = ['jsonl', 'csv', 'tsv'] as const

test.for<[string, number, Kinds]>([
  ['short text', 3000, {}],
  ['long values among it', 3000, { long: 100 }],
  ['nothing but long values', 200, { long: 1 }],
  ['entries that expire', 3000, { expiring: 3 }],
  ['both', 3000, { long: 50, expiring: 5 }],
])('the text of a range is what is written entry by entry: %s', async ([, count, kinds]) => {
  const all = ops(count, kinds, 7)
  const store = await filled(all)
  const middle = all[count >> 1]!.key
  for (const name of NAMES) {
    for (const options of [
      {},
      { limit: 1203 },
      { gt: middle },
      { lte: middle, limit: 10 },
      { limit: 0 },
      { prefix: 'a' },
    ]) {
      const made = await printed(store, name, options, true)
      const expected = await printed(store, name, options, false)
      const what = `${name} ${JSON.stringify(options)}`
      expect(made.bytes.equals(expected.bytes), what).toBe(true)
      const expires = await store.hasExpiring(options)
      expect(made.forms, what).toEqual([name === 'jsonl' ? { form: name } : { form: name, expires }])
      const long = (await entries(store, options)).filter(({ value }) => value.length > 16_384)
      expect(made.single, what).toBe(long.length)
    }
  }
})

test('the text of a long range is the same with a thread that helps', async () => {
  const store = await filled(ops(60_000, { long: 2000, expiring: 10, pieces: 100 }, 3))
  for (const name of NAMES) {
    const made = await printed(store, name, { parallel: true }, true)
    const expected = await printed(store, name, {}, false)
    expect(made.bytes.length).toBeGreaterThan(1 << 22)
    expect(made.bytes.equals(expected.bytes), name).toBe(true)
  }
})

test('JSON Lines with bytes that are no text are what is written entry by entry', async () => {
  for (let seed = 0; seed < 12; seed++) {
    const store = await filled(ops(600, { bad: seed < 6 ? 2000 : 20, long: 50, expiring: 9 }, seed))
    const made = await printed(store, 'jsonl', {}, true)
    const expected = await printed(store, 'jsonl', {}, false)
    expect(made.bytes.equals(expected.bytes), `seed ${seed}`).toBe(true)
  }
})

test.for(['csv', 'tsv'] as const)('%s with bytes that are no text is refused as entry by entry', async (form) => {
  for (let seed = 0; seed < 12; seed++) {
    const store = await filled(ops(100, { bad: 200, long: 20 }, seed))
    const made = await printed(store, form, {}, true).catch(String)
    const expected = await printed(store, form, {}, false).catch(String)
    if (typeof made === 'string' || typeof expected === 'string') expect(made).toBe(expected)
    else expect(made.bytes.equals(expected.bytes), `seed ${seed}`).toBe(true)
  }
})

test('whether an entry of a range expires is known among many that do', async () => {
  const put = (key: string, expires?: number): BatchOp => ({ type: 'put', key, value: '', expires })
  const many = Array.from({ length: 10_500 }, (_, i) => put(`a${i}`, NOW + 1000))
  for (const others of [[], many]) {
    const store = await filled([...others, put('y'), put('z'), put('z1', NOW + 2000)])
    for (const [options, any] of [
      [{}, true],
      [{ gte: 'y' }, true],
      [{ gte: 'y', limit: 2 }, false],
      [{ prefix: 'y' }, false],
      [{ prefix: 'z' }, true],
      [{ lt: 'y' }, others.length > 0],
    ] as const)
      expect(await store.hasExpiring(options), JSON.stringify(options)).toBe(any)
  }
})

test('an entry that expires comes as such where its form has no column for that', async () => {
  const store = await filled([
    { type: 'put', key: 'a', value: '1' },
    { type: 'put', key: 'b', value: '2', expires: NOW + 1000 },
  ])
  const pages = []
  for await (const page of store.rangeText({ form: 'csv' })!) pages.push(page)
  expect(pages.flat()).toMatchObject([{ expires: undefined }, { expires: NOW + 1000 }])
})

test('a value that the file has lost ends text and blocks with an error', async () => {
  const path = join(tempDir(), 'lost.kv')
  const store = await openStore(path)
  await store.batch(['a', 'b', 'c'].map((key) => ({ type: 'put', key, value: 'v'.repeat(1000) })))
  const { DatabaseSync } = sqliteEngine()
  const other = new DatabaseSync(path)
  other.exec('delete from kv_long where id = 2')
  other.close()
  const readAll = async (parts: AsyncIterable<unknown>): Promise<void> => {
    for await (const part of parts) expect(part).toBeDefined()
  }
  for (const parts of [store.rangeText()!, store.rangeBlocks()!])
    await expect(readAll(parts)).rejects.toMatchObject({ code: 'KV_CORRUPT' })
  await store.close()
})
