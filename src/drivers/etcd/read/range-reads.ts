import { KvError } from '../../../errors.ts'
import type { Abortable, CheckOptions, CheckReport, Clock, RangeQuery, Stat } from '../../../store/driver/driver.ts'
import type { Entry } from '../../../store/driver/entry.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { Keys } from '../keys.ts'
import type { Leases } from '../lease/leases.ts'
import { METHODS, type Stored } from '../wire/messages.ts'

/** Reads of ranges of one store. */
export class RangeReads {
  readonly #cluster: Cluster
  readonly #keys: Keys
  readonly #leases: Leases
  readonly #now: Clock

  constructor(cluster: Cluster, keys: Keys, leases: Leases, now: Clock) {
    this.#cluster = cluster
    this.#keys = keys
    this.#leases = leases
    this.#now = now
  }

  async *range(query: RangeQuery, { signal }: Abortable = {}): AsyncGenerator<Entry[], void, void> {
    if (query.reverse) throw new KvError('KV_NOT_SUPPORTED', 'a store in etcd has no reverse ranges yet')
    const { rangeEnd } = this.#keys.range(query)
    let { key } = this.#keys.range(query)
    let revision = 0
    for (let left = query.limit; left > 0;) {
      const { header, kvs, more } = await this.#cluster.call(
        METHODS.range,
        { key, rangeEnd, revision, limit: Math.min(left, 1000), keysOnly: query.keysOnly },
        { kind: 'read', signal },
      )
      revision ||= header!.revision
      const page = await this.#entries(kvs, signal)
      left -= page.length
      if (page.length > 0) yield page
      if (!more) return
      const last = kvs.at(-1)!.key
      key = new Uint8Array(last.length + 1)
      key.set(last)
    }
  }

  async count(query: RangeQuery, { signal }: Abortable = {}): Promise<number> {
    const range = { ...this.#keys.range(query), countOnly: true }
    const { count } = await this.#cluster.call(METHODS.range, range, { kind: 'read', signal })
    return Math.min(count, query.limit)
  }

  async stat({ signal }: Abortable = {}): Promise<Stat> {
    const everything = { start: undefined, end: undefined, reverse: false, limit: Infinity, keysOnly: true }
    const range = { ...this.#keys.range(everything), countOnly: true }
    const { header, count } = await this.#cluster.call(METHODS.range, range, { kind: 'read', signal })
    return { entries: count, expiring: 0, revision: header!.revision, sizeBytes: 0, details: {} }
  }

  async check(_options: CheckOptions = {}): Promise<CheckReport> {
    throw new KvError('KV_NOT_SUPPORTED', 'etcd checks its own files')
  }

  async #entries(kvs: readonly Stored[], signal: AbortSignal | undefined): Promise<Entry[]> {
    const entries: Entry[] = []
    for (const { key, value, modRevision, lease } of kvs) {
      const expires = await this.#leases.expiryOf(lease, signal)
      if (expires !== undefined && expires <= this.#now()) continue
      entries.push({ key: this.#keys.inside(key), value, revision: modRevision, expires })
    }
    return entries
  }
}
