import { readFileSync, writeFileSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Store } from '../../src/index.ts'
import { block } from '../conformance/suite.ts'
import { toText } from '../helpers/bytes.ts'
import { holdLock } from '../helpers/lock.ts'
import { failureCode, openTestStore } from '../helpers/store.ts'
import { tempDir } from '../helpers/temp-dir.ts'

/** More than any first few slices of work. */
const KEYS = 60_000
const PAGE_BYTES = 8192

async function largeStore(path = join(tempDir(), 'store.kv'), expires?: number): Promise<Store> {
  const store = await openTestStore(path, { durable: false })
  await store.batch(
    Array.from({ length: KEYS }, (_, i) => ({
      type: 'put',
      key: `k${String(i).padStart(6, '0')}`,
      value: 'v',
      expires,
    })),
  )
  return store
}

/** A signal that is aborted after so many turns of the event loop. */
function abortedAfter(turns: number): AbortSignal {
  const stop = new AbortController()
  void (async () => {
    for (let i = 0; i < turns; i++) await turn()
    stop.abort()
  })()
  return stop.signal
}

/** The turns that the event loop had while `work` went on. */
async function turnsDuring(work: Promise<unknown>): Promise<number> {
  let turns = 0
  const state = { over: false }
  const done = work.finally(() => (state.over = true))
  while (!state.over) {
    await turn()
    turns++
  }
  await done
  return turns
}

const unstopped = (): AbortSignal => new AbortController().signal

describe('with a signal', () => {
  test('count, check and a range delete do the same as without', async () => {
    const store = await largeStore()
    await store.put('k000007', 'v', { expires: Date.now() - 1 })
    await store.put('k000008', 'v', { expires: Date.now() + 1e8 })
    for (const range of [
      {},
      { prefix: 'k01' },
      { gte: 'k000005', lt: 'k000010' },
      { gt: 'k059998' },
      { prefix: 'none' },
      { limit: 20_000 },
      { limit: 3 },
    ]) {
      expect([range, await store.count({ ...range, signal: unstopped() })]).toEqual([range, await store.count(range)])
    }
    expect(await store.check({ signal: unstopped() })).toEqual(await store.check())
    expect(await store.delRange({ gte: 'k000005', lt: 'k000010', signal: unstopped() })).toBe(4)
    expect(await store.delRange({ gte: 'k000010', lt: 'k030000', signal: unstopped() })).toBe(29_990)
    expect(await store.count()).toBe(30_005)
    expect(await store.delRange({ all: true, signal: unstopped() })).toBe(30_005)
    expect(await store.count()).toBe(0)
  })

  test('the event loop has its turns while count, check and a range delete go on', async () => {
    const store = await largeStore()
    expect(await turnsDuring(store.count({ signal: unstopped() }))).toBeGreaterThan(3)
    expect(await turnsDuring(store.check({ signal: unstopped() }))).toBeGreaterThan(3)
    expect(await turnsDuring(store.delRange({ prefix: 'k', signal: unstopped() }))).toBeGreaterThan(3)
  })

  test('expired entries are counted out in slices too', async () => {
    const store = await largeStore(undefined, Date.now() - 1)
    await store.put('k', 'living')
    expect(await turnsDuring(store.count({ signal: unstopped() }))).toBeGreaterThan(3)
    expect(await store.count({ prefix: 'k', signal: unstopped() })).toBe(1)
    expect(await failureCode(() => store.count({ signal: abortedAfter(1) }))).toBe('KV_INTERRUPTED')
  })

  test('aborting ends count and check, and the store works on', async () => {
    const store = await largeStore()
    expect(await failureCode(() => store.count({ signal: abortedAfter(1) }))).toBe('KV_INTERRUPTED')
    expect(await failureCode(() => store.check({ signal: abortedAfter(2) }))).toBe('KV_INTERRUPTED')
    expect(await store.count({ signal: unstopped() })).toBe(KEYS)
  })

  test.each([1, 2, 3])('aborting a range delete after %i turns deletes nothing, and frees the lock', async (turns) => {
    const store = await largeStore()
    const before = await store.stat()
    expect(await failureCode(() => store.delRange({ prefix: 'k', signal: abortedAfter(turns) }))).toBe('KV_INTERRUPTED')
    expect(await store.count()).toBe(KEYS)
    expect((await store.stat()).revision).toBe(before.revision)
    await store.put('free', 'yes')
  })

  test('a range delete is one step for readers, and other writes of the same store wait for it', async () => {
    const store = await largeStore()
    const deleted = store.delRange({ prefix: 'k', signal: unstopped() })
    await turn()
    await turn()
    const put = store.put('k000001', 'written meanwhile')
    expect(await store.count()).toBe(KEYS)
    expect(await deleted).toBe(KEYS)
    await put
    expect(await store.count()).toBe(1)
    expect(toText((await store.get('k000001'))!)).toBe('written meanwhile')
  })

  test('a count is of one moment, whatever is written meanwhile', async () => {
    const store = await largeStore()
    const counted = store.count({ signal: unstopped() })
    await turn()
    await store.delRange({ gte: 'k05' })
    expect(await counted).toBe(KEYS)
  })

  test('a range delete that waits for the lock of another process stops waiting', async () => {
    const path = join(tempDir(), 'store.kv')
    const store = await openTestStore(path, { timeoutMs: 60_000 })
    await store.put('k', 'v')
    const release = await holdLock(path)
    expect(await failureCode(() => store.delRange({ prefix: 'k', signal: abortedAfter(5) }))).toBe('KV_INTERRUPTED')
    await release()
    expect(await store.count()).toBe(1)
  })

  test.for<[string, (store: Store, signal: AbortSignal) => Promise<unknown>]>([
    ['put', (store, signal) => store.put('k', 'w', { signal })],
    ['del', (store, signal) => store.del('k', { signal })],
    ['batch', (store, signal) => store.batch([{ type: 'del', key: 'k' }], { signal })],
    ['load', (store, signal) => store.load([block([['k', 'w']])], { signal })],
  ])('a %s that waits for the lock of another process stops waiting', async ([, write]) => {
    const path = join(tempDir(), 'store.kv')
    const store = await openTestStore(path, { timeoutMs: 60_000 })
    await store.put('k', 'v')
    const release = await holdLock(path)
    expect(await failureCode(() => write(store, abortedAfter(5)))).toBe('KV_INTERRUPTED')
    await release()
    expect(toText((await store.get('k'))!)).toBe('v')
  })

  test('closing the store ends a count with KV_CLOSED', async () => {
    const store = await largeStore()
    const counted = failureCode(() => store.count({ signal: unstopped() }))
    await turn()
    await store.close()
    expect(await counted).toBe('KV_CLOSED')
  })

  test('a check in slices finds what a check without finds', async () => {
    const path = join(tempDir(), 'store.kv')
    await (await largeStore(path)).close()
    const bytes = readFileSync(path)
    // A page in the middle loses its header, and another byte is not what it was.
    bytes.fill(0, PAGE_BYTES * 60, PAGE_BYTES * 60 + 12)
    bytes[bytes.lastIndexOf('v')] = 'w'.charCodeAt(0)
    writeFileSync(path, bytes)
    const store = await openTestStore(path)
    const report = await store.check()
    expect(report.problems.length + report.damagedKeys.length).toBeGreaterThan(1)
    expect(await store.check({ signal: unstopped() })).toEqual(report)
  })
})

test('an operation on a store that does not exist yet can be stopped as well', async () => {
  const store = await openTestStore(join(tempDir(), 'none.kv'))
  expect(await store.count({ signal: unstopped() })).toBe(0)
  expect(await store.delRange({ prefix: 'a', signal: unstopped() })).toBe(0)
  expect(await store.check({ signal: unstopped() })).toMatchObject({ checked: 0, problems: [] })
})
