import type { Abortable, Clock, GetManyOptions } from '../../../store/driver/driver.ts'
import type { Entry, Head } from '../../../store/driver/entry.ts'
import { withinBytes } from '../../kit/byte-budget.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { Keys } from '../keys.ts'
import type { Leases } from '../lease/leases.ts'
import { METHODS, type Step, type Stored } from '../wire/messages.ts'

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
    for (let at = 0; at < keys.length; at += this.#maxTxnOps) {
      const part = keys.slice(at, at + this.#maxTxnOps)
      const steps: Step[] = part.map((key) => ({ range: { key: this.#keys.outside(key), revision } }))
      const { header, responses } = await this.#cluster.call(METHODS.txn, { success: steps }, { kind: 'read', signal })
      revision ||= header!.revision
      for (const { range } of responses) {
        const entry = range!.kvs[0] && (await this.#entry(range!.kvs[0], signal))
        if (entry !== undefined) takes(entry.key.length + entry.value.length)
        entries.push(entry)
      }
    }
    return entries
  }

  /** The entry, unless it has expired. */
  async #entry({ key, value, modRevision, lease }: Stored, signal?: AbortSignal): Promise<Entry | undefined> {
    const expires = await this.#leases.expiryOf(lease, signal)
    if (expires !== undefined && expires <= this.#now()) return undefined
    return { key: this.#keys.inside(key), value, revision: modRevision, expires }
  }
}
