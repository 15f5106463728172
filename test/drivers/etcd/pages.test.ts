import { describe, expect, test } from 'vitest'
import { compareBytes, prefixEnd, utf8 } from '../../../src/bytes.ts'
import { KvError } from '../../../src/errors.ts'
import type { Cluster } from '../../../src/drivers/etcd/cluster/cluster.ts'
import { type EtcdRange, Keys, isLast } from '../../../src/drivers/etcd/keys.ts'
import { cutsBetween } from '../../../src/drivers/etcd/read/cuts.ts'
import { forwardPages } from '../../../src/drivers/etcd/read/forward.ts'
import { keyAt } from '../../../src/drivers/etcd/read/page.ts'
import { reversePages } from '../../../src/drivers/etcd/read/reverse.ts'
import { Snapshot } from '../../../src/drivers/etcd/read/snapshot.ts'
import { RangeResponse, METHODS } from '../../../src/drivers/etcd/wire/messages.ts'
import { RANGE_PAGE, decodeRangePage } from '../../../src/drivers/etcd/wire/range-page.ts'
import { leaseId } from '../../../src/drivers/etcd/lease/lease-id.ts'

const NOW = 1_800_000_000_000

/** Answers ranges as etcd does, from an array of keys in order, and counts what it is asked. */
class OneRevision {
  calls = 0
  /** Entries whose place in the index was looked at. */
  walked = 0
  /** A longer answer is refused. */
  maxAnswerBytes = Infinity
  readonly #keys: readonly Uint8Array[]
  readonly #isExpired: (i: number) => boolean
  readonly #valueBytes: (i: number) => number

  constructor(
    keys: readonly Uint8Array[],
    isExpired: (i: number) => boolean = () => false,
    valueBytes: (i: number) => number = () => 1,
  ) {
    this.#keys = keys
    this.#isExpired = isExpired
    this.#valueBytes = valueBytes
  }

  async call(method: unknown, request: unknown): Promise<unknown> {
    if (++this.calls > 5000) throw new Error('too many calls')
    if (method === RANGE_PAGE) {
      const answer = RangeResponse.encode(this.#range(request as RangeAsked))
      if (answer.length > this.maxAnswerBytes) throw new KvError('KV_TOO_LARGE', 'larger than max')
      return decodeRangePage(answer)
    }
    expect(method).toBe(METHODS.txn)
    const { success } = request as { success: { range: RangeAsked }[] }
    expect(success.length).toBeLessThanOrEqual(128)
    return { responses: success.map(({ range }) => ({ range: this.#range(range) })) }
  }

  #range({ key, rangeEnd, limit = 0, keysOnly = false, revision = 0 }: RangeAsked) {
    expect([0, 7]).toContain(revision)
    const from = firstAtLeast(this.#keys, key)
    const to = isLast(rangeEnd) ? this.#keys.length : firstAtLeast(this.#keys, rangeEnd)
    const count = to - from
    this.walked += count
    const kvs = Array.from({ length: limit === 0 ? count : Math.min(limit, count) }, (_, n) => ({
      key: this.#keys[from + n]!,
      modRevision: 5,
      value: keysOnly ? undefined : new Uint8Array(this.#valueBytes(from + n)),
      lease: this.#isExpired(from + n) ? leaseId(NOW) : undefined,
    }))
    return { header: { revision: 7 }, kvs, more: kvs.length < count, count }
  }
}

interface RangeAsked extends EtcdRange {
  readonly limit?: number
  readonly keysOnly?: boolean
  readonly revision?: number
}

function firstAtLeast(keys: readonly Uint8Array[], key: Uint8Array): number {
  let [low, high] = [0, keys.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compareBytes(keys[middle]!, key) < 0) low = middle + 1
    else high = middle
  }
  return low
}

function inOrder(keys: readonly Uint8Array[]): Uint8Array[] {
  const sorted = keys.filter(({ length }) => length > 0).toSorted(compareBytes)
  return sorted.filter((key, i) => i === 0 || compareBytes(sorted[i - 1]!, key) < 0)
}

/** Numbers that are the same in each run. */
function random(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

const next = random(1)
const numbered = (count: number, digits: number, before = ''): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => utf8(before + String(i).padStart(digits, '0')))
const bytes = (length: number, alphabet: readonly number[]): Uint8Array =>
  Uint8Array.from({ length }, () => alphabet[next(alphabet.length)]!)

/** Keys that are hard to divide, or to find. */
const KEYS: Readonly<Record<string, Uint8Array[]>> = {
  none: [],
  one: [utf8('a')],
  numbers: numbered(22_000, 9),
  'numbers that are not padded': Array.from({ length: 22_000 }, (_, i) => utf8(`user:${i}`)),
  'random bytes': Array.from({ length: 30_000 }, () =>
    bytes(
      8,
      Array.from({ length: 256 }, (_, i) => i),
    ),
  ),
  'zeros and 0xff': Array.from({ length: 5000 }, () => bytes(1 + next(14), [0, 0xff])),
  'each the beginning of the next': Array.from({ length: 400 }, (_, i) => new Uint8Array(i + 1).fill(0x61)),
  'of 0xff, each the beginning of the next': Array.from({ length: 300 }, (_, i) => new Uint8Array(i + 1).fill(0xff)),
  'long with the difference at the end': numbered(300, 3, 'x'.repeat(20_000)),
  'far from each other': [
    ...numbered(5000, 5, 'a/0/'),
    ...numbered(9000, 5, 'a/x/'),
    ...numbered(10, 2, 'm'),
    ...numbered(9000, 6, '\u{1F600}'),
  ],
}

const PREFIXES: readonly Uint8Array[] = [utf8(''), Uint8Array.of(0x61, 0xff, 0xff)]

async function keysOf(pages: AsyncIterable<Parameters<typeof keyAt>[0]>, reverse: boolean): Promise<Uint8Array[]> {
  const keys: Uint8Array[] = []
  for await (const page of pages) {
    expect(page.count).toBeGreaterThan(0)
    const of = Array.from({ length: page.count }, (_, i) => keyAt(page, i))
    keys.push(...(reverse ? of.toReversed() : of))
  }
  return keys
}

describe('pages of a range', () => {
  const cases = Object.keys(KEYS).flatMap((name) => PREFIXES.map((prefix, n) => [name, n, prefix] as const))
  test.each(cases)('%s, behind prefix %i', async (name, _, prefix) => {
    const keys = new Keys(prefix)
    const own = inOrder(KEYS[name]!)
    const outside = own.map((key) => keys.outside(key))
    const after = prefixEnd(prefix)
    const others = prefix.length === 0 ? [] : [prefix.subarray(0, -1), ...(after === undefined ? [] : [after])]
    const all = inOrder([...others, ...outside])
    const bounds = (): { start: Uint8Array | undefined; end: Uint8Array | undefined } => {
      const [a, b] = [own[next(own.length)], own[next(own.length)]]
      if (a === undefined || b === undefined || compareBytes(a, b) >= 0) return { start: undefined, end: undefined }
      return { start: next(3) === 0 ? undefined : a, end: next(3) === 0 ? undefined : b }
    }
    const isExpired = (i: number): boolean => next(2) === 0 && i % 3 === 0
    const expired = new Set(all.map((_, i) => i).filter(isExpired))
    for (let round = 0; round < 4; round++) {
      const query = round === 0 ? { start: undefined, end: undefined } : bounds()
      const hides = round === 3
      const limit = round === 0 ? Infinity : 1 + next(2000)
      const [from, to] = [query.start ?? new Uint8Array(), query.end]
      const wanted = own.filter(
        (key) =>
          compareBytes(key, from) >= 0 &&
          (to === undefined || compareBytes(key, to) < 0) &&
          !(hides && expired.has(firstAtLeast(all, keys.outside(key)))),
      )
      for (const reverse of [false, true]) {
        const etcd = new OneRevision(all, hides ? (i) => expired.has(i) : undefined)
        const snapshot = new Snapshot(etcd as unknown as Cluster, NOW)
        const range = keys.range(query)
        const pages = reverse
          ? reversePages(snapshot, range, { limit, keysOnly: false }, 128, undefined)
          : forwardPages(snapshot, range, { limit, keysOnly: false }, undefined)
        const found = await keysOf(pages, reverse)
        const expected = (reverse ? wanted.toReversed() : wanted).slice(0, limit).map((key) => keys.outside(key))
        expect(found.length).toBe(expected.length)
        expect(found.findIndex((key, i) => compareBytes(key, expected[i]!) !== 0)).toBe(-1)
      }
    }
  })

  test('few calls, and little of the index, however many entries come after a page', async () => {
    const keys = inOrder([...numbered(100_000, 8, 'user:'), ...numbered(30_000, 8, 'zebra:')])
    const forward = new OneRevision(keys)
    const range = new Keys(new Uint8Array()).range({ start: undefined, end: undefined })
    const all = { limit: Infinity, keysOnly: false }
    await keysOf(forwardPages(new Snapshot(forward as unknown as Cluster, NOW), range, all, undefined), false)
    expect(forward.calls).toBeLessThan(45)
    expect(forward.walked).toBeLessThan(4 * keys.length)
    const last = new OneRevision(keys)
    const ten = { limit: 10, keysOnly: false }
    await keysOf(reversePages(new Snapshot(last as unknown as Cluster, NOW), range, ten, 128, undefined), true)
    expect(last.calls).toBeLessThan(10)
    expect(last.walked).toBeLessThan(3 * keys.length)
    const reverse = new OneRevision(keys)
    await keysOf(reversePages(new Snapshot(reverse as unknown as Cluster, NOW), range, all, 128, undefined), true)
    expect(reverse.calls).toBeLessThan(60)
    expect(reverse.walked).toBeLessThan(6 * keys.length)
  })

  test.each([false, true])(
    'what is too large for one answer is asked for in smaller pages, reverse: %s',
    async (reverse) => {
      const keys = numbered(1000, 5)
      // Small ones, then one that is as large as an answer may be, and so on.
      const etcd = new OneRevision(keys, undefined, (i) => (i % 300 < 280 ? 10 : i % 7 === 0 ? 49_000 : 20_000))
      etcd.maxAnswerBytes = 50_000
      const snapshot = new Snapshot(etcd as unknown as Cluster, NOW)
      const range = new Keys(new Uint8Array()).range({ start: undefined, end: undefined })
      const wanted = { limit: Infinity, keysOnly: false }
      const pages = reverse
        ? reversePages(snapshot, range, wanted, 128, undefined)
        : forwardPages(snapshot, range, wanted, undefined)
      const found = await keysOf(pages, reverse)
      expect(found.map((key) => Buffer.from(key).toString())).toEqual(
        (reverse ? keys.toReversed() : keys).map((key) => Buffer.from(key).toString()),
      )
      expect(etcd.calls).toBeLessThan(400)
    },
  )

  test('a small limit is one call', async () => {
    const etcd = new OneRevision(numbered(10_000, 5))
    const range = new Keys(new Uint8Array()).range({ start: undefined, end: undefined })
    const snapshot = new Snapshot(etcd as unknown as Cluster, NOW)
    await keysOf(forwardPages(snapshot, range, { limit: 200, keysOnly: true }, undefined), false)
    expect(etcd.calls).toBe(1)
  })

  test('cuts lie between the first key and the end, in order', () => {
    const all = inOrder(Object.values(KEYS).flat().slice(0, 3000))
    for (let round = 0; round < 300; round++) {
      const [first, end] = [all[next(all.length)]!, all[next(all.length)]!]
      if (compareBytes(first, end) >= 0) continue
      const cuts = cutsBetween(first, end, 3 + next(120))
      for (const [i, cut] of cuts.entries()) {
        expect(compareBytes(i === 0 ? first : cuts[i - 1]!, cut)).toBeLessThan(0)
        expect(compareBytes(cut, end)).toBeLessThan(0)
      }
    }
  })
})
