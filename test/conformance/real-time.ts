import { describe, expect, test, vi } from 'vitest'
import type { Store } from '../../src/index.ts'
import { text, toText } from '../helpers/bytes.ts'
import { entries, failureCode } from '../helpers/store.ts'
import { shown, take, watching } from '../helpers/watch.ts'
import { type Kit, block } from './suite.ts'

/** A long time from now, in milliseconds. */
const HOUR = 3_600_000

/** Entries that end, in engines whose clock nobody can set: what can be seen of it while time goes by. */
export function realTime(kit: Kit): void {
  const gone = (store: Store, key: string): Promise<boolean> =>
    vi.waitUntil(async () => !(await store.has(key)), { timeout: 20_000, interval: 20 })

  test('lifetimes are rounded up to whole steps, whichever way they are written', async () => {
    const store = await kit.store()
    const step = store.limits.expiryStepMs
    const soon = Date.UTC(2100, 0, 1) + 1
    const last = Date.parse('9999-12-31T23:59:59.999Z')
    await store.put('at', '1', { expires: soon })
    await store.put('last', '1', { expires: last })
    await store.batch([{ type: 'put', key: 'batch', value: '2', expires: soon }])
    await store.load([block([['load', '3', soon]])])
    const found = new Map((await entries(store)).map(({ key, expires }) => [toText(key), expires]))
    const rounded = Math.ceil(soon / step) * step
    expect(found).toEqual(
      new Map([
        ['at', rounded],
        ['batch', rounded],
        ['last', Math.floor(last / step) * step],
        ['load', rounded],
      ]),
    )
    const began = Date.now()
    await store.put('ttl', '4', { ttl: HOUR + 1 })
    const { expires } = (await store.getEntry('ttl'))!
    expect(expires).toBeGreaterThan(began + HOUR - step)
    expect(expires).toBeLessThanOrEqual(Date.now() + HOUR + 2 * step)
    expect(await store.stat()).toMatchObject({ entries: 5, expiring: 5 })
  })

  test('an entry is seen by everything, and after its time by nothing', async () => {
    const store = await kit.store()
    const there = async () => ({
      get: (await store.get('a')) !== undefined,
      getEntry: (await store.getEntry('a')) !== undefined,
      head: (await store.head('a')) !== undefined,
      getMany: (await store.getMany(['a']))[0] !== undefined,
      count: (await store.count()) === 1,
      range: (await entries(store)).length === 1,
      expiring: await store.hasExpiring(),
      stat: (await store.stat()).entries === 1,
    })
    await store.put('a', '1', { ttl: HOUR })
    expect(new Set(Object.values(await there()))).toEqual(new Set([true]))
    const { revision } = await store.put('a', '1', { ttl: 1 })
    await gone(store, 'a')
    expect(new Set(Object.values(await there()))).toEqual(new Set([false]))
    expect(await store.del('a')).toBe(false)
    expect(await store.delRange({ all: true })).toBe(0)
    expect(await store.put('a', '2', { condition: { type: 'revision', revision } })).toMatchObject({ applied: false })
    expect(await store.put('a', '2', { condition: { type: 'value', value: text('1') } })).toMatchObject({
      applied: false,
    })
    expect(await store.put('a', '2', { condition: { type: 'absent' } })).toMatchObject({ applied: true, created: true })
    expect(await store.check()).toMatchObject({ damagedKeys: [], problems: [] })
  })

  test('a later put removes an expiry or sets another', async () => {
    const store = await kit.store()
    for (const key of ['kept', 'moved', 'gone']) await store.put(key, '1', { ttl: 1 })
    await store.put('kept', '2')
    await store.batch([{ type: 'put', key: 'moved', value: '2', ttl: HOUR }])
    await gone(store, 'gone')
    expect((await entries(store)).map(({ key }) => toText(key))).toEqual(['kept', 'moved'])
    expect(await store.stat()).toMatchObject({ entries: 2, expiring: 1 })
  })

  test.skipIf(!kit.supports.watch)('an entry that expires is a delete to a watch', async () => {
    const store = await kit.store()
    await store.put('early', '1', { ttl: 1 })
    const watch = await watching(store)
    await gone(store, 'early')
    expect((await take(watch, 1)).map(shown)).toEqual(['del early'])
  })

  describe('what is no lifetime', () => {
    test.for([0, -1, 1.5, Number.NaN, Infinity, 8e15])('a time to live of %d', async (ttl) => {
      const store = await kit.store()
      expect(await failureCode(() => store.put('a', '1', { ttl }))).toBe('KV_USAGE')
      expect(await failureCode(() => store.batch([{ type: 'put', key: 'a', value: '1', ttl }]))).toBe('KV_USAGE')
      expect(await store.count()).toBe(0)
    })
  })
}
