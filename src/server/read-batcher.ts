import { asBuffer } from '../bytes.ts'
import { KvError } from '../errors.ts'
import type { Entry } from '../store/driver/entry.ts'
import type { Store } from '../store/store.ts'

/** Who waits for the entry of a key. */
export interface Client {
  /** Is given the entry; it is shared, not to be changed. What this throws goes to `fail`. */
  answer(entry: Entry | undefined): void
  /** Is given the value alone, where the key was asked for as text, and its short value is text in a cache. */
  answerText?(value: string): void
  fail(error: unknown): void
}

/** Bytes of entries that are read together at most. */
const GROUP_BYTES = 1 << 24

/** Characters of a value that is answered from a cache. */
const SHORT = 1 << 16

/** A key, and who waits for its entry. */
interface Wanted {
  readonly key: Uint8Array
  /** The key, where it was first asked for as text. */
  readonly text: string | undefined
  readonly clients: Client[]
}

/**
 * Reads of single keys, all that arrive in one turn of the event loop in one transaction, and each
 * key once: taking and giving back the engine's read lock costs more than the read itself. Answers
 * are given by callbacks, since a promise or two for each request would cost as much again.
 */
export class ReadBatcher {
  readonly #store: Store
  /** A store elsewhere answers each call on its own way. */
  readonly #grouped: boolean
  readonly #maxKeyBytes: number
  /** What this turn of the event loop has asked for, by the bytes of the keys. */
  #group = new Map<string, Wanted>()

  constructor(store: Store) {
    this.#store = store
    this.#grouped = store.supports.syncReads
    this.#maxKeyBytes = store.limits.maxKeyBytes
  }

  /** Answers with the entry of a key as of the end of this turn of the event loop; `text` is the key, where it is text. */
  get(key: Uint8Array, client: Client, text?: string): void {
    // What the store refuses, it refuses alone.
    if (!this.#grouped || key.length === 0 || key.length > this.#maxKeyBytes)
      return void this.#read([{ key, text: undefined, clients: [client] }])
    if (this.#group.size === 0) setImmediate(() => this.#readGroup())
    const name = asBuffer(key).toString('latin1')
    const wanted = this.#group.get(name)
    if (wanted === undefined) this.#group.set(name, { key, text: client.answerText && text, clients: [client] })
    else wanted.clients.push(client)
  }

  #readGroup(): void {
    const group: Wanted[] = []
    for (const wanted of this.#group.values()) if (!this.#answerFromCache(wanted)) group.push(wanted)
    this.#group = new Map()
    if (group.length > 0) void this.#read(group)
  }

  /** Without a copy of key and value. False where the cache cannot tell. */
  #answerFromCache({ text, clients }: Wanted): boolean {
    if (text === undefined || !clients.every(({ answerText }) => answerText !== undefined)) return false
    const value = this.#store.cached?.text(text)
    if (value === undefined || value.length > SHORT) return false
    for (const client of clients) {
      try {
        client.answerText!(value)
      } catch (error) {
        client.fail(error)
      }
    }
    return true
  }

  async #read(group: readonly Wanted[]): Promise<void> {
    let entries: (Entry | undefined)[]
    try {
      const keys = group.map(({ key }) => key)
      entries =
        keys.length === 1
          ? [await this.#store.getEntry(keys[0]!)]
          : await this.#store.getMany(keys, { maxBytes: GROUP_BYTES })
    } catch (error) {
      if (group.length > 1 && error instanceof KvError && error.code === 'KV_TOO_LARGE') {
        // One after the other, so that each answer is counted before the next is read.
        for (const one of group) await this.#read([one])
      } else {
        for (const { clients } of group) for (const client of clients) client.fail(error)
      }
      return
    }
    for (const [i, { clients }] of group.entries()) {
      for (const client of clients) {
        try {
          client.answer(entries[i])
        } catch (error) {
          client.fail(error)
        }
      }
    }
  }
}
