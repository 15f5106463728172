import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { KvError, Store } from '../../src/index.ts'
import { MemoryDriver } from '../../src/drivers/memory/driver.ts'
import type { Driver, DriverPutOptions, Limits } from '../../src/store/driver/driver.ts'
import type { Op, PutResult } from '../../src/store/driver/entry.ts'
import { type BlockRow, block } from '../conformance/suite.ts'
import { toText } from '../helpers/bytes.ts'
import { entries, failure, failureCode } from '../helpers/store.ts'

/** A store whose batches are small, with what it was asked for. `fail` names batches, from 1, that are refused. */
function limited(limits: Partial<Limits>, fail: readonly number[] = []) {
  const memory = new MemoryDriver()
  const seen = { batches: [] as string[][], underWay: 0, most: 0 }
  const driver: Driver = new Proxy(memory as Driver, {
    get(target, name) {
      if (name === 'limits') return { ...memory.limits, ...limits }
      if (name === 'supports') return { ...memory.supports, repeatedKeys: false }
      if (name === 'load') return undefined
      if (name === 'batch') return batch
      if (name === 'put') return put
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  async function batch(ops: readonly Op[]): Promise<number> {
    await sent(ops.map(({ key }) => toText(key)))
    return memory.batch(ops)
  }
  async function put(key: Uint8Array, value: Uint8Array, options?: DriverPutOptions): Promise<PutResult> {
    await sent([toText(key)])
    return memory.put(key, value, options)
  }
  async function sent(keys: string[]): Promise<void> {
    const number = seen.batches.push(keys)
    seen.most = Math.max(seen.most, ++seen.underWay)
    await new Promise(setImmediate)
    seen.underWay--
    if (fail.includes(number)) throw new KvError('KV_UNAVAILABLE', `batch ${number}`)
  }
  return { store: new Store('limited', driver), seen }
}

const letters = (text: string) => block([...text].map((key) => [key, `value of ${key}`] as const))

const keysOf = async (store: Store): Promise<string> => (await entries(store)).map(({ key }) => toText(key)).join('')

describe('a load that need not be atomic', () => {
  test.for<[string, Partial<Limits>, string[]]>([
    ['operations', { maxBatchOps: 3 }, ['abc', 'de', 'fg']],
    // A key of one byte and a value of ten.
    ['bytes', { maxBatchBytes: 23 }, ['ab', 'cd', 'e', 'fg']],
    ['bytes with what is added to each', { maxBatchBytes: 35, opOverheadBytes: 5 }, ['ab', 'cd', 'e', 'fg']],
    ['nothing', {}, ['abcde', 'fg']],
  ])('is cut by a limit on %s, and between blocks', async ([, limits, batches]) => {
    const { store, seen } = limited(limits)
    const told: number[] = []
    await store.load([letters('abcde'), letters(''), letters('fg')], { atomic: false, onProgress: (n) => told.push(n) })
    expect(seen.batches.map((keys) => keys.join(''))).toEqual(batches)
    expect(told).toEqual(batches.map((_, i) => batches.slice(0, i + 1).join('').length))
    expect(await keysOf(store)).toBe('abcdefg')
  })

  test('has as many batches under way as the driver allows, and never one before the block ahead is stored', async () => {
    const { store, seen } = limited({ maxBatchOps: 1, maxBatchesInFlight: 3 })
    await store.load([letters('abcdefgh'), block([['a', 'last']])], { atomic: false })
    expect(seen.most).toBe(3)
    expect(toText((await store.get('a'))!)).toBe('last')
  })

  test.for<[string, number, number[], string, number | undefined]>([
    ['one at a time', 1, [3], 'abcd', 4],
    ['several at once, of which later ones were stored', 3, [2], 'abefgh', 6],
    ['the first', 1, [1], '', undefined],
  ])('that fails tells how many entries are stored: %s', async ([, maxBatchesInFlight, fail, stored, told]) => {
    const { store, seen } = limited({ maxBatchOps: 2, maxBatchesInFlight }, fail)
    const progress: number[] = []
    const load = store.load([letters('abcdefgh'), letters('z')], {
      atomic: false,
      onProgress: (count) => progress.push(count),
    })
    expect((await failure(() => load)).message).toBe(`batch ${fail[0]}`)
    expect(await keysOf(store)).toBe(stored)
    expect(progress.at(-1)).toBe(told)
    expect(seen.underWay).toBe(0)
  })

  test('of what is absent puts one by one, as many under way as the driver allows, those of one key in their order', async () => {
    const { store, seen } = limited({ maxBatchOps: 100, maxBatchesInFlight: 3 })
    await store.put('c', 'old')
    seen.batches.length = 0
    const told: number[] = []
    let existing: number | undefined
    const blocks = [
      block([['a', '1'], ['b', '1'], ['c', '1'], ['d', '1'], ['d', '2'], ['d'], ['d', '3'], ['e', '1']]),
      block([
        ['e', '2'],
        ['f', '2'],
      ]),
    ]
    const onProgress = (entries: number): number => told.push(entries)
    await store.load(blocks, { atomic: false, ifAbsent: true, onProgress, onExisting: (count) => (existing = count) })
    expect(seen.batches.join('')).toBe('abcddddeef')
    expect([seen.most, existing, told.at(-1)]).toEqual([3, 3, 10])
    const values = (await entries(store)).map(({ key, value }) => toText(key) + toText(value))
    expect(values).toEqual(['a1', 'b1', 'cold', 'd3', 'e1', 'f2'])
  })

  test('does what its entries say one after another, whatever the limits', async () => {
    const row: fc.Arbitrary<BlockRow> = fc.oneof(
      fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.constantFrom('1', '2')),
      fc.tuple(fc.constantFrom('a', 'b', 'c', 'd')),
    )
    const limits = fc.record({ maxBatchOps: fc.constantFrom(1, 3), maxBatchesInFlight: fc.constantFrom(1, 4) })
    const loads = fc.array(fc.array(row, { maxLength: 10 }), { maxLength: 3 })
    await fc.assert(
      fc.asyncProperty(limits, loads, fc.boolean(), async (limits, all, ifAbsent) => {
        const { store } = limited(limits)
        for (const key of ['a', 'c']) await store.put(key, 'old')
        const wanted = new Map([
          ['a', 'old'],
          ['c', 'old'],
        ])
        let existing = 0
        let left = 0
        const sorted = all.map((rows) => rows.toSorted(([a], [b]) => (a < b ? -1 : Number(a > b))))
        const blocks = sorted.map((rows) => (ifAbsent ? rows : [...new Map(rows.map((one) => [one[0], one])).values()]))
        for (const [key, value] of blocks.flat() as [string, string | undefined][]) {
          if (value === undefined) wanted.delete(key)
          else if (ifAbsent && wanted.has(key)) existing++
          else wanted.set(key, value)
        }
        await store.load(blocks.map(block), { atomic: false, ifAbsent, onExisting: (count) => (left = count) })
        expect((await entries(store)).map(({ key, value }) => [toText(key), toText(value)])).toEqual(
          [...wanted].toSorted(),
        )
        expect(left).toBe(existing)
        await store.close()
      }),
    )
  })

  test('ends between two batches when it is aborted', async () => {
    const { store } = limited({ maxBatchOps: 2 })
    const stop = new AbortController()
    const load = store.load([letters('abcdef')], { atomic: false, signal: stop.signal, onProgress: () => stop.abort() })
    expect(await failureCode(() => load)).toBe('KV_INTERRUPTED')
    expect(await keysOf(store)).toBe('ab')
  })

  test('refuses an entry over the limits, in its turn', async () => {
    const { store } = limited({ maxBatchOps: 2, maxEntryBytes: 11 })
    const blocks = [letters('ab'), block([['c', 'value of 12']])]
    expect(await failureCode(() => store.load(blocks, { atomic: false }))).toBe('KV_TOO_LARGE')
    expect(await keysOf(store)).toBe('ab')
  })
})

describe('an atomic load', () => {
  test('of one key in several blocks is one operation', async () => {
    const { store, seen } = limited({ maxBatchOps: 2 })
    await store.load([letters('ab'), block([['a', 'last']])])
    expect(seen.batches.map((keys) => keys.join(''))).toEqual(['ab'])
    expect(toText((await store.get('a'))!)).toBe('last')
  })

  test.for<[string, Partial<Limits>, RegExp]>([
    ['entries', { maxBatchOps: 2 }, /at most 2 entries/],
    ['bytes', { maxBatchBytes: 30 }, /at most 30 bytes/],
  ])('of more %s than a batch holds is refused with the limit, and a way out', async ([, limits, message]) => {
    const { store } = limited(limits)
    const error = await failure(() => store.load([letters('ab'), letters('c')]))
    expect(error).toMatchObject({ code: 'KV_TOO_LARGE', message: expect.stringMatching(message) })
    expect(error.hint).toMatch(/--atomic/)
    expect(await store.count()).toBe(0)
  })
})

test('a batch names each key once where the driver wants that: the last operation on it, where it stands', async () => {
  const { store, seen } = limited({ maxBatchOps: 3 })
  await store.batch([
    { type: 'put', key: 'a', value: '1' },
    { type: 'put', key: 'b', value: '1' },
    { type: 'del', key: 'a' },
    { type: 'put', key: 'c', value: '1' },
    { type: 'put', key: 'b', value: '2' },
  ])
  expect(seen.batches.map((keys) => keys.join(''))).toEqual(['acb'])
  expect(await keysOf(store)).toBe('bc')
  expect(toText((await store.get('b'))!)).toBe('2')
})
