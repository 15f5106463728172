import type { Entry } from '../store/driver.ts'
import type { Store } from '../store/store.ts'

interface Waiting {
  readonly key: Uint8Array
  resolve(entry: Entry | undefined): void
  reject(error: unknown): void
}

/**
 * Reads of single keys, all that arrive in one turn of the event loop in one transaction: taking
 * and giving back the engine's read lock costs more than the read itself.
 */
export class Reads {
  readonly #store: Store
  #waiting: Waiting[] = []

  constructor(store: Store) {
    this.#store = store
  }

  /** The entry of a key, as of the end of this turn of the event loop. */
  get(key: Uint8Array): Promise<Entry | undefined> {
    // A store elsewhere answers each call on its own way; and what this store refuses, it refuses alone.
    const { supports, limits } = this.#store
    if (!supports.syncReads || key.length === 0 || key.length > limits.maxKeyBytes) return this.#store.getEntry(key)
    return new Promise((resolve, reject) => {
      this.#waiting.push({ key, resolve, reject })
      if (this.#waiting.length === 1) setImmediate(() => void this.#read())
    })
  }

  async #read(): Promise<void> {
    const group = this.#waiting
    this.#waiting = []
    try {
      const entries = group.length === 1 ? [await this.#store.getEntry(group[0]!.key)] : await this.#store.getMany(group.map(({ key }) => key))
      for (const [i, { resolve }] of group.entries()) resolve(entries[i])
    } catch (error) {
      for (const { reject } of group) reject(error)
    }
  }
}
