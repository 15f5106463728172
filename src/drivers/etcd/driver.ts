import type { Block } from '../../blocks/block.ts'
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
import type { LoadPartOptions, LoadedPart } from '../../store/driver/load.ts'
import type { Care } from '../../store/driver/care.ts'
import type { Entry, Head, Op, PutResult } from '../../store/driver/entry.ts'
import type { Usage, UsageProgress, UsageQuery } from '../../store/driver/usage.ts'
import type { OpenOptions } from '../options.ts'
import type { Cluster } from './cluster/cluster.ts'
import { connect } from './connect.ts'
import { Keys } from './keys.ts'
import { Leases } from './lease/leases.ts'
import { careOf } from './care.ts'
import { type EtcdLocation, parseEtcdLocation } from './location.ts'
import { KeyReads } from './read/key-reads.ts'
import { RangeReads } from './read/range-reads.ts'
import { Watches } from './watch/watches.ts'
import { Target } from './write/target.ts'
import { Writes } from './write/writes.ts'

/** Bytes of a request that are no key and no value: of each operation, and of the whole. */
const OP_OVERHEAD_BYTES = 64
const REQUEST_OVERHEAD_BYTES = 1024

const BATCH_HINT =
  'split it, or start the members with a higher --max-txn-ops (or --max-request-bytes) and add ?max-txn-ops=N (or ?max-request-bytes=N) to the location'

const SUPPORTS: Supports = {
  syncReads: false,
  remote: true,
  snapshotRange: true,
  persistent: true,
  unknownOutcome: true,
  repeatedKeys: false,
  exclusiveLoad: false,
  watch: true,
}

/** The driver for a prefix of the keys of an etcd cluster: values lie there as they were put. */
export class EtcdDriver implements Driver {
  readonly name = 'etcd'
  readonly limits: Limits
  readonly batchHint = BATCH_HINT
  readonly supports = SUPPORTS
  readonly firstPageIsFree = true
  readonly care: Care
  readonly #cluster: Cluster
  readonly #keyReads: KeyReads
  readonly #rangeReads: RangeReads
  readonly #writes: Writes
  readonly #watches: Watches

  private constructor(
    location: string,
    cluster: Cluster,
    { endpoints, prefix, maxTxnOps, maxRequestBytes }: EtcdLocation,
    now: Clock,
  ) {
    this.care = careOf(location, endpoints)
    this.#cluster = cluster
    const keys = new Keys(prefix)
    const leases = new Leases(cluster, now)
    this.#keyReads = new KeyReads(cluster, keys, leases, now, maxTxnOps)
    this.#rangeReads = new RangeReads(cluster, keys, leases, now, maxTxnOps)
    this.#watches = new Watches({ cluster, keys, leases, now, maxTxnOps })
    this.#writes = new Writes(new Target(cluster, keys, leases, now, maxTxnOps))
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
    const cluster = connect(location, where, options)
    return new EtcdDriver(location, cluster, where, options.clock ?? Date.now)
  }

  get(key: Uint8Array, options?: Abortable): Promise<Uint8Array | undefined> {
    return this.#keyReads.get(key, options)
  }

  getEntry(key: Uint8Array, options?: Abortable): Promise<Entry | undefined> {
    return this.#keyReads.getEntry(key, options)
  }

  head(key: Uint8Array, options?: Abortable): Promise<Head | undefined> {
    return this.#keyReads.head(key, options)
  }

  getMany(keys: readonly Uint8Array[], options?: GetManyOptions): Promise<(Entry | undefined)[]> {
    return this.#keyReads.getMany(keys, options)
  }

  put(key: Uint8Array, value: Uint8Array, options?: DriverPutOptions): Promise<PutResult> {
    return this.#cluster.write(() => this.#writes.put(key, value, options))
  }

  del(key: Uint8Array, options?: DriverDelOptions): Promise<boolean> {
    return this.#cluster.write(() => this.#writes.del(key, options))
  }

  batch(ops: readonly Op[], options?: DriverBatchOptions): Promise<number> {
    return this.#cluster.write(() => this.#writes.batch(ops, options))
  }

  loadPart(block: Block, options: LoadPartOptions): Promise<LoadedPart> {
    return this.#writes.loadPart(block, options)
  }

  delRange(query: RangeQuery, options?: Abortable): Promise<number> {
    return this.#cluster.write(() => this.#writes.delRange(query, options))
  }

  range(query: RangeQuery, options?: Abortable): AsyncIterable<Entry[]> {
    return this.#rangeReads.range(query, options)
  }

  count(query: RangeQuery, options?: Abortable): Promise<number> {
    return this.#rangeReads.count(query, options)
  }

  watch(query: WatchQuery, options?: Abortable): Promise<Changes> {
    return this.#watches.watch(query, options)
  }

  anyExpires(_query: RangeQuery, options?: Abortable): Promise<false | undefined> {
    return this.#rangeReads.anyExpires(options)
  }

  usage(query: UsageQuery, options?: UsageProgress): AsyncIterable<Usage[]> {
    return this.#rangeReads.usage(query, options)
  }

  stat(options?: Abortable): Promise<Stat> {
    return this.#rangeReads.stat(options)
  }

  check(options?: CheckOptions): Promise<CheckReport> {
    return this.#rangeReads.check(options)
  }

  async close(): Promise<void> {
    await this.#watches.close()
    await this.#cluster.close()
  }
}
