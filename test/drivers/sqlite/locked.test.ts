import { readFileSync } from 'node:fs'
import { expect, onTestFinished, test, vi } from 'vitest'
import { sqliteEngine } from '../../../src/drivers/sqlite/engine/engine.ts'
import { retryDelay } from '../../../src/drivers/sqlite/locks/lock-wait.ts'
import type { Store } from '../../../src/index.ts'
import { toText } from '../../helpers/bytes.ts'
import { expectRun, givenStore, kvProcess } from '../../helpers/kv.ts'
import { entries, failureCode, openTestStore } from '../../helpers/store.ts'

/** A store with one entry, made by another process: this one must not have it open. */
async function storeOfAnother(): Promise<string> {
  const path = await givenStore()
  expectRun(await kvProcess(['put', 'a', '1', '--store', path]), {})
  return path
}

/** Holds the whole file, as the last connection does that closes it and whoever mends it after a crash. */
function holdFile(path: string): () => void {
  const holder = new (sqliteEngine().DatabaseSync)(path)
  holder.exec('pragma locking_mode = exclusive; begin immediate; update kv_store set revision = revision; commit')
  const release = (): void => holder.close()
  onTestFinished(() => void vi.restoreAllMocks())
  return release
}

/** Lets go after some tries of a read, which holds the event loop while it waits. */
function releaseAfterTries(release: () => void, tries: number): () => number {
  const wait = vi.spyOn(Atomics, 'wait').mockImplementation(() => {
    if (wait.mock.calls.length === tries) release()
    return 'timed-out'
  })
  return () => wait.mock.calls.length
}

test.for<[string, (store: Store) => unknown, unknown]>([
  ['get', async (store) => toText((await store.get('a'))!), '1'],
  ['getSync', (store) => toText(store.getSync('a')!), '1'],
  ['range', async (store) => (await entries(store)).length, 1],
  ['count', (store) => store.count(), 1],
  ['count in slices', (store) => store.count({ signal: new AbortController().signal }), 1],
  ['stat', async (store) => (await store.stat()).entries, 1],
  ['check', async (store) => (await store.check()).checked, 1],
])('%s waits for whoever holds the whole file', async ([, read, expected]) => {
  const path = await storeOfAnother()
  const tries = releaseAfterTries(holdFile(path), 20)
  const store = await openTestStore(path, { timeoutMs: 60_000 })
  expect(await read(store)).toEqual(expected)
  expect(tries()).toBe(20)
})

test('a write waits for whoever holds the whole file, and leaves the event loop alone', async () => {
  const path = await storeOfAnother()
  const release = holdFile(path)
  const wait = vi.spyOn(Atomics, 'wait')
  const store = await openTestStore(path, { timeoutMs: 60_000 })
  const writes = [
    store.put('b', '2'),
    store.del('a'),
    store.delRange({ prefix: 'x', signal: new AbortController().signal }),
  ]
  setTimeout(release, 1)
  expect(await Promise.all(writes)).toEqual([expect.objectContaining({ created: true }), true, 0])
  expect(wait).not.toHaveBeenCalled()
})

test('a write gives up after the time it was given, a read not before a second', async () => {
  const path = await storeOfAnother()
  const release = holdFile(path)
  let now = performance.now()
  vi.spyOn(performance, 'now').mockImplementation(() => now)
  const wait = vi.spyOn(Atomics, 'wait').mockImplementation((_array, _index, _value, ms) => {
    now += ms!
    return 'timed-out'
  })
  const store = await openTestStore(path, { timeoutMs: 0 })
  expect(await failureCode(() => store.put('a', '2'))).toBe('KV_LOCKED')
  expect(wait).not.toHaveBeenCalled()
  const began = now
  expect(await failureCode(() => store.get('a'))).toBe('KV_LOCKED')
  expect(now - began).toBeGreaterThanOrEqual(1000)
  release()
})

test('who has waited long tries more often than who came just now', () => {
  const mean = (waitedMs: number): number => {
    const delays = Array.from({ length: 1000 }, () => retryDelay(waitedMs))
    return delays.reduce((sum, delay) => sum + delay) / delays.length
  }
  expect(mean(0)).toBeLessThan(1.5)
  expect(mean(64)).toBeGreaterThan(3 * mean(2000))
  expect(mean(2000)).toBeCloseTo(2, 0)
})

test('a copy without a log, as other tools make them, gets one with the first write, once its readers are done', async () => {
  const original = await storeOfAnother()
  const path = `${original}.copy`
  const tool = new (sqliteEngine().DatabaseSync)(original)
  tool.exec(`vacuum into '${path}'`)
  tool.close()
  const journalOf = (): number[] => [...readFileSync(path).subarray(18, 20)]
  expect(journalOf()).toEqual([1, 1])
  const reader = new (sqliteEngine().DatabaseSync)(path)
  reader.exec('begin; select count(*) from kv')
  const store = await openTestStore(path, { timeoutMs: 60_000 })
  const put = store.put('b', '2')
  expect(await store.count()).toBe(1)
  reader.exec('rollback')
  expect((await put).created).toBe(true)
  expect(journalOf()).toEqual([2, 2])
  expect(await store.count()).toBe(2)
  reader.exec('begin; select count(*) from kv')
  expect((await store.put('c', '3')).created).toBe(true)
  reader.close()
})
