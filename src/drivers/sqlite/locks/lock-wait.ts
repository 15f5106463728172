import { holdThread, monotonicMs, pause } from '../../../async.ts'
import { KvError } from '../../../errors.ts'
import { isBusy } from '../engine/result-codes.ts'

/** Once somebody has waited this long, in milliseconds, the time between two tries no longer grows. */
const GROWING_MS = 64

/** By how many milliseconds of waiting the time between two tries becomes a millisecond shorter again. */
const SHRINKING_MS = 125

/**
 * How long to wait until the next try for a lock, in milliseconds, after having waited `waitedMs`. SQLite keeps no
 * queue, so those who have waited long try more often (every 2 ms from a second on) than newcomers (every 9 ms), and
 * at random, to stay out of step.
 */
export function retryDelay(waitedMs: number): number {
  const mean = waitedMs < GROWING_MS ? 1 + waitedMs / 8 : Math.max(2, 9 - (waitedMs - GROWING_MS) / SHRINKING_MS)
  return mean * (0.5 + Math.random())
}

/**
 * Runs `step` until it throws no error that `passes`, by default a lock, for at most `timeoutMs` (computed after the
 * first failure); then throws the last error. Blocks the event loop.
 */
export function retryWhileBusy<T>(
  timeoutMs: () => number,
  step: () => T,
  passes: (error: unknown) => boolean = isBusy,
): T {
  let began: number | undefined
  let timeout = 0
  for (;;) {
    try {
      return step()
    } catch (error) {
      if (!passes(error)) throw error
      const now = monotonicMs()
      if (began === undefined) {
        began = now
        timeout = timeoutMs()
      }
      if (now - began >= timeout) throw error
      holdThread(retryDelay(now - began))
    }
  }
}

/** The same with turns of the event loop between tries. Throws `KV_INTERRUPTED` once `isOver` returns true. */
export async function retryLaterWhileBusy<T>(
  timeoutMs: number,
  step: () => T,
  isOver: () => boolean = () => false,
): Promise<T> {
  const began = monotonicMs()
  for (;;) {
    const waited = monotonicMs() - began
    try {
      return step()
    } catch (error) {
      if (!isBusy(error) || waited >= timeoutMs) throw error
    }
    await pause(retryDelay(waited))
    if (isOver()) throw new KvError('KV_INTERRUPTED', 'interrupted')
  }
}

/** The part of the time for which a writer held the lock that it then leaves the lock alone. */
const SHARE = 1 / 20

/** The shortest and the longest pause, in milliseconds. Those who have waited a second try every 2 ms. */
const SHORTEST_PAUSE_MS = 4
const LONGEST_PAUSE_MS = 100

/**
 * Keeps a busy writer from starving others, who would never hit the moment between two of its transactions: it pauses
 * for a part of the time it held the lock, less its own pauses, and longer when it has met others.
 */
export class LockTurns {
  #owed = 0
  #released = 0
  #metOthers = false

  /** Waits, when enough is owed, before the lock is asked for again. */
  async next(): Promise<void> {
    if (!this.#mustPause()) return
    await pause(this.#owed)
    this.#owed = 0
  }

  /** The same without a turn of the event loop. */
  nextNow(): void {
    if (!this.#mustPause()) return
    holdThread(this.#owed)
    this.#owed = 0
  }

  #mustPause(): boolean {
    if (this.#owed === 0) return false
    this.#owed = Math.max(0, this.#owed - (monotonicMs() - this.#released))
    return this.#owed >= SHORTEST_PAUSE_MS
  }

  /** Another connection had the lock. */
  metOthers(): void {
    this.#metOthers = true
  }

  /** The lock was held from a time on, in `monotonicMs` time, and is free again. */
  heldSince(since: number): void {
    this.#released = monotonicMs()
    const owed = this.#owed + (this.#released - since) * SHARE
    this.#owed = Math.min(LONGEST_PAUSE_MS, this.#metOthers ? owed + SHORTEST_PAUSE_MS : owed)
    this.#metOthers = false
  }
}
