import { isPromise } from '../../async.ts'
import { utf8 } from '../../bytes.ts'
import { usageError } from '../../errors.ts'
import type { GetOrSetOptions } from '../atomic/computed.ts'
import { DELETE } from '../atomic/key-updates.ts'
import type { Abortable, Awaitable, GetManyOptions } from '../driver/driver.ts'
import type { Entry, PutResult } from '../driver/entry.ts'
import { type ConditionInput, type KeyInput, checkOptions, kindOf } from '../input.ts'
import type { RangeOptions } from '../range.ts'
import { WATCH_NAMES } from '../watch.ts'
import { type BatchOp, type BatchOptions, DEL_RANGE_NAMES } from '../write-options.ts'
import type { ByteAccess } from './byte-access.ts'
import { type Codec, textCodec } from './codec.ts'
import { decoded } from './decode.ts'
import {
  type IncrOptions,
  type UpdateOptions,
  type Updater,
  type ViewBatchOp,
  type ViewBatchOptions,
  type ViewBounds,
  type ViewCondition,
  type ViewDelOptions,
  type ViewDelRangeOptions,
  type ViewEntry,
  type ViewOptions,
  type ViewPutOptions,
  type ViewRangeOptions,
  type ViewWatchOptions,
  below,
  prefixOf,
} from './view-options.ts'
import { ViewWatch } from './view-watch.ts'

const BOUND_NAMES = ['gt', 'gte', 'lt', 'lte', 'prefix']
const VIEW_RANGE_NAMES = [...BOUND_NAMES, 'reverse', 'limit', 'signal']

/**
 * A store with keys and values of other types than bytes, and perhaps only a part of it. Its operations are those of the
 * store, and throw the same; a key or value that was stored by somebody else and that the codec cannot read is
 * `KV_NOT_TEXT` where it is met.
 */
export class View<K, V> {
  readonly #store: ByteAccess
  readonly #prefix: string | Uint8Array
  readonly #prefixLength: number
  readonly #key: Codec<K>
  readonly #value: Codec<V>

  /** Made by `view()`, `text()` and `json()`. */
  constructor(store: ByteAccess, prefix: string | Uint8Array, key: Codec<K>, value: Codec<V>) {
    this.#store = store
    this.#prefix = prefix
    this.#prefixLength = typeof prefix === 'string' ? utf8(prefix).length : prefix.length
    this.#key = key
    this.#value = value
  }

  /** A view of a part of this one, or with other codecs: `users.view({ prefix: 'admin:' })`. */
  view<K2 = K, V2 = V>(options: ViewOptions<K2, V2> = {}): View<K2, V2> {
    checkOptions(options, ['prefix', 'key', 'value'], 'view')
    const prefix = below(this.#prefix, prefixOf(options)) as string | Uint8Array
    const key = (options.key ?? this.#key) as Codec<K2>
    return new View(this.#store, prefix, key, (options.value ?? this.#value) as Codec<V2>)
  }

  /** The value of a key, or `undefined`. */
  async get(key: K, options?: Abortable): Promise<V | undefined> {
    const full = this.#full(key)
    return this.#decoded(await this.#store.get(full, options), full)
  }

  /** The same without a promise. Throws `KV_NOT_SUPPORTED` when `supports.syncReads` of the store is false. */
  getSync(key: K): V | undefined {
    const full = this.#full(key)
    // Text may be in memory.
    if (typeof full === 'string' && (this.#value as unknown) === textCodec)
      return this.#store.getTextSync(full) as V | undefined
    return this.#decoded(this.#store.getSync(full), full)
  }

  /** The entry of a key with its revision and expiry, or `undefined`. */
  async getEntry(key: K, options?: Abortable): Promise<ViewEntry<K, V> | undefined> {
    const entry = await this.#store.getEntry(this.#full(key), options)
    return entry && this.#entry(entry)
  }

  /** The entries of several keys at one snapshot, in the order asked, `undefined` for a missing one. */
  async getMany(keys: readonly K[], options?: GetManyOptions): Promise<(ViewEntry<K, V> | undefined)[]> {
    const full = Array.isArray(keys) ? keys.map((key: K) => this.#full(key)) : (keys as unknown as KeyInput[])
    return (await this.#store.getMany(full, options)).map((entry) => entry && this.#entry(entry))
  }

  /** Whether a key is there. */
  async has(key: K, options?: Abortable): Promise<boolean> {
    return this.#store.has(this.#full(key), options)
  }

  /** Stores a value under a key. Durable when the promise resolves. */
  async put(key: K, value: V, options: ViewPutOptions<V> = {}): Promise<PutResult> {
    return this.#store.put(this.#full(key), this.#encoded(value), this.#conditional(options))
  }

  /** The same without a promise, see `putSync` of the store. */
  putSync(key: K, value: V, options: Omit<ViewPutOptions<V>, 'signal'> = {}): PutResult {
    return this.#store.putSync(this.#full(key), this.#encoded(value), this.#conditional(options))
  }

  /** Removes a key; resolves to whether it was there. */
  async del(key: K, options: ViewDelOptions<V> = {}): Promise<boolean> {
    return this.#store.del(this.#full(key), this.#conditional(options))
  }

  /** The same without a promise, see `delSync` of the store. */
  delSync(key: K, options: Omit<ViewDelOptions<V>, 'signal'> = {}): boolean {
    return this.#store.delSync(this.#full(key), this.#conditional(options))
  }

  /** Applies the operations in order, all or nothing; resolves to their revision. */
  async batch(ops: readonly ViewBatchOp<K, V>[], options: ViewBatchOptions<K, V> = {}): Promise<number> {
    return this.#store.batch(this.#ops(ops), this.#conditions(options))
  }

  /** The same without a promise, see `batchSync` of the store. */
  batchSync(ops: readonly ViewBatchOp<K, V>[], options: Omit<ViewBatchOptions<K, V>, 'signal'> = {}): number {
    return this.#store.batchSync(this.#ops(ops), this.#conditions(options))
  }

  /** Changes the value of a key in one atomic step, see `update` of the store. */
  async update(key: K, updater: Updater<V, V, ViewEntry<K, V>>, options?: UpdateOptions): Promise<V | undefined> {
    if (typeof updater !== 'function') throw usageError(`update takes a function, not ${kindOf(updater)}`)
    const full = this.#full(key)
    const encoded = (next: V | typeof DELETE | undefined): KeyInput | typeof DELETE | undefined =>
      next === undefined || next === DELETE ? (next as typeof DELETE | undefined) : this.#encoded(next as V)
    const change = (_: unknown, old: Entry | undefined): Awaitable<KeyInput | typeof DELETE | undefined> => {
      const entry = old && this.#entry(old)
      const next = updater(entry?.value, entry)
      return isPromise(next) ? Promise.resolve(next).then(encoded) : encoded(next)
    }
    return this.#decoded(await this.#store.update(full, change, options), full)
  }

  /** Adds to the integer under a key, see `incr` of the store. */
  async incr(key: K, by?: number | bigint, options?: IncrOptions): Promise<bigint> {
    return this.#store.incr(this.#full(key), by, options)
  }

  /** The value of a key, which `compute` makes where it is not there, see `getOrSet` of the store. */
  async getOrSet(key: K, compute: () => Awaitable<V>, options?: GetOrSetOptions): Promise<V> {
    if (typeof compute !== 'function') throw usageError(`getOrSet takes a function, not ${kindOf(compute)}`)
    const full = this.#full(key)
    const value = await this.#store.getOrSet(full, async () => this.#encoded(await compute()), options)
    return this.#decoded(value, full)!
  }

  /** Takes the first entry out of a range, and waits for one, see `take` of the store. */
  async take(bounds?: ViewBounds<K>, options?: Abortable): Promise<ViewEntry<K, V>> {
    checkOptions(bounds, BOUND_NAMES, 'take')
    return this.#entry(await this.#store.take(this.#within(bounds), options))
  }

  /** The entries of a range one by one. */
  range(options: ViewRangeOptions<K> = {}): AsyncGenerator<ViewEntry<K, V>, void, void> {
    checkOptions(options, VIEW_RANGE_NAMES, 'range')
    return this.entries(options, false)
  }

  /** The entries of a range; with `keysOnly` their values are what the codec makes of no bytes. */
  protected async *entries(
    options: ViewRangeOptions<K>,
    keysOnly: boolean,
  ): AsyncGenerator<ViewEntry<K, V>, void, void> {
    for await (const page of this.#store.rangePages({ ...this.#range(options), keysOnly }))
      for (const entry of page) yield this.#entry(entry)
  }

  /** The keys of a range one by one; no value is read. */
  async *keys(options: ViewRangeOptions<K> = {}): AsyncGenerator<K, void, void> {
    checkOptions(options, VIEW_RANGE_NAMES, 'keys')
    for await (const page of this.#store.rangePages({ ...this.#range(options), keysOnly: true }))
      for (const { key } of page) yield this.#keyOf(key)
  }

  /** How many keys a range has, at most `limit`. */
  async count(options: ViewRangeOptions<K> = {}): Promise<number> {
    checkOptions(options, VIEW_RANGE_NAMES, 'count')
    return this.#store.count(this.#range(options))
  }

  /**
   * Removes every entry of a range in one atomic step; resolves to how many there were. Throws `KV_USAGE` without any
   * bound unless `all` is true, which means every key of the view.
   */
  async delRange(options: ViewDelRangeOptions<K>): Promise<number> {
    checkOptions(options, DEL_RANGE_NAMES, 'delRange')
    const { gt, gte, lt, lte, prefix = '', all } = options ?? {}
    const isBounded = [gt, gte, lt, lte].some((bound) => bound !== undefined) || below('', prefix) !== ''
    if (!isBounded && all !== true)
      throw usageError('this range means every key of the view', 'if that is what you want, set all to true')
    return this.#store.delRange({ ...this.#within(options), all: options.all, signal: options.signal })
  }

  /** Watches keys of the view, see `watch` of the store. Reading ends with `KV_NOT_TEXT` at what the codec cannot read. */
  async watch(options: ViewWatchOptions<K> = {}): Promise<ViewWatch<K, V>> {
    checkOptions(options, WATCH_NAMES, 'watch')
    const { key, after, resumable, signal } = options
    const bounds = key === undefined ? this.#within(options) : this.#bounds(options)
    const watch = await this.#store.watch({
      ...bounds,
      key: key === undefined ? undefined : this.#full(key),
      after,
      resumable,
      signal,
    })
    return new ViewWatch(watch, (change) =>
      change.type === 'put'
        ? { type: 'put', position: change.position, ...this.#entry(change) }
        : { type: 'del', position: change.position, key: this.#keyOf(change.key) },
    )
  }

  /** A key as the store has it. */
  #full(key: K): KeyInput {
    return below(this.#prefix, this.#key.encode(key, 'key'))
  }

  #encoded(value: V): KeyInput {
    return this.#value.encode(value, 'value')
  }

  #decoded(value: Uint8Array | undefined, full: KeyInput): V | undefined {
    return value && decoded(this.#value, value, 'value', full)
  }

  #keyOf(full: Uint8Array): K {
    const { length } = full
    return decoded(this.#key, this.#prefixLength === 0 ? full : full.subarray(this.#prefixLength, length), 'key', full)
  }

  #entry({ key, value, revision, expires }: Entry): ViewEntry<K, V> {
    return { key: this.#keyOf(key), value: decoded(this.#value, value, 'value', key), revision, expires }
  }

  /** The bounds that are given, in terms of the store. */
  #bounds({ gt, gte, lt, lte, prefix }: ViewBounds<K>): RangeOptions {
    const bound = (key: K | undefined): KeyInput | undefined => (key === undefined ? undefined : this.#full(key))
    return {
      gt: bound(gt),
      gte: bound(gte),
      lt: bound(lt),
      lte: bound(lte),
      prefix: prefix === undefined ? undefined : below(this.#prefix, prefix),
    }
  }

  /** The same within the view: nothing beside its prefix is in it. */
  #within(options: ViewBounds<K> = {}): RangeOptions {
    const bounds = this.#bounds(options)
    return { ...bounds, prefix: bounds.prefix ?? this.#prefix }
  }

  #range(options: ViewRangeOptions<K>): RangeOptions & Abortable {
    const { reverse, limit, signal } = options
    return { ...this.#within(options), reverse, limit, signal }
  }

  #condition(condition: ViewCondition<V> | undefined): ConditionInput | undefined {
    if (condition?.type !== 'value') return condition
    return { ...condition, value: this.#encoded(condition.value) }
  }

  #conditional<T extends { readonly condition?: ViewCondition<V> | undefined }>(
    options: T,
  ): Omit<T, 'condition'> & { condition?: ConditionInput | undefined } {
    // The store refuses what are no options.
    if (options?.condition === undefined) return options as Omit<T, 'condition'>
    return { ...options, condition: this.#condition(options.condition) }
  }

  #ops(ops: readonly ViewBatchOp<K, V>[]): BatchOp[] {
    // The store refuses what is none.
    if (!Array.isArray(ops)) return ops as unknown as BatchOp[]
    return (ops as readonly ViewBatchOp<K, V>[]).map((op) => {
      if (typeof op !== 'object' || op === null) return op
      const own = { ...op, key: this.#full(op.key) }
      return ('value' in op ? { ...own, value: this.#encoded(op.value) } : own) as BatchOp
    })
  }

  #conditions(options: ViewBatchOptions<K, V>): BatchOptions {
    const { conditions, ...rest } = options ?? {}
    if (!Array.isArray(conditions)) return options as BatchOptions
    const own = (conditions as NonNullable<typeof conditions>).map(({ key, condition }) => ({
      key: this.#full(key),
      condition: this.#condition(condition)!,
    }))
    return { ...rest, conditions: own }
  }
}
