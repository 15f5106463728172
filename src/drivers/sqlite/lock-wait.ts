import { KvError } from '../../errors.ts'
import { isBusy } from './errors.ts'

/** Once somebody has waited this long, in milliseconds, the time between two tries no longer grows. */
const GROWING_MS = 64

/** By how many milliseconds of waiting the time between two tries becomes a millisecond shorter again. */
const SHRINKING_MS = 125

/**
 * How long to wait until the next try for a lock, in milliseconds, after having waited `waitedMs`. SQLite
 * keeps no queue: whoever tries when the lock is free has it. So those who have waited long try more often
 * (every 2 ms from a second on) than those who came just now (every 9 ms), and nobody keeps in step with others.
 */
export function retryDelay(waitedMs: number): number {
  const mean = waitedMs < GROWING_MS ? 1 + waitedMs / 8 : Math.max(2, 9 - (waitedMs - GROWING_MS) / SHRINKING_MS)
  return mean * (0.5 + Math.random())
}

const pause = new Int32Array(new SharedArrayBuffer(4))

/**
 * Runs `step`, again and again while another connection is in the way (or whatever else `passes`), until `timeoutMs`
 * (asked for when the first try has failed) have passed; then throws what `step` threw last. Holds the event loop.
 */
export function retryWhileBusy<T>(timeoutMs: () => number, step: () => T, passes: (error: unknown) => boolean = isBusy): T {
  // Node sets its clock up when it is first asked: half a millisecond that a read with nothing in its way does without.
  let began: number | undefined
  let timeout = 0
  for (;;) {
    try {
      return step()
    } catch (error) {
      if (!passes(error)) throw error
      const now = performance.now()
      if (began === undefined) {
        began = now
        timeout = timeoutMs()
      }
      if (now - began >= timeout) throw error
      Atomics.wait(pause, 0, 0, retryDelay(now - began))
    }
  }
}

/**
 * The same with turns of the event loop between two tries. Throws `KV_INTERRUPTED` as soon as `isOver` says that
 * nobody wants it any more.
 */
export async function retryLaterWhileBusy<T>(timeoutMs: number, step: () => T, isOver: () => boolean): Promise<T> {
  const began = performance.now()
  for (;;) {
    const waited = performance.now() - began
    try {
      return step()
    } catch (error) {
      if (!isBusy(error) || waited >= timeoutMs) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, retryDelay(waited)))
    if (isOver()) throw new KvError('KV_INTERRUPTED', 'interrupted')
  }
}
