import { keyId } from '../../store/operations.ts'

/** The keys of a store with a bound, in the order of their newest writes. */
export class WriteOrder {
  /** How many entries the store has at most. */
  readonly maxEntries: number
  /** Entries that had to go so far. */
  evicted = 0
  readonly #keys = new Map<string, Uint8Array>()

  constructor(maxEntries: number) {
    this.maxEntries = maxEntries
  }

  /** The entry of a key is there, and the newest. */
  written(key: Uint8Array): void {
    this.gone(key)
    this.#keys.set(keyId(key), key)
  }

  /** The entry of a key is not there any more. */
  gone(key: Uint8Array): void {
    this.#keys.delete(keyId(key))
  }

  /** The key of an entry that is one too many; `undefined` when none is. Counts it. */
  evict(): Uint8Array | undefined {
    if (this.#keys.size <= this.maxEntries) return undefined
    const [oldest] = this.#keys.values()
    this.gone(oldest!)
    this.evicted++
    return oldest
  }
}
