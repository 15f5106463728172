import { KvError } from '../../../errors.ts'
import type { Abortable, Clock, GetManyOptions } from '../../../store/driver/driver.ts'
import type { Entry, Head } from '../../../store/driver/entry.ts'
import { withinBytes } from '../../kit/byte-budget.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { Keys } from '../keys.ts'
import type { Leases } from '../lease/leases.ts'
import { METHODS, type Step, type Stored, type TxnAnswer } from '../wire/messages.ts'

/** How long a member may take for the values of many keys, in milliseconds. */
const TRY_MS = 5000

/** Reads of single keys of one store. */
export class KeyReads {
  readonly #cluster: Cluster
  readonly #keys: Keys
  readonly #leases: Leases
  readonly #now: Clock
  readonly #maxTxnOps: number

  /** @param maxTxnOps keys that one request may name */
  constructor(cluster: Cluster, keys: Keys, leases: Leases, now: Clock, maxTxnOps: number) {
    this.#cluster = cluster
    this.#keys = keys
    this.#leases = leases
    this.#now = now
    this.#maxTxnOps = maxTxnOps
  }

  async get(key: Uint8Array, options?: Abortable): Promise<Uint8Array | undefined> {
    return (await this.getEntry(key, options))?.value
  }

  async getEntry(key: Uint8Array, { signal }: Abortable = {}): Promise<Entry | undefined> {
    const { kvs } = await this.#cluster.call(METHODS.range, { key: this.#keys.outside(key) }, { kind: 'read', signal })
    return kvs[0] && this.#entry(kvs[0], signal)
  }

  async head(key: Uint8Array, options?: Abortable): Promise<Head | undefined> {
    const entry = await this.getEntry(key, options)
    return entry && { revision: entry.revision, expires: entry.expires, valueBytes: entry.value.length }
  }

  async getMany(
    keys: readonly Uint8Array[],
    { maxBytes, signal }: GetManyOptions = {},
  ): Promise<(Entry | undefined)[]> {
    const takes = withinBytes(maxBytes)
    const entries: (Entry | undefined)[] = []
    let revision = 0
    let most = this.#maxTxnOps
    while (entries.length < keys.length) {
      const part = keys.slice(entries.length, entries.length + most)
      const answer = await this.#tryMany(part, revision, signal)
      if (answer === undefined) {
        most = Math.ceil(part.length / 8)
        continue
      }
      revision ||= answer.header!.revision
      for (const { range } of answer.responses) {
        const entry = range!.kvs[0] && (await this.#entry(range!.kvs[0], signal))
        if (entry !== undefined) takes(entry.key.length + entry.value.length)
        entries.push(entry)
      }
    }
    return entries
  }

  /** `undefined` when the values of several keys are too large for one answer. */
  async #tryMany(
    keys: readonly Uint8Array[],
    revision: number,
    signal: AbortSignal | undefined,
  ): Promise<TxnAnswer | undefined> {
    const success: Step[] = keys.map((key) => ({ range: { key: this.#keys.outside(key), revision } }))
    try {
      return await this.#cluster.call(METHODS.txn, { success }, { kind: 'read', tryMs: TRY_MS, signal })
    } catch (error) {
      if (keys.length > 1 && error instanceof KvError && error.code === 'KV_TOO_LARGE') return undefined
      throw error
    }
  }

  /** The entry, unless it has expired. */
  async #entry({ key, value, modRevision, lease }: Stored, signal?: AbortSignal): Promise<Entry | undefined> {
    const expires = await this.#leases.expiryOf(lease, signal)
    if (expires !== undefined && expires <= this.#now()) return undefined
    return { key: this.#keys.inside(key), value, revision: modRevision, expires }
  }
}
