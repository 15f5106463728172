import { KvError, interrupted } from './errors.ts'

/** The longest time that a timer of Node takes, in milliseconds: one that is asked for more goes off at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1

/**
 * Milliseconds on a clock that is never set, to measure how long something takes. Node's `performance` is the same
 * clock, and loads eleven modules (0.8 ms of a cold put) when it is first asked.
 */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1e3 + nanoseconds / 1e6
}

/** Whether a value is a promise, of any kind, which must be waited for. */
export function isPromise<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function'
}

/** Gives the event loop its turn: timers and input before what waits here. */
export function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve))
}

/** Calls back once what the event loop runs now is over, with all promises that it settles, before its next event. */
export function endOfTurn(step: () => void): void {
  queueMicrotask(() => process.nextTick(step))
}

/** Settles after so many milliseconds, or as soon as the signal is aborted. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms)
    if (signal?.aborted === true) end()
    else signal?.addEventListener('abort', end)
  })
}

/** What a promise settles to; `undefined` when that takes longer than `ms` milliseconds. */
export function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  const settled = new AbortController()
  const late = pause(ms, settled.signal).then(() => undefined)
  return Promise.race([promise, late]).finally(() => settled.abort())
}

/**
 * What a promise settles to. Once the signal is aborted it has `graceMs` milliseconds more to settle, then the signal's
 * reason is thrown where that is a `KvError`, else `KV_INTERRUPTED`.
 */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined, graceMs = 0): Promise<T> {
  if (signal === undefined) return promise
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined
    const giveUp = (): void => reject(signal.reason instanceof KvError ? signal.reason : interrupted(signal))
    const onAbort = (): void => {
      if (graceMs === 0) giveUp()
      else timer = setTimeout(giveUp, graceMs)
    }
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
    void promise.then(resolve, reject).finally(() => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
    })
  })
}

const cell = new Int32Array(new SharedArrayBuffer(4))

/** Holds this thread for so many milliseconds, for code that cannot wait in any other way. */
export function holdThread(ms: number): void {
  Atomics.wait(cell, 0, 0, ms)
}
