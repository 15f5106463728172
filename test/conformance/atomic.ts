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

  describe('getOrSet', () => {
    test('computes once for all who ask at once, and stores it', async () => {
      const store = await kit.store()
      let calls = 0
      const compute = async (): Promise<string> => `computed ${++calls}`
      const values = await Promise.all(
        Array.from({ length: 100 }, () => store.getOrSet('a', compute, { ttl: 3_600_000 })),
      )
      expect(new Set(values.map(toText))).toEqual(new Set(['computed 1']))
      values[0]!.fill(0)
      expect(toText(values[1]!)).toBe('computed 1')
      expect(toText(await store.getOrSet('a', compute))).toBe('computed 1')
      expect((await store.getEntry('a'))!.expires).toBeGreaterThan(Date.now())
      expect(calls).toBe(1)
    })

    test('fails for all who wait when that fails, and the next tries again', async () => {
      const store = await kit.store()
      const failing = (): never => {
        throw new Error('no')
      }
      const done = await Promise.allSettled([store.getOrSet('a', failing), store.getOrSet('a', () => 'x')])
      expect(done.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
      expect(await failureCode(() => store.getOrSet('a', () => 5 as never))).toBe('KV_USAGE')
      expect(toText(await store.getOrSet('a', () => 'y'))).toBe('y')
    })

    test('gives what another has stored meanwhile', async () => {
      const store = await kit.store()
      const compute = async (): Promise<string> => {
        await store.put('a', 'theirs')
        return 'ours'
      }
      expect(toText(await store.getOrSet('a', compute))).toBe('theirs')
    })

    test('is left by one who is interrupted, and goes on for the others', async () => {
      const store = await kit.store()
      let resolve: (value: string) => void
      const promise = new Promise<string>((done) => (resolve = done))
      const [stopped, reason] = [new AbortController(), new Error('enough')]
      const left = store.getOrSet('a', () => promise, { signal: stopped.signal })
      const other = store.getOrSet('a', () => 'never')
      stopped.abort(reason)
      expect(await failure(() => left)).toMatchObject({ code: 'KV_INTERRUPTED', cause: reason })
      resolve!('value')
      expect(toText(await other)).toBe('value')
    })
  })

  describe.skipIf(!kit.supports.watch)('take', () => {
    test('gives each entry to one taker, the first first', async () => {
      const store = await kit.store()
      const names = Array.from({ length: 20 }, (_, i) => `job:${String(i).padStart(2, '0')}`)
      for (const key of names) await store.put(key, `do ${key}`)
      await store.put('other', 'x')
      const first = await store.take({ prefix: 'job:' })
      expect([toText(first.key), toText(first.value)]).toEqual(['job:00', 'do job:00'])
      const taken = await Promise.all(names.slice(1).map(() => store.take({ prefix: 'job:' })))
      expect(taken.map(({ key }) => toText(key)).sort()).toEqual(names.slice(1))
      expect(await store.count()).toBe(1)
    })

    test('waits for entries, and takers in several stores share them', async () => {
      const place = await kit.newPlace()
      const store = await kit.store({ place })
      const other = kit.shared ? await kit.store({ place }) : store
      const waiting = [store, other, store, other].map((each) => each.take({ prefix: 'job:' }))
      await store.put('else', 'x')
      for (const key of ['job:1', 'job:2', 'job:3', 'job:4']) await store.put(key, 'x')
      const taken = await Promise.all(waiting)
      expect(taken.map(({ key }) => toText(key)).sort()).toEqual(['job:1', 'job:2', 'job:3', 'job:4'])
      expect(await store.count()).toBe(1)
    })

    test('takes nothing once nobody wants it', async () => {
      const store = await kit.store()
      const [stopped, reason] = [new AbortController(), new Error('enough')]
      const waiting = store.take({ prefix: 'job:' }, { signal: stopped.signal })
      setImmediate(() => stopped.abort(reason))
      expect(await failure(() => waiting)).toMatchObject({ code: 'KV_INTERRUPTED', cause: reason })
      await store.put('job:1', 'x')
      expect(await store.count()).toBe(1)
      expect(await failureCode(() => store.take({ prefix: 'x', limit: 1 } as never))).toBe('KV_USAGE')
      expect(await failureCode(() => store.take({ gt: 'b', lt: 'a' }))).toBe('KV_USAGE')
    })
  })

  describe.skipIf(!kit.supports.syncReads)('without promises', () => {
    test('what is written is there at once, after what was asked for before', async () => {
      const store = await kit.store()
      const before = store.put('a', 'before')
      expect(store.putSync('a', 'after')).toMatchObject({ applied: true, created: false })
      await before
      expect(store.getTextSync('a')).toBe('after')
      expect(store.putSync('a', 'x', { condition: { type: 'absent' } })).toMatchObject({ applied: false })
      expect(store.putSync('b', '1', { ttl: 3_600_000 })).toMatchObject({ applied: true, created: true })
      const revision = store.batchSync([
        { type: 'put', key: 'c', value: '2' },
        { type: 'del', key: 'a' },
      ])
      expect((await store.stat()).revision).toBe(revision)
      expect([store.delSync('b'), store.delSync('b')]).toEqual([true, false])
      expect(await store.count()).toBe(1)
      const conditions = [{ key: 'c', condition: { type: 'absent' } }] as const
      expect(await failure(() => store.batchSync([], { conditions }))).toMatchObject({
        code: 'KV_CONDITION',
        details: { condition: 0 },
      })
    })

    test('refuses what it does not understand', async () => {
      const store = await kit.store()
      const { signal } = new AbortController()
      for (const call of [
        () => store.putSync('a', 5 as never),
        () => store.putSync('a', 'x', { signal } as never),
        () => store.delSync('a', { signal } as never),
        () => store.batchSync([], { signal } as never),
        () => store.batchSync([{ type: 'x' } as never]),
      ])
        expect(await failureCode(call), String(call)).toBe('KV_USAGE')
      expect(await store.count()).toBe(0)
    })
  })

  test.skipIf(kit.supports.syncReads)('a write without a promise is refused where the store is not local', async () => {
    const store = await kit.store()
    for (const call of [() => store.putSync('a', '1'), () => store.delSync('a'), () => store.batchSync([])])
      expect(await failureCode(call)).toBe('KV_NOT_SUPPORTED')
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
