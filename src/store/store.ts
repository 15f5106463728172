import { KvError, closedError, interrupted, usageError } from '../errors.ts'
import type { Block, Blocks } from '../blocks/block.ts'
import type {
  Abortable,
  CheckOptions,
  CheckReport,
  Driver,
  GetManyOptions,
  Limits,
  Stat,
  Supports,
} from './driver/driver.ts'
import type { Entry, Head, PutResult } from './driver/entry.ts'
import type { Cached } from './driver/cached.ts'
import type { Care } from './driver/care.ts'
import { StoreHistory } from './history.ts'
import { type KeyInput, checkFunction, checkNumber, checkOptions, conditionOf, flagOf, kindOf } from './input.ts'
import { type LoadOptions, checkLoad, checkLoadStream, load } from './load.ts'
import type { CollectOptions } from './stream/load-stream.ts'
import { conditionsOf, keyOf, opsOf, ownKeyOf, putOf } from './operations.ts'
import { toQuery } from './range.ts'
import { ViewAccess } from './views/view-access.ts'
import { WATCH_NAMES, Watch, type WatchOptions, toWatchQuery } from './watch.ts'
import {
  type BatchOp,
  type BatchOptions,
  DEL_RANGE_NAMES,
  type DelOptions,
  type DelRangeOptions,
  type PutOptions,
} from './write-options.ts'

/**
 * An ordered map from byte strings to byte strings, over any driver. Strings given as keys or values stand for their
 * UTF-8 bytes. After `close()` every method fails with `KV_CLOSED`.
 */
export class Store extends ViewAccess {
  /** Where the store is, as `openStore` was told. */
  readonly location: string
  readonly #driver: Driver
  #closing: Promise<void> | undefined

  constructor(location: string, driver: Driver) {
    super((signal) => this.#open(signal))
    this.location = location
    this.#driver = driver
  }

  /** The driver's name: `sqlite`, `memory`. */
  get driverName(): string {
    return this.#driver.name
  }

  /** Absolute paths of the store's files on this machine, whether they exist now or not: the main file first. */
  get files(): readonly string[] {
    return this.#driver.files ?? []
  }

  /** Sizes above which writes are refused with `KV_TOO_LARGE`. */
  get limits(): Limits {
    return this.#driver.limits
  }

  /** What is in memory of single keys, as new as `get` tells it; `undefined` without a cache, and once closed. */
  get cached(): Cached | undefined {
    return this.#closing === undefined ? this.#driver.cached : undefined
  }

  /** What this store can do. */
  get supports(): Supports {
    return this.#driver.supports
  }

  /** The value of a key, or `undefined`. Sees the writes whose promises have resolved, in any process. */
  async get(key: KeyInput, options?: Abortable): Promise<Uint8Array | undefined> {
    const driver = this.#use(options, ['signal'], 'get')
    return driver.get(keyOf(key, driver), options)
  }

  /** The same without a promise. Throws `KV_NOT_SUPPORTED` when `supports.syncReads` is false. */
  getSync(key: KeyInput): Uint8Array | undefined {
    const driver = this.#open()
    const cached = typeof key === 'string' ? driver.cached?.bytes(key) : undefined
    if (cached !== undefined) return cached
    if (!driver.supports.syncReads)
      throw new KvError('KV_NOT_SUPPORTED', `a store of the ${driver.name} driver cannot be read without a promise`)
    return driver.get(keyOf(key, driver)) as Uint8Array | undefined
  }

  /** `getText` without a promise. Throws what that and `getSync` throw. */
  override getTextSync(key: string): string | undefined {
    return this.cached?.text(key) ?? super.getTextSync(key)
  }

  /** The entry of a key with its revision and expiry, or `undefined`. */
  async getEntry(key: KeyInput, options?: Abortable): Promise<Entry | undefined> {
    const driver = this.#use(options, ['signal'], 'getEntry')
    return driver.getEntry(keyOf(key, driver), options)
  }

  /** Revision, expiry and length of the value of a key, or `undefined`; the value itself is not read. */
  async head(key: KeyInput, options?: Abortable): Promise<Head | undefined> {
    const driver = this.#use(options, ['signal'], 'head')
    return driver.head(keyOf(key, driver), options)
  }

  /**
   * The entries of several keys at one snapshot, in the order asked, `undefined` for a missing one.
   * Throws `KV_TOO_LARGE` when they take more than `maxBytes` of memory together.
   */
  async getMany(keys: readonly KeyInput[], options?: GetManyOptions): Promise<(Entry | undefined)[]> {
    checkOptions(options, ['maxBytes', 'signal'], 'getMany')
    checkNumber(options?.maxBytes, 'maxBytes', 0)
    if (!Array.isArray(keys)) throw usageError(`the keys of getMany are an array, not ${kindOf(keys)}`)
    const driver = this.#open(options?.signal)
    return driver.getMany(
      keys.map((key) => keyOf(key, driver)),
      options,
    )
  }

  /** Whether a key is there. */
  async has(key: KeyInput, options?: Abortable): Promise<boolean> {
    return (await this.head(key, options)) !== undefined
  }

  /** Stores a value under a key. Durable when the promise resolves; until then reads may not see it. */
  async put(key: KeyInput, value: KeyInput, options: PutOptions = {}): Promise<PutResult> {
    const driver = this.#use(options, ['expires', 'ttl', 'condition', 'signal'], 'put')
    const { condition, signal } = options
    const { key: bytes, value: own, expires, ttl } = putOf(key, value, options, driver.limits)
    return driver.put(bytes, own, { expires, ttl, condition: conditionOf(condition), signal })
  }

  /** Removes a key; resolves to whether it was there. Durable when the promise resolves. */
  async del(key: KeyInput, options: DelOptions = {}): Promise<boolean> {
    const driver = this.#use(options, ['condition', 'signal'], 'del')
    const { condition, signal } = options
    return driver.del(ownKeyOf(key, driver.limits), { condition: conditionOf(condition), signal })
  }

  /**
   * Applies the operations in order, all or nothing; of several on one key the last wins. Durable when the promise
   * resolves, to the revision they got (or the newest, for an empty batch). Throws `KV_TOO_LARGE` over `limits`, for it
   * is never split, and `KV_CONDITION` unless all `conditions` hold. A large one blocks the event loop while written.
   */
  async batch(ops: readonly BatchOp[], options: BatchOptions = {}): Promise<number> {
    const driver = this.#use(options, ['conditions', 'signal'], 'batch')
    return driver.batch(opsOf(ops, driver), { ...options, conditions: conditionsOf(options.conditions, driver) })
  }

  /**
   * Puts and deletes many entries packed in blocks: bulk loading. Resolves to the newest revision. A block must hold no
   * empty key and nothing over a limit, and is not read after the next one is asked for. All or nothing, unless `atomic` is
   * false: then a store with limited batches stores the blocks in parts, and `onProgress` tells how much is stored for
   * certain. Throws `KV_TOO_LARGE`, and stores nothing, when they must be atomic and are over the limit of a batch.
   * With `ifAbsent`, keys that are there keep their entries; a store without a load of its own does that only when
   * `atomic` is false, and throws `KV_NOT_SUPPORTED` otherwise.
   */
  async load(blocks: Blocks, options: LoadOptions = {}): Promise<number> {
    const checked = checkLoad(blocks, options)
    return load(this.#open(options.signal), blocks, checked)
  }

  /**
   * Puts and deletes what comes in blocks, as {@link load} without `atomic`, each stored before the next is asked for. A store
   * may put aside blocks that come quickly and in no order, and stores them all at once when they end, or when an
   * empty block says that they pause: `onCollected` tells of these. When their source throws, what it gave before is stored, unless the `signal` was aborted: then what was put
   * aside is dropped. With `atomic` all is put aside, and stored at once or not at all. Resolves to the newest revision.
   */
  async loadStream(blocks: Blocks, options: CollectOptions = {}): Promise<number> {
    const checked = checkLoadStream(blocks, options)
    const driver = this.#open(options.signal)
    const { loadStream } = await import('./stream/load-stream.ts')
    const { ifAbsent, onExisting, onProgress, signal } = checked
    const common = { ifAbsent, onExisting, onProgress, signal }
    const target = {
      load: (block: Block) => load(driver, [block], { atomic: false, ...common }),
      loadAll: (all: Blocks) => load(driver, all, { atomic: true, ...common }),
      longLoad: driver.longLoad?.bind(driver),
      revision: () => driver.batch([], { signal }),
    }
    return loadStream(target, blocks, checked)
  }

  /**
   * Removes every entry of a range in one atomic step; resolves to how many there were. Throws `KV_USAGE` without any
   * bound unless `all` is true. With a `signal` it yields to the event loop; when that is aborted before the commit,
   * nothing is removed.
   */
  async delRange(options: DelRangeOptions): Promise<number> {
    const driver = this.#use(options, DEL_RANGE_NAMES, 'delRange')
    const { all, signal, ...bounds } = options ?? {}
    const query = toQuery(bounds)
    if (query === undefined) return 0
    if (all !== true && query.start === undefined && query.end === undefined)
      throw usageError('this range means every key of the store', 'if that is what you want, set all to true')
    return driver.delRange(query, { signal })
  }

  /**
   * Watches keys: reports every put and delete after this has resolved, by any process, once and in commit order; an
   * expiry is a delete, within about a second. Throws `KV_USAGE` for a range that no key can be in and for what is no
   * position, `KV_WATCH_GAP` for a position after which changes are no longer kept, and `KV_NOT_SUPPORTED` where the
   * store cannot be watched.
   */
  async watch(options: WatchOptions = {}): Promise<Watch> {
    const driver = this.#use(options, WATCH_NAMES, 'watch')
    const { signal, ...wanted } = options
    return new Watch(await driver.watch(toWatchQuery(wanted, driver.limits), { signal }))
  }

  /** Throws why this store, which need not be there yet, cannot be read, or with `write` be made. */
  async checkUsable(how: { readonly write: boolean }): Promise<void> {
    this.#open().checkPlace?.(how)
    await this.count({ limit: 1 })
  }

  /** Counts and sizes. */
  async stat(options?: Abortable): Promise<Stat> {
    return this.#use(options, ['signal'], 'stat').stat(options)
  }

  /** Copies and repairs of a store that is a file of this machine. Throws `KV_NOT_SUPPORTED` for any other. */
  get care(): Care {
    const { care, name } = this.#open()
    if (care !== undefined) return care
    throw new KvError('KV_NOT_SUPPORTED', `this is for a store in a file of this machine, not for ${name}`, {
      hint: 'run it where its file lies; entries are copied between stores of any kind by kv copy SRC DST',
    })
  }

  /** Old versions of entries, where the store was told to keep them. */
  get history(): StoreHistory {
    return new StoreHistory((signal) => this.#open(signal))
  }

  /** Reads everything and verifies structure and checksums. */
  async check(options: CheckOptions = {}): Promise<CheckReport> {
    checkOptions(options, ['onProgress', 'quick', 'signal'], 'check')
    checkFunction(options.onProgress, 'onProgress')
    flagOf(options.quick, 'quick')
    return this.#open(options.signal).check(options)
  }

  /**
   * Waits for pending writes and frees everything. Safe to call again. No file of the store is open then by this store, or
   * left beside it. Before Node 22.13 that takes a collection of garbage, once for all stores that are closed together.
   */
  close(): Promise<void> {
    this.#closing ??= this.#driver.close()
    return this.#closing
  }

  /** `await using store = await openStore(...)` closes it. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** The driver for an operation. Throws `KV_USAGE` for options that it does not know. */
  #use(options: Abortable | undefined, names: readonly string[], operation: string): Driver {
    checkOptions(options, names, operation)
    return this.#open(options?.signal)
  }

  #open(signal?: AbortSignal): Driver {
    if (signal?.aborted) throw interrupted(signal, 'interrupted, nothing was done')
    if (this.#closing !== undefined) throw closedError()
    return this.#driver
  }
}
