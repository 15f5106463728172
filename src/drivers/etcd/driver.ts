import { KvError } from '../../errors.ts'
import type {
  Abortable,
  Changes,
  CheckOptions,
  CheckReport,
  Clock,
  Driver,
  DriverBatchOptions,
  DriverDelOptions,
  DriverPutOptions,
  GetManyOptions,
  Limits,
  RangeQuery,
  Stat,
  Supports,
  WatchQuery,
} from '../../store/driver/driver.ts'
import type { Entry, Head, Op, PutResult } from '../../store/driver/entry.ts'
import { withinBytes } from '../kit/byte-budget.ts'
import type { OpenOptions } from '../options.ts'
import type { Cluster } from './cluster/cluster.ts'
import { connect } from './connect.ts'
import { Keys } from './keys.ts'
import { Leases } from './lease/leases.ts'
import { type EtcdLocation, parseEtcdLocation } from './location.ts'
import { METHODS, type Step, type Stored } from './wire/messages.ts'
import { Writes } from './write/writes.ts'

/** Bytes of a request that are no key and no value: of each operation, and of the whole. */
const OP_OVERHEAD_BYTES = 64
const REQUEST_OVERHEAD_BYTES = 1024

const SUPPORTS: Supports = {
  syncReads: false,
  remote: true,
  snapshotRange: true,
  persistent: true,
  unknownOutcome: true,
  repeatedKeys: false,
  exclusiveLoad: false,
  watch: false,
}

/** The driver for a prefix of the keys of an etcd cluster: values lie there as they were put. */
export class EtcdDriver implements Driver {
  readonly name = 'etcd'
  readonly limits: Limits
  readonly supports = SUPPORTS
  readonly #cluster: Cluster
  readonly #keys: Keys
  readonly #leases: Leases
  readonly #writes: Writes
  readonly #now: Clock

  private constructor(cluster: Cluster, { prefix, maxTxnOps, maxRequestBytes }: EtcdLocation, now: Clock) {
    this.#cluster = cluster
    this.#keys = new Keys(prefix)
    this.#leases = new Leases(cluster, now)
    this.#writes = new Writes(cluster, this.#keys, this.#leases, now)
    this.#now = now
    const maxBytes = maxRequestBytes - REQUEST_OVERHEAD_BYTES
    this.limits = {
      maxKeyBytes: 65_535 - prefix.length,
      maxValueBytes: maxBytes,
      maxEntryBytes: maxBytes,
      maxBatchOps: maxTxnOps,
      maxBatchBytes: maxBytes,
      opOverheadBytes: OP_OVERHEAD_BYTES + prefix.length,
      expiryStepMs: 1000,
      maxBatchesInFlight: 8,
    }
  }

  /** Opens the store of a location; asks nothing yet. Throws `KV_USAGE`. */
  static async open(location: string, options: OpenOptions): Promise<EtcdDriver> {
    const where = parseEtcdLocation(location)
    if (options.durable === false) {
      throw new KvError('KV_NOT_SUPPORTED', 'etcd decides for itself whether its writes wait for the disk', {
        hint: 'leave --no-sync out',
      })
    }
    const cluster = await connect(location, where, options)
    return new EtcdDriver(cluster, where, options.clock ?? Date.now)
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
    for (let at = 0; at < keys.length; at += this.limits.maxBatchOps) {
      const part = keys.slice(at, at + this.limits.maxBatchOps)
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

  put(key: Uint8Array, value: Uint8Array, options?: DriverPutOptions): Promise<PutResult> {
    return this.#writes.put(key, value, options)
  }

  del(key: Uint8Array, options?: DriverDelOptions): Promise<boolean> {
    return this.#writes.del(key, options)
  }

  batch(ops: readonly Op[], options?: DriverBatchOptions): Promise<number> {
    return this.#writes.batch(ops, options)
  }

  delRange(query: RangeQuery, options?: Abortable): Promise<number> {
    return this.#writes.delRange(query, options)
  }

  async *range(query: RangeQuery, { signal }: Abortable = {}): AsyncGenerator<Entry[], void, void> {
    if (query.reverse) throw notYet('reverse ranges')
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

  watch(_query: WatchQuery, _options?: Abortable): Promise<Changes> {
    return Promise.reject(notYet('watches'))
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

  async close(): Promise<void> {
    this.#cluster.close()
  }

  async #entries(kvs: readonly Stored[], signal: AbortSignal | undefined): Promise<Entry[]> {
    const entries: Entry[] = []
    for (const kv of kvs) {
      const entry = await this.#entry(kv, signal)
      if (entry !== undefined) entries.push(entry)
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

function notYet(what: string): KvError {
  return new KvError('KV_NOT_SUPPORTED', `a store in etcd has no ${what} yet`)
}
