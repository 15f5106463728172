import type { KeyCounter } from './key-groups.ts'
import type { Store } from '../store/store.ts'

/** A count that takes longer than this, in milliseconds, is slow; the first may be, of a file not read before. */
const SLOW_MS = 100
/** So many slow counts end exact ones. */
const SLOW_COUNTS = 2
/** Where exact counts are too slow, keys counted at most. */
const COUNTED = 10_000

/** Counts keys for hints, exactly while that is quick: a large store is known by its slow counts. */
export class PrefixCounter implements KeyCounter {
  #slow = 0

  /** How many keys begin so, and that number for people: `12,403`, `10,000+`. */
  async prefix(store: Store, prefix: Uint8Array, signal?: AbortSignal): Promise<{ count: number; shown: string }> {
    const began = performance.now()
    const exact = this.#slow < SLOW_COUNTS
    const count = await store.count({ prefix, limit: exact ? undefined : COUNTED, signal })
    if (performance.now() - began > SLOW_MS) this.#slow++
    return { count, shown: `${this.shown(count)}${!exact && count === COUNTED ? '+' : ''}` }
  }

  shown(count: number): string {
    return count.toLocaleString('en')
  }
}

/** Tells only whether there is one key or more: what a shell, which shows no counts, asks of a store of any size. */
export const oneOrMore: KeyCounter = {
  async prefix(store, prefix, signal) {
    // Only without a signal does a store that is here count at once, and stop at 2.
    const count = await store.count({ prefix, limit: 2, signal: store.supports.remote ? signal : undefined })
    return { count, shown: '' }
  },
  shown: () => '',
}
