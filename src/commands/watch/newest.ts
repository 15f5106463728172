import type { Change } from '../../store/driver/entry.ts'
import { keyId } from '../../store/operations.ts'

/** Bytes of changes that wait at most: while there are more, no others are taken from the watch. */
const MAX_WAITING_BYTES = 64_000_000

/** What a change takes besides its key and value, about. */
const CHANGE_BYTES = 200

/**
 * The newest change of each key: one that is followed by another of its key before it was asked for is left out. Going
 * on after the position of the change handed out last misses none.
 *
 * @param end makes the pages end, also where one is waited for
 */
export async function* newestOfEach(
  pages: AsyncIterable<readonly Change[]>,
  end: () => void,
): AsyncGenerator<Change, void, void> {
  const waiting = new Map<string, Change>()
  const source = pages[Symbol.asyncIterator]()
  let bytes = 0
  const sizeOf = (change: Change): number =>
    CHANGE_BYTES + change.key.length + (change.type === 'put' ? change.value.length : 0)
  const take = (id: string): Change | undefined => {
    const change = waiting.get(id)
    if (change === undefined) return undefined
    waiting.delete(id)
    bytes -= sizeOf(change)
    return change
  }
  let isOver = false
  let failure: { readonly error: unknown } | undefined
  let onNews = (): void => {}
  let reading: Promise<void> | undefined
  const read = async (): Promise<void> => {
    while (bytes < MAX_WAITING_BYTES) {
      const { value, done } = await source.next()
      isOver = done === true
      if (isOver) return
      for (const change of value as readonly Change[]) {
        const id = keyId(change.key)
        take(id)
        // The map is in the order of the positions.
        waiting.set(id, change)
        bytes += sizeOf(change)
      }
      onNews()
    }
  }
  try {
    for (;;) {
      if (failure !== undefined) throw failure.error
      if (!isOver)
        reading ??= read()
          .catch((error: unknown) => void (failure = { error }))
          .finally(() => (reading = undefined))
      const [first] = waiting.keys()
      if (first !== undefined) yield take(first)!
      else if (isOver) return
      else await Promise.race([reading, new Promise<void>((resolve) => (onNews = resolve))])
    }
  } finally {
    end()
    await reading
  }
}
