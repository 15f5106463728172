import { isPromise } from '../../async.ts'
import { decodeUtf8 } from '../../bytes.ts'
import { usageError } from '../../errors.ts'
import type { Abortable, Awaitable, Driver } from '../driver/driver.ts'
import type { Entry } from '../driver/entry.ts'
import { lifetimeOf } from '../expiry.ts'
import { type KeyInput, checkOptions, kindOf, shown } from '../input.ts'
import { ownKeyOf } from '../operations.ts'
import { type RangeOptions, toQuery } from '../range.ts'
import { SyncAccess } from '../sync-access.ts'
import { ComputedValues, type GetOrSetOptions } from './computed.ts'
import { fits, sum } from './integer.ts'
import { DELETE, KeyUpdates, type Rewrite } from './key-updates.ts'
import { TakenEntries } from './taken.ts'

/** When an entry that is updated expires; by default when it did before. */
export interface UpdateOptions extends Abortable {
  /** Milliseconds since 1970, or a Date; `null`: never. */
  readonly expires?: number | Date | null | undefined
  /** Milliseconds from the write, 1 or more. */
  readonly ttl?: number | undefined
}

/**
 * What becomes of a value (`undefined`: the key is not there), or a promise of it: the new one, `DELETE` to delete the
 * key, or `undefined` to leave it as it is. It is called again when another write came between, so it should do nothing
 * else. The entry tells revision and expiry; after updates that share a write, the revision is of the one before.
 */
export type Updater<V, Input = V, E = Entry> = (
  value: V | undefined,
  entry: E | undefined,
) => Awaitable<Input | typeof DELETE | undefined>

/** How a counter counts. */
export interface IncrOptions extends Abortable {
  /** For how long a counter lives that was not there, in milliseconds. When one that was there expires does not change. */
  readonly ttl?: number | undefined
}

/** From which keys to take; with `reverse` the last first. */
export type TakeRange = Omit<RangeOptions, 'limit' | 'keysOnly'>

/** The part of a Store that reads and writes in one atomic step. */
export abstract class AtomicAccess extends SyncAccess {
  readonly #updates: KeyUpdates
  readonly #computed: ComputedValues
  readonly #taken: TakenEntries

  /** @param open as {@link SyncAccess} takes it */
  constructor(open: (signal?: AbortSignal) => Driver) {
    super(open)
    this.#updates = new KeyUpdates(open)
    this.#computed = new ComputedValues(open)
    this.#taken = new TakenEntries(open)
  }

  /**
   * Changes the value of a key: `updater` makes the new one of what is there, and is called again when another write, by
   * any process, came between. Resolves to the value that the key has then (`undefined`: none), durable. Many at once
   * on one key share commits; those whose updater takes a promise are done one after another.
   *
   * ```ts
   * await store.update('queue:length', (length) => String(Number(length ?? 0) + 1))
   * await store.update('session:9', (value) => value, { ttl: 30 * 60_000 }) // only its expiry
   * await store.update('job:1', (state) => (isDone(state) ? DELETE : undefined))
   * ```
   *
   * Throws what `updater` throws, and then nothing is written; else what `put` throws.
   */
  async update(
    key: KeyInput,
    updater: Updater<Uint8Array, KeyInput>,
    options: UpdateOptions = {},
  ): Promise<Uint8Array | undefined> {
    checkOptions(options, ['expires', 'ttl', 'signal'], 'update')
    const { expires, ttl, signal } = options
    if (typeof updater !== 'function') throw usageError(`update takes a function, not ${kindOf(updater)}`)
    const { limits } = this.open(signal)
    lifetimeOf({ expires: expires ?? undefined, ttl }, limits.expiryStepMs)
    const rewrite = (value: KeyInput | typeof DELETE | undefined): Rewrite | typeof DELETE | undefined =>
      value === undefined || value === DELETE ? value : { value, expires, ttl }
    const entry = await this.#updates.update(
      ownKeyOf(key, limits),
      (old) => {
        const next = updater(old?.value, old)
        return isPromise(next) ? Promise.resolve(next).then(rewrite) : rewrite(next)
      },
      signal,
    )
    return entry?.value
  }

  /**
   * Adds to the integer under a key, decimal text of at most 64 bits, and resolves to the sum; a key that is not there
   * counts as 0. Any number of processes may count at once. Throws `KV_NOT_INTEGER` for another value, and for a sum of more
   * than 64 bits.
   *
   * ```ts
   * const calls = await store.incr(`calls:${user}`, 1, { ttl: 60_000 }) // 1n, 2n, ... within a minute
   * ```
   */
  async incr(key: KeyInput, by: number | bigint = 1, options: IncrOptions = {}): Promise<bigint> {
    checkOptions(options, ['ttl', 'signal'], 'incr')
    const { ttl, signal } = options
    if (!(typeof by === 'bigint' ? fits(by) : Number.isSafeInteger(by)))
      throw usageError(`incr adds an integer of at most 64 bits, not ${typeof by === 'bigint' ? by : shown(by)}`)
    const { limits } = this.open(signal)
    lifetimeOf({ ttl }, limits.expiryStepMs)
    const own = ownKeyOf(key, limits)
    const counted = await this.#updates.update(
      own,
      (old) => ({ value: String(sum(own, old?.value, BigInt(by))), ...(old === undefined && { ttl }) }),
      signal,
    )
    return BigInt(decodeUtf8(counted!.value)!)
  }

  /**
   * The value of a key; where it is not there, what `compute` makes, or a promise of it, is stored and returned. However
   * many ask at once, one caller of a process computes. Of several processes each may compute; the first to store wins, and
   * all return what it stored. When `compute` throws, so does this, for all who wait, and the next call tries again.
   *
   * ```ts
   * const page = await store.getOrSet(`page:${url}`, () => render(url), { ttl: 60_000 })
   * ```
   */
  async getOrSet(
    key: KeyInput,
    compute: () => Awaitable<KeyInput>,
    options: GetOrSetOptions = {},
  ): Promise<Uint8Array> {
    checkOptions(options, ['expires', 'ttl', 'signal'], 'getOrSet')
    if (typeof compute !== 'function') throw usageError(`getOrSet takes a function, not ${kindOf(compute)}`)
    const { limits } = this.open(options.signal)
    lifetimeOf(options, limits.expiryStepMs)
    return this.#computed.value(ownKeyOf(key, limits), compute, options)
  }

  /**
   * Takes the first entry out of a range, or waits until there is one: a queue. Any number of takers, in any processes, get
   * different entries. It is deleted when the promise resolves; whoever must not lose it when the process ends before it is
   * done keeps it under another key by a `batch` with conditions instead.
   *
   * ```ts
   * const { key, value } = await store.take({ prefix: 'job:' }, { signal: AbortSignal.timeout(60_000) })
   * ```
   *
   * Throws `KV_INTERRUPTED` when aborted, and `KV_NOT_SUPPORTED` where there is nothing to take and the store cannot be watched.
   */
  async take(range: TakeRange = {}, options: Abortable = {}): Promise<Entry> {
    checkOptions(range, ['gt', 'gte', 'lt', 'lte', 'prefix', 'reverse'], 'take')
    checkOptions(options, ['signal'], 'take')
    const query = toQuery(range)
    if (query === undefined) throw usageError('no key can be in this range')
    return this.#taken.take(query, options.signal)
  }
}
