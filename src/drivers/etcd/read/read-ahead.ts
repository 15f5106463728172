import { setMaxListeners } from 'node:events'

/**
 * The items of a source, of which the next is asked for while the consumer has one, from the second on: a range that is left
 * after its first page holds nothing. When it is left later, what is under way is stopped.
 *
 * @param source gives the items; to stop when its signal is aborted
 */
export async function* readAhead<T>(
  source: (signal: AbortSignal) => AsyncGenerator<T, void, void>,
  signal: AbortSignal | undefined,
): AsyncGenerator<T, void, void> {
  const stop = new AbortController()
  const onAbort = (): void => stop.abort(signal!.reason)
  if (signal?.aborted === true) onAbort()
  else if (signal !== undefined) {
    // Many ranges at the same time are no leak, at which Node would warn.
    setMaxListeners(0, signal)
    signal.addEventListener('abort', onAbort)
  }
  const items = source(stop.signal)
  try {
    const first = await items.next()
    if (first.done === true) return
    yield first.value
    let next = items.next()
    for (;;) {
      const { done, value } = await next
      if (done === true) return
      next = items.next()
      // Thrown when it is waited for.
      next.catch(() => {})
      yield value
    }
  } finally {
    signal?.removeEventListener('abort', onAbort)
    stop.abort()
  }
}
