import type { FastifyReply } from 'fastify'
import { asBuffer } from '../bytes.ts'
import { KvError } from '../errors.ts'
import type { Entry } from '../store/driver/entry.ts'
import type { Store } from '../store/store.ts'

/** Sends the answer for an entry, or throws what is to be told instead. */
export type Answer = (reply: FastifyReply, entry: Entry | undefined) => void

/** Bytes of entries that are read together at most. */
const GROUP_BYTES = 1 << 24

/** A key, and who waits for its entry. */
interface Wanted {
  readonly key: Uint8Array
  readonly clients: { readonly reply: FastifyReply; readonly answer: Answer }[]
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

  /** Answers with the entry of a key as of the end of this turn of the event loop; it is shared, not to be changed. */
  get(key: Uint8Array, reply: FastifyReply, answer: Answer): void {
    const client = { reply, answer }
    // What the store refuses, it refuses alone.
    if (!this.#grouped || key.length === 0 || key.length > this.#maxKeyBytes)
      return void this.#read([{ key, clients: [client] }])
    if (this.#group.size === 0) setImmediate(() => this.#readGroup())
    const name = asBuffer(key).toString('latin1')
    const wanted = this.#group.get(name)
    if (wanted === undefined) this.#group.set(name, { key, clients: [client] })
    else wanted.clients.push(client)
  }

  #readGroup(): void {
    const group = [...this.#group.values()]
    this.#group = new Map()
    void this.#read(group)
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
        for (const { clients } of group) for (const { reply } of clients) reply.send(error)
      }
      return
    }
    for (const [i, { clients }] of group.entries()) {
      for (const { reply, answer } of clients) {
        try {
          answer(reply, entries[i])
        } catch (error) {
          reply.send(error)
        }
      }
    }
  }
}
