import { describe, expect, test } from 'vitest'
import { KvError, Store } from '../../src/index.ts'
import { noise, text, toText } from '../helpers/bytes.ts'
import { entries, failure, failureCode } from '../helpers/store.ts'
import { type Kit, block, fill } from './suite.ts'

/** Every method of a Store, as a user calls it. */
const METHODS: Record<string, (store: Store) => unknown> = {
  get: (store) => store.get('a'),
  getSync: (store) => store.getSync('a'),
  getTextSync: (store) => store.getTextSync('a'),
  getEntry: (store) => store.getEntry('a'),
  head: (store) => store.head('a'),
  getMany: (store) => store.getMany(['a']),
  has: (store) => store.has('a'),
  put: (store) => store.put('a', '1'),
  del: (store) => store.del('a'),
  batch: (store) => store.batch([{ type: 'put', key: 'a', value: '1' }]),
  getText: (store) => store.getText('a'),
  getJson: (store) => store.getJson('a'),
  putJson: (store) => store.putJson('a', 1),
  update: (store) => store.update('a', () => '2'),
  incr: (store) => store.incr('a'),
  getOrSet: (store) => store.getOrSet('a', () => '2'),
  take: (store) => store.take(),
  putSync: (store) => store.putSync('a', '2'),
  delSync: (store) => store.delSync('a'),
  batchSync: (store) => store.batchSync([]),
  load: (store) => store.load([block([['a', '1']])]),
  loadStream: (store) => store.loadStream([block([['a', '1']])]),
  rangeText: (store) => store.rangeText(),
  range: (store) => store.range().next(),
  rangePages: (store) => store.rangePages()[Symbol.asyncIterator]().next(),
  rangeBlocks: (store) => store.rangeBlocks()[Symbol.asyncIterator]().next(),
  hasExpiring: (store) => store.hasExpiring(),
  count: (store) => store.count(),
  usage: (store) => store.usage().next(),
  delRange: (store) => store.delRange({ all: true }),
  watch: (store) => store.watch(),
  checkUsable: (store) => store.checkUsable({ write: true }),
  stat: (store) => store.stat(),
  check: (store) => store.check(),
}

/** Methods that make something of the store and do not use it yet. */
const NO_OPERATIONS = ['text', 'json', 'view']

/** Stat, check, close, and what is there after a reopen. */
export function lifecycle(kit: Kit): void {
  describe('stat and check', () => {
    test('count entries and grow with the data', async () => {
      const store = await kit.store()
      await store.put('a', '1')
      const one = await store.stat()
      expect(one).toMatchObject({ entries: 1, expiring: 0 })
      await store.put('b', new Uint8Array(100_000))
      await store.put('c', '3', { expires: Date.now() + 3_600_000 })
      const three = await store.stat()
      expect(three).toMatchObject({ entries: 3, expiring: 1 })
      expect(three.sizeBytes).toBeGreaterThan(100_000)
      expect(three.revision).toBeGreaterThan(one.revision)
      for (const fact of Object.values(three.details)) expect(['string', 'number']).toContain(typeof fact)
      await store.del('b')
      expect(await store.stat()).toMatchObject({ entries: 2, expiring: 1 })
    })

    test('check reads every entry and finds nothing wrong', async () => {
      const store = await kit.store()
      await fill(
        store,
        Array.from({ length: 500 }, (_, i) => ({ key: text(`k${i}`), value: text('v'.repeat(i)) })),
      )
      await store.put('k1', 'again')
      await store.put('k2', 'with expiry', { expires: Date.now() + 3_600_000 })
      await store.delRange({ prefix: 'k3' })
      const count = await store.count()
      const progress: number[] = []
      const report = await store.check({ onProgress: (read) => progress.push(read) })
      expect(report).toMatchObject({ damagedKeys: [], problems: [] })
      expect(report.checked + report.unchecked).toBe(count)
      for (const [i, read] of progress.entries()) expect(read).toBeGreaterThanOrEqual(progress[i - 1] ?? 0)
    })
  })

  describe('close', () => {
    for (const [name, call] of Object.entries(METHODS)) {
      test(`after it, ${name} fails with KV_CLOSED`, async () => {
        const store = await kit.store()
        await store.put('a', '1')
        await store.close()
        expect(await failureCode(() => call(store))).toBe('KV_CLOSED')
      })
    }

    test('refuses from the moment it is called', async () => {
      const store = await kit.store()
      const closing = store.close()
      for (const call of Object.values(METHODS)) expect(await failureCode(() => call(store))).toBe('KV_CLOSED')
      await closing
    })

    test('the list above has every method of a Store', () => {
      const classes: object[] = []
      for (let each: object = Store.prototype; each !== Object.prototype; each = Object.getPrototypeOf(each) as object)
        classes.push(each)
      const own = classes.flatMap((each) => Object.entries(Object.getOwnPropertyDescriptors(each)))
      const methods = own.flatMap(([name, { value }]) =>
        typeof value === 'function' && ![...NO_OPERATIONS, 'constructor', 'close'].includes(name) ? [name] : [],
      )
      expect(Object.keys(METHODS)).toEqual(expect.arrayContaining(methods))
    })

    test('can be called again, also at once', async () => {
      const store = await kit.store()
      await store.put('a', '1')
      await Promise.all([store.close(), store.close()])
      await store.close()
      await store[Symbol.asyncDispose]()
    })

    test('of a store never used works', async () => {
      const store = await kit.store()
      await store.close()
    })

    test('waits for writes that are under way', async () => {
      const store = await kit.store()
      let settled = 0
      const pending = Array.from({ length: 50 }, (_, i) => store.put(`k${i}`, `${i}`).then(() => settled++))
      pending.push(store.batch([{ type: 'put', key: 'last', value: '1' }]).then(() => settled++))
      await store.close()
      // Their answers were there when close resolved, not later: a few turns of the microtask queue at most.
      for (let turn = 0; turn < 10; turn++) await Promise.resolve()
      expect(settled).toBe(51)
      await Promise.all(pending)
    })

    test.for<[string, (store: Store, signal: AbortSignal) => unknown]>([
      ['get', (store, signal) => store.get('a', { signal })],
      ['getEntry', (store, signal) => store.getEntry('a', { signal })],
      ['head', (store, signal) => store.head('a', { signal })],
      ['has', (store, signal) => store.has('a', { signal })],
      ['getMany', (store, signal) => store.getMany(['a'], { signal })],
      ['range', (store, signal) => store.range({ signal }).next()],
      ['rangePages', (store, signal) => store.rangePages({ signal })],
      ['rangeBlocks', (store, signal) => store.rangeBlocks({ signal })],
      ['rangeText', (store, signal) => store.rangeText({ signal })],
      ['count', (store, signal) => store.count({ signal })],
      ['usage', (store, signal) => store.usage({ signal }).next()],
      ['stat', (store, signal) => store.stat({ signal })],
      ['check', (store, signal) => store.check({ signal })],
    ])('%s is refused when it was aborted before, with the reason of the signal', async ([, read]) => {
      const store = await kit.store()
      await store.put('a', '1')
      const reason = new Error('enough')
      expect(await failure(() => read(store, AbortSignal.abort(reason)))).toMatchObject({
        code: 'KV_INTERRUPTED',
        cause: reason,
      })
    })

    test.skipIf(!kit.supports.remote).for<[string, (store: Store, signal: AbortSignal) => unknown]>([
      ['get', (store, signal) => store.get('a', { signal })],
      ['getEntry', (store, signal) => store.getEntry('a', { signal })],
      ['head', (store, signal) => store.head('a', { signal })],
      ['has', (store, signal) => store.has('a', { signal })],
      ['getMany', (store, signal) => store.getMany(['a'], { signal })],
      ['range', (store, signal) => store.range({ signal }).next()],
      ['hasExpiring', (store, signal) => store.hasExpiring({ signal })],
      ['count', (store, signal) => store.count({ signal })],
      ['usage', (store, signal) => store.usage({ signal }).next()],
      ['stat', (store, signal) => store.stat({ signal })],
      ['check', (store, signal) => store.check({ signal })],
    ])('%s does not wait for an answer once it is aborted', async ([, read]) => {
      const store = await kit.store()
      await store.put('a', '1')
      const stop = new AbortController()
      const reason = new Error('enough')
      const failed = failure(() => read(store, stop.signal))
      stop.abort(reason)
      expect(await failed).toMatchObject({ code: 'KV_INTERRUPTED', cause: reason })
      expect(toText((await store.get('a'))!)).toBe('1')
    })

    test.skipIf(!kit.supports.remote).for<[string, (store: Store, signal: AbortSignal) => unknown]>([
      ['put', (store, signal) => store.put('a', '2', { signal })],
      ['del', (store, signal) => store.del('a', { signal })],
      ['batch', (store, signal) => store.batch([{ type: 'put', key: 'a', value: '2' }], { signal })],
      ['delRange', (store, signal) => store.delRange({ all: true, signal })],
    ])('%s that is aborted was not done, or it is not known', async ([, write]) => {
      const store = await kit.store()
      await store.put('a', '1')
      const stop = new AbortController()
      const failed = failureCode(() => write(store, stop.signal))
      stop.abort()
      const code = await failed
      expect(['KV_INTERRUPTED', 'KV_UNKNOWN_OUTCOME']).toContain(code)
      if (code === 'KV_INTERRUPTED') expect(toText((await store.get('a'))!)).toBe('1')
    })

    test('a range that is aborted ends after the page it is at', async () => {
      const store = await kit.store()
      await fill(
        store,
        Array.from({ length: 30 }, (_, i) => ({
          key: text(`k${i}`),
          value: noise(Math.min(200_000, store.limits.maxBatchBytes - 10), i),
        })),
      )
      const stop = new AbortController()
      let pages = 0
      const read = async (): Promise<void> => {
        for await (const _ of store.rangePages({ signal: stop.signal })) {
          pages++
          stop.abort()
        }
      }
      expect(await failureCode(read)).toBe('KV_INTERRUPTED')
      expect(pages).toBe(1)
      expect(await store.count()).toBe(30)
    })

    test.for<[string, (store: Store, signal: AbortSignal) => unknown]>([
      ['put', (store, signal) => store.put('a', '2', { signal })],
      ['del', (store, signal) => store.del('a', { signal })],
      ['batch', (store, signal) => store.batch([{ type: 'del', key: 'a' }], { signal })],
      ['load', (store, signal) => store.load([block([['a', '2']])], { signal })],
      ['loadStream', (store, signal) => store.loadStream([block([['a', '2']])], { signal })],
      ['delRange', (store, signal) => store.delRange({ all: true, signal })],
    ])('a %s that was stopped before it began does nothing', async ([, write]) => {
      const store = await kit.store()
      await store.put('a', '1')
      expect(await failureCode(() => write(store, AbortSignal.abort()))).toBe('KV_INTERRUPTED')
      expect(toText((await store.get('a'))!)).toBe('1')
    })

    test('ends a range that is being read with KV_CLOSED, or lets it end with what it had seen', async () => {
      const store = await kit.store()
      await fill(
        store,
        Array.from({ length: 3000 }, (_, i) => ({ key: text(`k${String(i).padStart(4, '0')}`), value: text('v') })),
      )
      const seen: string[] = []
      let closing: Promise<void> | undefined
      try {
        for await (const { key } of store.range()) {
          seen.push(toText(key))
          if (seen.length === 10) closing = store.close()
          if (seen.length === 1100) await closing
        }
        expect(seen.length).toBe(3000)
      } catch (error) {
        expect(error).toBeInstanceOf(KvError)
        expect((error as KvError).code, (error as KvError).message).toBe('KV_CLOSED')
      }
      for (const [i, key] of seen.entries()) expect(key).toBe(`k${String(i).padStart(4, '0')}`)
      await closing
    })

    test('a range begun before it and first read after it fails with KV_CLOSED', async () => {
      const store = await kit.store()
      await store.put('a', '1')
      const range = store.range()
      const pages = store.rangePages()[Symbol.asyncIterator]()
      await store.close()
      expect(await failureCode(() => range.next())).toBe('KV_CLOSED')
      expect(await failureCode(() => pages.next())).toBe('KV_CLOSED')
    })
  })

  describe.skipIf(!kit.supports.persistent)('a reopen', () => {
    test('finds what was written, in order, and revisions go on', async () => {
      const place = await kit.newPlace()
      const first = await kit.store({ place })
      await first.batch(
        Array.from({ length: 100 }, (_, i) => ({ type: 'put', key: `k${String(i).padStart(3, '0')}`, value: `${i}` })),
      )
      await first.del('k050')
      const { revision } = await first.put('k000', 'changed')
      await first.close()
      const second = await kit.store({ place })
      const all = (await entries(second)).map(({ key, value }) => `${toText(key)}=${toText(value)}`)
      expect(all).toHaveLength(99)
      expect(all.slice(0, 2)).toEqual(['k000=changed', 'k001=1'])
      expect(all.at(-1)).toBe('k099=99')
      expect((await second.getEntry('k000'))!.revision).toBe(revision)
      expect((await second.put('new', '1')).revision).toBeGreaterThan(revision)
      expect(await second.check()).toMatchObject({ damagedKeys: [], problems: [] })
    })

    test('finds writes that were not awaited before close', async () => {
      const place = await kit.newPlace()
      const first = await kit.store({ place })
      const pending = Array.from({ length: 100 }, (_, i) => first.put(`k${i}`, `${i}`))
      await first.close()
      await Promise.all(pending)
      expect(await (await kit.store({ place })).count()).toBe(100)
    })

    test('of an emptied store is empty', async () => {
      const place = await kit.newPlace()
      const first = await kit.store({ place })
      const { revision } = await first.put('a', '1')
      await first.delRange({ all: true })
      await first.close()
      const second = await kit.store({ place })
      expect(await second.count()).toBe(0)
      expect((await second.stat()).revision).toBeGreaterThanOrEqual(revision)
    })

    test('many times over keeps everything', async () => {
      const place = await kit.newPlace()
      for (let i = 0; i < 20; i++) {
        const store = await kit.store({ place })
        expect(await store.count()).toBe(i)
        await store.put(`k${i}`, `${i}`)
        await store.close()
      }
    })
  })

  describe.skipIf(!kit.shared)('two handles on one store', () => {
    test('see what the other writes at once', async () => {
      const place = await kit.newPlace()
      const one = await kit.store({ place })
      const other = await kit.store({ place })
      for (let i = 0; i < 20; i++) {
        const [writer, reader] = i % 2 === 0 ? [one, other] : [other, one]
        await writer.put('a', `${i}`)
        expect(toText((await reader.get('a'))!)).toBe(`${i}`)
        expect(await reader.count()).toBe(1)
      }
      await one.close()
      expect(await other.del('a')).toBe(true)
    })

    test('see what the other wrote after a long range, read to the end or left early', async () => {
      const place = await kit.newPlace()
      const one = await kit.store({ place })
      const other = await kit.store({ place })
      await fill(
        one,
        Array.from({ length: 3000 }, (_, i) => ({ key: text(`k${String(i).padStart(4, '0')}`), value: text('v') })),
      )
      for (const stopAfter of [1, 1500, Infinity]) {
        let read = 0
        for await (const entry of one.range()) {
          expect(entry.key.length).toBe(5)
          if (++read === stopAfter) break
        }
        await other.put('news', `${stopAfter}`)
        expect(toText((await one.get('news'))!)).toBe(`${stopAfter}`)
        expect(await one.put('answer', `${stopAfter}`)).toMatchObject({ applied: true })
        expect(toText((await other.get('answer'))!)).toBe(`${stopAfter}`)
        expect(await one.delRange({ gte: 'l' })).toBe(1)
        await one.del('answer')
      }
    })

    test('write in turns and at once without losing anything', async () => {
      const place = await kit.newPlace()
      const handles = [await kit.store({ place }), await kit.store({ place }), await kit.store({ place })]
      await Promise.all(
        handles.flatMap((store, h) => Array.from({ length: 50 }, (_, i) => store.put(`${h}:${i}`, 'v'))),
      )
      for (const store of handles) expect(await store.count()).toBe(150)
      const revisions = new Set((await entries(handles[0]!)).map((entry) => entry.revision))
      expect(revisions.size).toBe(150)
    })

    test('let exactly one find a key absent', async () => {
      const place = await kit.newPlace()
      const handles = [await kit.store({ place }), await kit.store({ place })]
      for (let round = 0; round < 20; round++) {
        const results = await Promise.all(
          handles.map((store) => store.put(`k${round}`, 'v', { condition: { type: 'absent' } })),
        )
        expect(results.filter(({ applied }) => applied)).toHaveLength(1)
      }
    })
  })
}
