/** The longest time that a timer of Node takes, in milliseconds: one that is asked for more goes off at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1

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
