import { asBuffer } from '../bytes.ts'
import type { Entry } from '../store/driver.ts'
import type { Store } from '../store/store.ts'

interface Group {
  readonly keys: Uint8Array[]
  readonly resolve: ((entry: Entry | undefined) => void)[]
  readonly reject: ((error: unknown) => void)[]
  /** The read of each key. */
  readonly reads: Map<string, Promise<Entry | undefined>>
}

/**
 * Reads of single keys, all that arrive in one turn of the event loop in one transaction, and each
 * key once: taking and giving back the engine's read lock costs more than the read itself.
 */
export class Reads {
  readonly #store: Store
  #group: Group | undefined

  constructor(store: Store) {
    this.#store = store
  }

  /** The entry of a key, as of the end of this turn of the event loop. Not to be changed: others may have asked for it too. */
  get(key: Uint8Array): Promise<Entry | undefined> {
    // A store elsewhere answers each call on its own way; and what this store refuses, it refuses alone.
    const { supports, limits } = this.#store
    if (!supports.syncReads || key.length === 0 || key.length > limits.maxKeyBytes) return this.#store.getEntry(key)
    const group = (this.#group ??= this.#begin())
    const name = asBuffer(key).toString('latin1')
    let read = group.reads.get(name)
    if (read === undefined) {
      read = new Promise((resolve, reject) => {
        group.keys.push(key)
        group.resolve.push(resolve)
        group.reject.push(reject)
      })
      group.reads.set(name, read)
    }
    return read
  }

  #begin(): Group {
    setImmediate(() => void this.#read())
    return { keys: [], resolve: [], reject: [], reads: new Map() }
  }

  async #read(): Promise<void> {
    const { keys, resolve, reject } = this.#group!
    this.#group = undefined
    try {
      const entries = keys.length === 1 ? [await this.#store.getEntry(keys[0]!)] : await this.#store.getMany(keys)
      for (const [i, settle] of resolve.entries()) settle(entries[i])
    } catch (error) {
      for (const settle of reject) settle(error)
    }
  }
}
