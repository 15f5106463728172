import { describe, expect, test } from 'vitest'
import type { BatchOp, Condition, Store } from '../../src/index.ts'
import { text, toText } from '../helpers/bytes.ts'
import { entries, failure, failureCode } from '../helpers/store.ts'
import { type Kit, block, readPages, stoppedClock } from './suite.ts'

const NOW = Date.UTC(2030, 0, 1)

/** Entries that end: from `expires` on they are not there, whichever way one looks. */
export function expiry(kit: Kit): void {
  test('an entry has the expiry it was put with', async () => {
    const store = await kit.store({ clock: () => NOW })
    await store.put('a', '1', { expires: NOW + 5 })
    await store.batch([{ type: 'put', key: 'b', value: '2', expires: NOW + 7 }, put('c')])
    expect((await entries(store)).map(({ expires }) => expires)).toEqual([NOW + 5, NOW + 7, undefined])
    expect((await store.getMany(['c', 'a'])).map((entry) => entry!.expires)).toEqual([undefined, NOW + 5])
    expect((await store.getEntry('b'))!.expires).toBe(NOW + 7)
    expect(await store.stat()).toMatchObject({ entries: 3, expiring: 2 })
  })

  test('an expiry may be as late as the end of the year 9999, and no later', async () => {
    const store = await kit.store({ clock: () => NOW })
    const last = Date.parse('9999-12-31T23:59:59.999Z')
    await store.put('a', '1', { expires: last })
    expect((await store.getEntry('a'))!.expires).toBe(last)
    await expect(store.put('a', '2', { expires: last + 1 })).rejects.toMatchObject({ code: 'KV_USAGE' })
  })

  test('whether an entry of a range expires is known', async () => {
    const clock = stoppedClock(NOW)
    const store = await kit.store({ clock: clock.now })
    expect(await store.hasExpiring()).toBe(false)
    await store.batch([put('a'), put('b'), { type: 'put', key: 'c', value: '', expires: NOW + 5 }])
    expect(await store.hasExpiring()).toBe(true)
    expect(await store.hasExpiring({ gte: 'c' })).toBe(true)
    expect(await store.hasExpiring({ lt: 'c' })).toBe(false)
    expect(await store.hasExpiring({ limit: 2 })).toBe(false)
    expect(await store.hasExpiring({ limit: 1, reverse: true })).toBe(true)
    clock.time += 5
    expect(await store.hasExpiring()).toBe(false)
  })

  describe('an expired entry is seen by nothing', () => {
    const expired = async (): Promise<Store> => {
      const clock = stoppedClock(NOW)
      const store = await kit.store({ clock: clock.now })
      await store.batch([
        put('a', 'kept'),
        { type: 'put', key: 'b', value: 'gone', expires: NOW + 10 },
        put('c', 'kept'),
      ])
      await store.put('d', 'later', { expires: NOW + 100 })
      clock.time = NOW + 10
      return store
    }

    test('not by get, getEntry, getMany and has', async () => {
      const store = await expired()
      expect(await store.get('b')).toBeUndefined()
      expect(await store.getEntry('b')).toBeUndefined()
      expect(await store.has('b')).toBe(false)
      expect(await store.head('b')).toBeUndefined()
      expect((await store.getMany(['a', 'b', 'c', 'd'])).map((entry) => entry && toText(entry.key))).toEqual([
        'a',
        undefined,
        'c',
        'd',
      ])
    })

    test.skipIf(!kit.supports.syncReads)('not by getSync', async () => {
      const store = await expired()
      expect(store.getSync('b')).toBeUndefined()
      expect(toText(store.getSync('d')!)).toBe('later')
      expect([store.getTextSync('b'), store.getTextSync('d')]).toEqual([undefined, 'later'])
    })

    test('not by range, limits and count', async () => {
      const store = await expired()
      const names = async (options = {}) => (await entries(store, options)).map(({ key }) => toText(key))
      expect(await names()).toEqual(['a', 'c', 'd'])
      expect(await names({ keysOnly: true })).toEqual(['a', 'c', 'd'])
      expect(await names({ reverse: true })).toEqual(['d', 'c', 'a'])
      expect(await names({ limit: 2 })).toEqual(['a', 'c'])
      expect(await names({ reverse: true, limit: 3 })).toEqual(['d', 'c', 'a'])
      expect(await names({ gte: 'b', limit: 1 })).toEqual(['c'])
      expect(await names({ prefix: 'b' })).toEqual([])
      expect(await store.count()).toBe(3)
      expect(await store.count({ limit: 2 })).toBe(2)
      expect(await store.count({ gte: 'a' })).toBe(3)
      expect(await store.count({ lte: 'b' })).toBe(1)
      expect(await store.count({ gte: 'a', lte: 'c', limit: 3 })).toBe(2)
      expect(await store.count({ prefix: 'b' })).toBe(0)
    })

    test('not by del', async () => {
      const store = await expired()
      expect(await store.del('b')).toBe(false)
      expect(await store.del('d')).toBe(true)
    })

    test('not by delRange, which does not count it', async () => {
      const store = await expired()
      expect(await store.delRange({ prefix: 'b' })).toBe(0)
      expect(await store.delRange({ gte: 'a', lte: 'c' })).toBe(2)
      expect(await store.delRange({ all: true })).toBe(1)
      expect(await store.count()).toBe(0)
    })

    test('not by stat', async () => {
      const store = await expired()
      expect(await store.stat()).toMatchObject({ entries: 3, expiring: 1 })
    })

    test('not by the conditions of put', async () => {
      const put = async (condition: Condition) => (await expired()).put('b', 'new', { condition })
      expect(await put({ type: 'absent' })).toMatchObject({ applied: true, created: true })
      expect(await put({ type: 'revision', revision: 0 })).toMatchObject({ applied: true, created: true })
      expect(await put({ type: 'value', value: text('gone') })).toEqual({ applied: false, created: false, revision: 0 })
      expect(await put({ type: 'revision', revision: 1 })).toEqual({ applied: false, created: false, revision: 0 })
    })

    test('not by the conditions of del', async () => {
      const store = await expired()
      expect(await store.del('b', { condition: { type: 'value', value: text('gone') } })).toBe(false)
      expect(await store.del('b', { condition: { type: 'revision', revision: 1 } })).toBe(false)
    })

    test('not by put, which makes a new entry', async () => {
      const store = await expired()
      expect(await store.put('b', 'new')).toMatchObject({ applied: true, created: true })
      expect(await store.getEntry('b')).toMatchObject({ expires: undefined })
    })

    test('not after other writes have swept it away', async () => {
      const store = await expired()
      for (let i = 0; i < 3; i++) await store.put('e', `${i}`)
      expect((await entries(store)).map(({ key }) => toText(key))).toEqual(['a', 'c', 'd', 'e'])
      expect(await store.check()).toMatchObject({ damagedKeys: [], problems: [] })
    })
  })

  test('an entry is there until the millisecond before its expiry, and gone in it', async () => {
    const clock = stoppedClock(NOW)
    const store = await kit.store({ clock: clock.now })
    await store.put('a', '1', { expires: NOW + 10 })
    const there = async () => [
      (await store.get('a')) !== undefined,
      (await store.getEntry('a')) !== undefined,
      (await store.getMany(['a']))[0] !== undefined,
      await store.has('a'),
      (await store.count()) === 1,
      (await store.count({ prefix: 'a' })) === 1,
      (await entries(store)).length === 1,
      (await store.stat()).entries === 1,
      (await store.stat()).expiring === 1,
    ]
    const all = (value: boolean) => Array.from({ length: 9 }, () => value)
    expect(await there()).toEqual(all(true))
    clock.time = NOW + 9
    expect(await there()).toEqual(all(true))
    clock.time = NOW + 10
    expect(await there()).toEqual(all(false))
    clock.time = NOW + 11
    expect(await there()).toEqual(all(false))
  })

  test('an expiry in the past makes an entry that is never seen', async () => {
    const store = await kit.store({ clock: () => NOW })
    for (const expires of [NOW, NOW - 1, Date.UTC(2001, 0, 1)]) {
      expect(await store.put('a', '1', { expires })).toMatchObject({ applied: true, created: true })
      expect(await store.get('a')).toBeUndefined()
    }
    await store.put('b', 'there')
    await store.put('b', 'gone', { expires: NOW })
    expect(await store.count()).toBe(0)
  })

  test.for([0, 1, -5, 1.5, Number.NaN, Infinity, Date.UTC(2001, 0, 1) - 1, 1_795_790_572])(
    '%d is no moment at which an entry can expire',
    async (expires) => {
      const store = await kit.store({ clock: () => NOW })
      const writes = [
        () => store.put('a', '1', { expires }),
        () => store.batch([{ type: 'put', key: 'a', value: '1', expires }]),
      ]
      for (const write of writes)
        expect(await failure(write)).toMatchObject({ code: 'KV_USAGE', hint: 'milliseconds since 1970' })
      expect(await store.count()).toBe(0)
    },
  )

  describe('a time to live', () => {
    test('counts from the write', async () => {
      const clock = stoppedClock(NOW)
      const store = await kit.store({ clock: clock.now })
      await store.put('a', '1', { ttl: 5 })
      clock.time = NOW + 3
      await store.batch([
        ...Array.from({ length: 60 }, (_, i): BatchOp => ({ type: 'put', key: `k${i}`, value: 'v', ttl: i + 1 })),
        put('z'),
      ])
      expect((await store.getEntry('a'))!.expires).toBe(NOW + 5)
      expect((await store.getEntry('k9'))!.expires).toBe(NOW + 3 + 10)
      expect((await store.getEntry('z'))!.expires).toBeUndefined()
      clock.time = NOW + 5
      expect(await store.get('a')).toBeUndefined()
      expect(await store.check()).toMatchObject({ damagedKeys: [], problems: [] })
    })

    test.for([1, 100])('that is over leaves a key absent for a load, of %d entries at a time', async (size) => {
      const clock = stoppedClock(NOW)
      const store = await kit.store({ clock: clock.now })
      const names = (name: string): string[] => Array.from({ length: size }, (_, i) => `${name}${1000 + i}`)
      const some = (name: string, value: string | undefined, expires?: number) =>
        block(names(name).map((key) => [key, value, expires] as const))
      await store.load([some('a', 'old', NOW + 5), some('b', 'old', NOW + 50), some('c', 'old')])
      clock.time = NOW + 5
      let left = -1
      const options = { ifAbsent: true, onExisting: (entries: number) => void (left = entries) }
      await store.load([some('a', 'new'), some('b', 'new'), some('c', 'new', NOW + 60)], options)
      expect(left).toBe(2 * size)
      const blocks = async function* () {
        yield some('a', 'newer', -20)
        yield some('c', undefined)
        yield some('c', 'newer', -20)
        yield some('b', 'newer', -20)
        clock.time = NOW + 50
      }
      await store.load(blocks(), options)
      expect(left).toBe(size)
      expect((await entries(store)).map(({ key, value, expires }) => [toText(key), toText(value), expires])).toEqual([
        ...names('a').map((key) => [key, 'new', undefined]),
        ...names('b').map((key) => [key, 'newer', NOW + 70]),
        ...names('c').map((key) => [key, 'newer', NOW + 70]),
      ])
      expect(await store.check()).toMatchObject(kit.sound(3 * size))
    })

    test.for([1, 100])('counts from the end of a load, of %d entries at a time', async (size) => {
      const clock = stoppedClock(NOW)
      const store = await kit.store({ clock: clock.now })
      const some = (name: string, expires?: number) =>
        block(Array.from({ length: size }, (_, i) => [`${name}${1000 + i}`, `value of ${i}`, expires] as const))
      await store.load([some('a', -5), some('b', NOW + 50)])
      expect((await store.getEntry('a1000'))!.expires).toBe(NOW + 5)
      const blocks = async function* () {
        yield some('c')
        yield some('d', -7)
        clock.time = NOW + 20
        yield some('d', NOW + 70)
        yield some('e', -9)
        yield some('f')
      }
      await store.load(blocks())
      const found = new Map((await entries(store)).map((entry) => [toText(entry.key), entry.expires]))
      expect(['a1000', 'b1000', 'c1000', 'd1000', 'e1000', 'f1000'].map((name) => found.get(name))).toEqual([
        undefined,
        NOW + 50,
        undefined,
        NOW + 70,
        NOW + 29,
        undefined,
      ])
      expect(found.size).toBe(5 * size)
      expect(await store.check()).toMatchObject({ damagedKeys: [], problems: [] })
    })

    test('ends at the latest with the year 9999', async () => {
      const store = await kit.store({ clock: () => Date.parse('9999-12-31T23:59:59.990Z') })
      await store.put('a', '1', { ttl: 60_000 })
      expect((await store.getEntry('a'))!.expires).toBe(Date.parse('9999-12-31T23:59:59.999Z'))
    })

    test.for([0, -1, 1.5, Number.NaN, Infinity, 8e15])('of %d is none', async (ttl) => {
      const store = await kit.store()
      expect(await failureCode(() => store.put('a', '1', { ttl }))).toBe('KV_USAGE')
      expect(await failureCode(() => store.batch([{ type: 'put', key: 'a', value: '1', ttl }]))).toBe('KV_USAGE')
      expect(await failureCode(() => store.put('a', '1', { ttl: 1000, expires: NOW }))).toBe('KV_USAGE')
      expect(await store.count()).toBe(0)
    })
  })

  test('a put without an expiry removes the old one', async () => {
    const clock = stoppedClock(NOW)
    const store = await kit.store({ clock: clock.now })
    await store.batch(['a', 'b'].map((key): BatchOp => ({ type: 'put', key, value: '1', expires: NOW + 10 })))
    expect(await store.put('a', '2')).toMatchObject({ created: false })
    await store.batch([put('b', '2')])
    expect(await store.stat()).toMatchObject({ entries: 2, expiring: 0 })
    clock.time = NOW + 1000
    expect((await entries(store)).map(({ key, expires }) => [toText(key), expires])).toEqual([
      ['a', undefined],
      ['b', undefined],
    ])
  })

  test('a put with an expiry replaces the old one', async () => {
    const clock = stoppedClock(NOW)
    const store = await kit.store({ clock: clock.now })
    await store.put('later', '1', { expires: NOW + 10 })
    await store.put('later', '2', { expires: NOW + 1000 })
    await store.put('sooner', '1', { expires: NOW + 1000 })
    await store.put('sooner', '2', { expires: NOW + 10 })
    clock.time = NOW + 10
    expect((await entries(store)).map(({ key }) => toText(key))).toEqual(['later'])
  })

  test('more expired entries than one write sweeps away stay unseen', async () => {
    const clock = stoppedClock(NOW)
    const store = await kit.store({ clock: clock.now })
    const step = Math.min(500, store.limits.maxBatchOps)
    for (let at = 0; at < 2500; at += step) {
      await store.batch(
        Array.from({ length: step }, (_, i): BatchOp => ({
          type: 'put',
          key: `k${at + i}`,
          value: 'v',
          expires: NOW + 10,
        })),
      )
    }
    await store.put('kept', 'v')
    clock.time = NOW + 10
    for (let i = 0; i < 4; i++) {
      expect((await entries(store)).map(({ key }) => toText(key))).toEqual(['kept'])
      expect(await store.count()).toBe(1)
      expect(await store.count({ gte: 'a' })).toBe(1)
      expect(await store.count({ limit: 10 })).toBe(1)
      expect(await store.stat()).toMatchObject({ entries: 1, expiring: 0 })
      await store.put('kept', `${i}`)
    }
  })

  test('one operation sees one time, even when the clock moves while it runs', async () => {
    let time = NOW
    const store = await kit.store({ clock: () => time++ })
    const names = Array.from({ length: 10 }, (_, i) => `k${i}`)
    await store.batch(names.map((key): BatchOp => ({ type: 'put', key, value: 'v', expires: NOW + 50 })))
    for (let i = 0; i < 60; i++) {
      const there = (await store.getMany(names)).filter((entry) => entry !== undefined).length
      expect([0, names.length]).toContain(there)
      expect([0, names.length]).toContain((await entries(store)).length)
      expect([0, names.length]).toContain(await store.count({ prefix: 'k' }))
      expect([0, names.length]).toContain(await store.count())
      const stat = await store.stat()
      expect(stat.expiring).toBe(stat.entries)
    }
    expect(await store.count()).toBe(0)
  })

  test('the driver itself hides expired entries from every read', async () => {
    const clock = stoppedClock(NOW)
    const driver = await kit.driver({ clock: clock.now })
    await driver.put(text('a'), text('1'), { expires: NOW + 10 })
    await driver.batch([{ type: 'put', key: text('b'), value: text('2'), expires: NOW + 10 }])
    clock.time = NOW + 10
    expect(await driver.get(text('a'))).toBeUndefined()
    expect(await driver.getMany([text('a'), text('b')])).toEqual([undefined, undefined])
    expect(await readPages(driver)).toEqual([])
  })

  test.skipIf(!kit.supports.persistent)('an expiry survives a reopen', async () => {
    const clock = stoppedClock(NOW)
    const place = await kit.newPlace()
    const first = await kit.store({ place, clock: clock.now })
    await first.put('a', '1', { expires: NOW + 10 })
    await first.close()
    const second = await kit.store({ place, clock: clock.now })
    expect((await second.getEntry('a'))!.expires).toBe(NOW + 10)
    clock.time = NOW + 10
    expect(await second.get('a')).toBeUndefined()
  })
}

function put(key: string, value = 'v'): BatchOp {
  return { type: 'put', key, value }
}
