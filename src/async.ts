/** The longest time that a timer of Node takes, in milliseconds: one that is asked for more goes off at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1

/** Gives the event loop its turn: timers and input before what waits here. */
export function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve))
}

/** Settles after so many milliseconds. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms))
}

/** What a promise settles to; `undefined` when that takes longer than `ms` milliseconds. */
export async function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => (timer = setTimeout(resolve, ms, undefined)))
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

const cell = new Int32Array(new SharedArrayBuffer(4))

/** Holds this thread for so many milliseconds, for code that cannot wait in any other way. */
export function holdThread(ms: number): void {
  Atomics.wait(cell, 0, 0, ms)
}
