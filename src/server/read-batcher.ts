import type { FastifyReply } from 'fastify'
import { asBuffer } from '../bytes.ts'
import { KvError } from '../errors.ts'
import type { Entry } from '../store/entry.ts'
import type { Store } from '../store/store.ts'

/** Sends the answer for an entry, or throws what is to be told instead. */
export type Answer = (reply: FastifyReply, entry: Entry | undefined) => void

/** Bytes of entries that are read together at most. */
const GROUP_BYTES = 1 << 24

interface Wanted {
  /** Where the key stands among those to read. */
  readonly index: number
  readonly reply: FastifyReply
  readonly answer: Answer
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
  #keys: Uint8Array[] = []
  #wanted: Wanted[] = []
  /** The index of each key. */
  #index = new Map<string, number>()

  constructor(store: Store) {
    this.#store = store
    this.#grouped = store.supports.syncReads
    this.#maxKeyBytes = store.limits.maxKeyBytes
  }

  /** Answers with the entry of a key as of the end of this turn of the event loop; it is shared, not to be changed. */
  get(key: Uint8Array, reply: FastifyReply, answer: Answer): void {
    // What the store refuses, it refuses alone.
    if (!this.#grouped || key.length === 0 || key.length > this.#maxKeyBytes) {
      void this.#read([key], [{ index: 0, reply, answer }])
      return
    }
    if (this.#wanted.length === 0) setImmediate(() => this.#readGroup())
    const name = asBuffer(key).toString('latin1')
    let index = this.#index.get(name)
    if (index === undefined) {
      index = this.#keys.push(key) - 1
      this.#index.set(name, index)
    }
    this.#wanted.push({ index, reply, answer })
  }

  #readGroup(): void {
    const [keys, wanted] = [this.#keys, this.#wanted]
    this.#keys = []
    this.#wanted = []
    this.#index = new Map()
    void this.#read(keys, wanted)
  }

  async #read(keys: readonly Uint8Array[], wanted: readonly Wanted[]): Promise<void> {
    let entries: (Entry | undefined)[]
    try {
      entries =
        keys.length === 1
          ? [await this.#store.getEntry(keys[0]!)]
          : await this.#store.getMany(keys, { maxBytes: GROUP_BYTES })
    } catch (error) {
      if (keys.length > 1 && error instanceof KvError && error.code === 'KV_TOO_LARGE') {
        // One after the other, so that each answer is counted before the next is read.
        for (const [i, key] of keys.entries()) {
          await this.#read(
            [key],
            wanted.filter(({ index }) => index === i).map((one) => ({ ...one, index: 0 })),
          )
        }
        return
      }
      for (const { reply } of wanted) reply.send(error)
      return
    }
    for (const { index, reply, answer } of wanted) {
      try {
        answer(reply, entries[index])
      } catch (error) {
        reply.send(error)
      }
    }
  }
}
