import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test, vi } from 'vitest'
import { LockTurns } from '../../../src/drivers/sqlite/locks/lock-wait.ts'
import { contents, ended, startNode } from '../../helpers/kv.ts'
import { tempDir } from '../../helpers/temp-dir.ts'

const PROCESSES = 8
const ROUNDS = 25

/** Opens the store, puts and closes it, again and again, without a pause. */
const WRITER = `
  import { openStore } from ${JSON.stringify(new URL('../../../dist/index.js', import.meta.url).href)}
  const [path, name, rounds] = process.argv.slice(1)
  for (let n = 0; n < Number(rounds); n++) {
    const store = await openStore(path)
    await store.put(name + n, 'v')
    if (await store.get(name + n) === undefined) throw new Error('lost')
    await store.close()
  }
`

test(`of ${PROCESSES} processes that make a store, and open, put and close in a loop, none fails and none starves`, async () => {
  const store = join(tempDir(), 'store.kv')
  const cwd = fileURLToPath(new URL('../../..', import.meta.url))
  const runs = await Promise.all(
    Array.from({ length: PROCESSES }, (_, n) =>
      ended(startNode(['--input-type=module', '-e', WRITER, store, `${n}:`, String(ROUNDS)], { cwd })),
    ),
  )
  // KV_LOCKED would come after 5 s of waiting: that none has it means that none waited so long.
  expect(runs.map(({ code, stderr }) => ({ code, stderr }))).toEqual(runs.map(() => ({ code: 0, stderr: '' })))
  expect(await contents(store)).toHaveLength(PROCESSES * ROUNDS)
})

test('a writer leaves the lock alone for a part of the time it had it, and lets those go first whom it has met', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const turns = new LockTurns()
  const pause = async (): Promise<number> => {
    const began = performance.now()
    const next = turns.next()
    await vi.runAllTimersAsync()
    await next
    return performance.now() - began
  }
  const hold = (ms: number): void => {
    const began = performance.now()
    vi.advanceTimersByTime(ms)
    turns.heldSince(began)
  }
  expect(await pause()).toBe(0)
  hold(1)
  expect(await pause()).toBe(0)
  hold(1000)
  expect(await pause()).toBe(50)
  hold(60_000)
  expect(await pause()).toBe(100)
  hold(1000)
  vi.advanceTimersByTime(50)
  expect(await pause()).toBe(0)
  turns.metOthers()
  hold(1)
  expect(await pause()).toBe(4)
  hold(1)
  expect(await pause()).toBe(0)
})
