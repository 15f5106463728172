import { MemoryDriver } from '../../src/drivers/memory/driver.ts'
import { KvError, interrupted } from '../../src/errors.ts'
import type {
  Abortable,
  Changes,
  CheckOptions,
  CheckReport,
  DriverBatchOptions,
  DriverDelOptions,
  Driver,
  GetManyOptions,
  Limits,
  DriverPutOptions,
  RangeQuery,
  Stat,
  WatchQuery,
} from '../../src/store/driver/driver.ts'
import type { Change, Condition, Entry, Head, Lifetime, Op, PutResult } from '../../src/store/driver/entry.ts'
import type { Place } from './suite.ts'

/** Revisions of a cluster grow by more than one: others write there too. */
const REVISION_STEP = 3

/** Entries of a page. */
const PAGE = 100

export const ETCD_LIMITS: Limits = {
  maxKeyBytes: 65_535,
  maxValueBytes: 1_500_000,
  maxEntryBytes: 1_500_000,
  maxBatchOps: 128,
  maxBatchBytes: 1_500_000,
  opOverheadBytes: 32,
  expiryStepMs: 1000,
  maxBatchesInFlight: 4,
}

export const ETCD_SUPPORTS = {
  syncReads: false,
  remote: true,
  snapshotRange: true,
  persistent: false,
  unknownOutcome: true,
  repeatedKeys: false,
  exclusiveLoad: false,
  watch: true,
}

/** The place of a store in a cluster that any number of drivers open. */
export function etcdShaped(): Place {
  const cluster = new MemoryDriver()
  return {
    open: async () => new EtcdShapedDriver(cluster),
    remove: () => cluster.close(),
  }
}

/**
 * What an engine far away is like, over one in memory: every answer comes later, a batch is small and has each key
 * once, time goes by seconds of a clock that no test can stop, revisions have gaps, and positions of watches look like
 * nothing else. It fails, as no store may, for what the Store is to keep from it.
 */
class EtcdShapedDriver implements Driver {
  readonly name = 'etcd-shaped'
  readonly limits = ETCD_LIMITS
  readonly supports = ETCD_SUPPORTS
  readonly #cluster: MemoryDriver
  readonly #underWay = new Set<Promise<unknown>>()
  readonly #watches = new Set<Changes>()
  #closed = false

  constructor(cluster: MemoryDriver) {
    this.#cluster = cluster
  }

  get(key: Uint8Array, options?: Abortable): Promise<Uint8Array | undefined> {
    return this.#read(() => this.#cluster.get(key), options)
  }

  getEntry(key: Uint8Array, options?: Abortable): Promise<Entry | undefined> {
    return this.#read(() => outside(this.#cluster.getEntry(key)), options)
  }

  head(key: Uint8Array, options?: Abortable): Promise<Head | undefined> {
    return this.#read(() => outside(this.#cluster.head(key)), options)
  }

  getMany(keys: readonly Uint8Array[], options: GetManyOptions = {}): Promise<(Entry | undefined)[]> {
    return this.#read(() => this.#cluster.getMany(keys, options).map(outside), options)
  }

  put(key: Uint8Array, value: Uint8Array, options: DriverPutOptions = {}): Promise<PutResult> {
    this.#check([{ type: 'put', key, value, expires: options.expires, ttl: options.ttl }])
    const condition = inside(options.condition)
    return this.#write(async () => outside(await this.#cluster.put(key, value, { ...options, condition })), options)
  }

  del(key: Uint8Array, options: DriverDelOptions = {}): Promise<boolean> {
    this.#check([{ type: 'del', key }])
    return this.#write(() => this.#cluster.del(key, { condition: inside(options.condition) }), options)
  }

  batch(ops: readonly Op[], options: DriverBatchOptions = {}): Promise<number> {
    this.#check(ops)
    const conditions = options.conditions?.map(({ key, condition }) => ({ key, condition: inside(condition)! }))
    return this.#write(async () => (await this.#cluster.batch(ops, { conditions })) * REVISION_STEP, options)
  }

  delRange(query: RangeQuery, options?: Abortable): Promise<number> {
    return this.#write(() => this.#cluster.delRange(query), options)
  }

  async *range(query: RangeQuery, options?: Abortable): AsyncGenerator<Entry[], void, void> {
    await this.#read(() => undefined, options)
    for await (const page of this.#cluster.range(query)) {
      for (let at = 0; at < page.length; at += PAGE)
        yield await this.#read(() => page.slice(at, at + PAGE).map(outside), options)
    }
  }

  count(query: RangeQuery, options?: Abortable): Promise<number> {
    return this.#read(() => this.#cluster.count(query), options)
  }

  stat(options?: Abortable): Promise<Stat> {
    return this.#read(() => outside(this.#cluster.stat()), options)
  }

  check(options: CheckOptions = {}): Promise<CheckReport> {
    return this.#read(() => this.#cluster.check({ onProgress: options.onProgress }), options)
  }

  async watch({ after, ...query }: WatchQuery, { signal }: Abortable = {}): Promise<Changes> {
    await later()
    const inner = await this.#cluster.watch({ ...query, after: after && positionInside(after) }, { signal })
    const changes: Changes = {
      get position() {
        return positionOutside(inner.position)
      },
      async next() {
        const page = await inner.next()
        return page.done === true ? page : { done: false, value: page.value.map(changeOutside) }
      },
      return: () => inner.return(),
      unref: () => inner.unref(),
      [Symbol.asyncIterator]: () => changes,
    }
    this.#watches.add(inner)
    return changes
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.allSettled(this.#underWay)
    for (const watch of this.#watches)
      await (watch as Changes & { fail?(error: unknown): Promise<void> }).fail?.(closed())
  }

  /** An answer from elsewhere. */
  async #read<T>(answer: () => T, { signal }: Abortable = {}): Promise<T> {
    await later(signal)
    if (this.#closed) throw closed()
    return answer()
  }

  #write<T>(request: () => Promise<T>, { signal }: Abortable = {}): Promise<T> {
    const answer = (async () => {
      await later(signal)
      const result = await request()
      await later()
      if (signal?.aborted)
        throw new KvError('KV_UNKNOWN_OUTCOME', 'the answer was not waited for', { cause: signal.reason })
      return result
    })()
    this.#underWay.add(answer)
    const over = (): void => void this.#underWay.delete(answer)
    answer.then(over, over)
    return answer
  }

  #check(ops: readonly Op[]): void {
    const { maxBatchOps, maxBatchBytes, maxEntryBytes, opOverheadBytes } = ETCD_LIMITS
    const sizes = ops.map((op) => op.key.length + (op.type === 'put' ? op.value.length : 0) + opOverheadBytes)
    const wrong =
      (ops.length > maxBatchOps && 'too many operations') ||
      (sizes.some((size) => size > maxEntryBytes) && 'an entry is too large') ||
      (sizes.reduce((sum, size) => sum + size, 0) > maxBatchBytes && 'the request is too large') ||
      (new Set(ops.map(({ key }) => Buffer.from(key).toString('hex'))).size < ops.length && 'duplicate key given') ||
      (ops.some((op) => op.type === 'put' && !isWhole(op)) && 'a time that is no whole second')
    if (wrong) throw new Error(`etcdserver: ${wrong}`)
  }
}

/** The next turn of the event loop, unless a signal is quicker. */
function later(signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(interrupted(signal))
    const abort = (): void => reject(interrupted(signal))
    signal?.addEventListener('abort', abort, { once: true })
    setImmediate(() => {
      signal?.removeEventListener('abort', abort)
      resolve()
    })
  })
}

function closed(): KvError {
  return new KvError('KV_CLOSED', 'the store is closed')
}

function isWhole({ expires = 0, ttl = 0 }: Lifetime): boolean {
  return expires % 1000 === 0 && ttl % 1000 === 0
}

function outside<T extends { readonly revision: number } | undefined>(of: T): T {
  return of && { ...of, revision: of.revision * REVISION_STEP }
}

function inside(condition: Condition | undefined): Condition | undefined {
  return condition?.type === 'revision' ? { ...condition, revision: condition.revision / REVISION_STEP } : condition
}

function changeOutside(change: Change): Change {
  const position = positionOutside(change.position)
  return change.type === 'put' ? { ...outside(change), position } : { ...change, position }
}

/** `LOG-7` is `7:LOG`, the log's name as a number. */
function positionOutside(position: string): string {
  const [, log, at] = /^([a-z0-9]+)-(\d+)$/.exec(position) ?? []
  return log === undefined ? position : `${at}:${BigInt(`0x${Buffer.from(log).toString('hex')}`)}`
}

function positionInside(position: string): string {
  const [, at, log] = /^(\d+):(\d+)$/.exec(position) ?? []
  return log === undefined ? position : `${Buffer.from(BigInt(log).toString(16), 'hex').toString()}-${at}`
}
