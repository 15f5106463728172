import type { Store } from '../store/store.ts'

/** A count that takes longer than this, in milliseconds, ends exact counts. */
const SLOW_MS = 40
/** Where exact counts are too slow, keys counted at most. */
const COUNTED = 10_000

/** Counts keys for hints, exactly while that is quick: a large store is seen by the first slow count. */
export class PrefixCounter {
  #exact = true

  /** How many keys begin so, and that number for people: `12,403`, `10,000+`. */
  async prefix(store: Store, prefix: Uint8Array): Promise<{ count: number; shown: string }> {
    const began = performance.now()
    const exact = this.#exact
    const count = await store.count(exact ? { prefix } : { prefix, limit: COUNTED })
    if (performance.now() - began > SLOW_MS) this.#exact = false
    return { count, shown: `${count.toLocaleString('en')}${!exact && count === COUNTED ? '+' : ''}` }
  }
}
