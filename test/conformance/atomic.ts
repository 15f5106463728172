import { describe, expect, test } from 'vitest'
import { DELETE, type Store } from '../../src/index.ts'
import { text as textOf, toText } from '../helpers/bytes.ts'
import { failure, failureCode } from '../helpers/store.ts'
import type { Kit } from './suite.ts'

const END = Date.UTC(2100, 0, 1)

/** Adds 1 to the number that a value is. */
const plusOne = (value: Uint8Array | undefined): string => String(Number(value === undefined ? 0 : toText(value)) + 1)

/** Counts the writes of a store by the revisions that they took. */
async function revisionOf(store: Store): Promise<number> {
  return (await store.stat()).revision
}

/** Reading and writing in one atomic step. */
export function atomic(kit: Kit): void {
  describe('update', () => {
    test('puts, changes, leaves and deletes', async () => {
      const store = await kit.store()
      expect(toText((await store.update('a', plusOne))!)).toBe('1')
      expect(toText((await store.update('a', async (value) => plusOne(value)))!)).toBe('2')
      const before = await revisionOf(store)
      expect(toText((await store.update('a', () => undefined))!)).toBe('2')
      expect(await store.update('none', () => undefined)).toBeUndefined()
      expect(await store.update('none', () => DELETE)).toBeUndefined()
      expect(await revisionOf(store)).toBe(before)
      expect(await store.update('a', () => DELETE)).toBeUndefined()
      expect(await store.has('a')).toBe(false)
    })

    test('keeps when an entry expires unless it is told', async () => {
      const store = await kit.store()
      await store.put('a', '1', { expires: END })
      const expiry = async (): Promise<number | undefined> => (await store.getEntry('a'))!.expires
      await store.update('a', plusOne)
      expect(await expiry()).toBe(END)
      await store.update('a', (value) => value, { expires: new Date(END + 1000) })
      expect(await expiry()).toBe(END + 1000)
      await store.update('a', (value) => value, { ttl: 3_600_000 })
      expect(await expiry()).toBeLessThan(END)
      await store.update('a', (value) => value, { expires: null })
      expect(await expiry()).toBeUndefined()
      expect(toText((await store.get('a'))!)).toBe('2')
    })

    test.for([
      ['at once', plusOne, 3],
      ['by promises', async (value: Uint8Array | undefined) => plusOne(value), 50],
    ] as const)('fifty at once lose nothing and take few writes: %s', async ([, add, writes]) => {
      const store = await kit.store()
      const { revision } = await store.put('n', '0')
      let calls = 0
      const updated = await Promise.all(
        Array.from({ length: 50 }, () => store.update('n', (value) => (calls++, add(value)))),
      )
      expect(new Set(updated.map((value) => toText(value!))).size).toBe(50)
      expect(toText((await store.get('n'))!)).toBe('50')
      expect(calls).toBe(50)
      // The etcd-shaped driver leaves gaps between revisions.
      if (kit.supports.syncReads) expect(await revisionOf(store)).toBeLessThanOrEqual(revision + writes)
    })

    test('those that share a write see each other, in their order; one that fails fails alone', async () => {
      const store = await kit.store()
      await store.put('a', '', { expires: END })
      const add = (letter: string) => store.update('a', (value) => toText(value!) + letter)
      const done = await Promise.allSettled([
        add('a'),
        add('b'),
        store.update('a', () => {
          throw new Error('no')
        }),
        store.update('a', () => 5 as never),
        add('c'),
        store.update('a', async (value) => `${toText(value!)}d`),
        store.update('a', () => DELETE),
        store.update('a', (value) => (value === undefined ? 'anew' : 'not deleted')),
        add('e'),
      ])
      expect(
        done.map((one) => (one.status === 'fulfilled' ? one.value && toText(one.value) : String(one.reason.message))),
      ).toEqual([
        'a',
        'ab',
        'no',
        'a value is a string or bytes, not a number',
        'abc',
        'abcd',
        undefined,
        'anew',
        'anewe',
      ])
      expect(await store.getEntry('a')).toMatchObject({ value: textOf('anewe'), expires: undefined })
    })

    test('goes on from what another store has written meanwhile', async () => {
      const place = await kit.newPlace()
      const store = await kit.store({ place })
      const other = kit.shared ? await kit.store({ place }) : store
      await store.put('n', '0')
      let calls = 0
      const updated = await store.update('n', async (value) => {
        if (calls++ === 0) await other.put('n', '10')
        return plusOne(value)
      })
      expect([toText(updated!), calls]).toEqual(['11', 2])
    })

    test('two stores that count at once lose nothing', async () => {
      const place = await kit.newPlace()
      const stores = kit.shared
        ? [await kit.store({ place }), await kit.store({ place })]
        : [await kit.store({ place })]
      const count = async (store: Store): Promise<void> => {
        for (let n = 0; n < 20; n++) await store.update('n', plusOne)
      }
      await Promise.all(stores.map(count))
      expect(toText((await stores[0]!.get('n'))!)).toBe(String(20 * stores.length))
    })

    test('that nobody wants any more does nothing', async () => {
      const store = await kit.store()
      const [first, second] = [new AbortController(), new AbortController()]
      const reason = new Error('enough')
      const waiting = store.update('a', () => new Promise<string>(() => {}), { signal: first.signal })
      const behind = store.update('a', () => 'behind', { signal: second.signal })
      second.abort(reason)
      expect(await failure(() => behind)).toMatchObject({ code: 'KV_INTERRUPTED', cause: reason })
      const last = store.update('a', () => 'last')
      first.abort(reason)
      expect(await failure(() => waiting)).toMatchObject({ code: 'KV_INTERRUPTED', cause: reason })
      expect(toText((await last)!)).toBe('last')
    })

    test('refuses what it does not understand', async () => {
      const store = await kit.store()
      const calls = [
        () => store.update('a', 'x' as never),
        () => store.update('a', () => 'x', { nonsense: 1 } as never),
        () => store.update('a', () => 'x', { ttl: -1 }),
        () => store.update('a', () => 'x', { ttl: 1000, expires: END }),
        () => store.update('a', () => Symbol('s') as never),
        () => store.incr('a', 1.5),
        () => store.incr('a', 2n ** 63n),
        () => store.incr('a', 1, { nonsense: 1 } as never),
      ]
      for (const call of calls) expect(await failureCode(call), String(call)).toBe('KV_USAGE')
      expect(await failureCode(() => store.update('', () => 'x'))).toBe('KV_INVALID_KEY')
      expect(await store.count()).toBe(0)
    })
  })

  test('incr counts as many as count at once, within 64 bits', async () => {
    const store = await kit.store()
    const sums = await Promise.all(Array.from({ length: 20 }, () => store.incr('n')))
    expect(sums.sort((a, b) => Number(a - b))).toEqual(Array.from({ length: 20 }, (_, i) => BigInt(i + 1)))
    expect(await store.incr('n', -25)).toBe(-5n)
    expect(await store.incr('n', 2n ** 63n - 1n)).toBe(2n ** 63n - 6n)
    expect(await failureCode(() => store.incr('n', 6))).toBe('KV_NOT_INTEGER')
    expect(await store.incr('calls', 1, { ttl: 3_600_000 })).toBe(1n)
    const { expires } = (await store.getEntry('calls'))!
    expect(await store.incr('calls', 1, { ttl: 7_200_000 })).toBe(2n)
    // Written again, it is rounded to the steps of the driver.
    expect((await store.getEntry('calls'))!.expires! - expires!).toBeLessThanOrEqual(store.limits.expiryStepMs)
    await store.put('word', 'x')
    expect(await failureCode(() => store.incr('word'))).toBe('KV_NOT_INTEGER')
  })
}
