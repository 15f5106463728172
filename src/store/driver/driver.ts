/**
 * The interface between the store and its engines, local or remote. A driver stores bytes and validates nothing: the
 * Store has checked keys, values, limits and ranges. To add one, implement {@link Driver}, name its scheme in
 * `src/drivers/index.ts` and run the suite in `test/conformance` on it.
 */
import type { Block, Blocks } from '../../blocks/block.ts'
import type { Cached } from './cached.ts'
import type { SyncWrites } from './sync-writes.ts'
import type { TextForm } from './text-form.ts'
import type { Care } from './care.ts'
import type { Usage, UsageProgress, UsageQuery } from './usage.ts'
import type { History } from './history.ts'
import type { DriverLoadOptions, LoadPartOptions, LoadedPart, LongLoad, LongLoadOptions } from './load.ts'
import type { Change, Condition, Entry, Head, KeyCondition, Lifetime, Op, PutResult } from './entry.ts'

/** A value now or a promise of it. A driver answers without a promise when it can. */
export type Awaitable<T> = T | Promise<T>

/**
 * Keys from `start` (included; `undefined`: the first) up to `end` (excluded; `undefined`: to the last), in byte order
 * or reversed. The Store never passes an empty range.
 */
export interface RangeQuery {
  readonly start: Uint8Array | undefined
  readonly end: Uint8Array | undefined
  readonly reverse: boolean
  /** At most this many entries; `Infinity` for all. */
  readonly limit: number
  /** Leave `value` empty, and do not read it where that is cheaper. */
  readonly keysOnly: boolean
}

/** Which keys to watch, from `start` (included) up to `end` (excluded), and from when on. */
export interface WatchQuery extends Pick<RangeQuery, 'start' | 'end'> {
  /** Go on after this position, which this driver has given out, or `0`, the beginning; `undefined`: from now on. */
  readonly after: string | undefined
  /** Keep changes for a minute after this watch has ended, for another that goes on after its position. */
  readonly resumable: boolean
}

/**
 * An established watch: the changes since it was asked for, in commit order, in pages that are never empty. `next()`
 * waits for a change, throws what has ended the watch, and is not called again before it has settled. `return()` ends
 * the watch.
 */
export interface Changes extends AsyncIterator<Change[], void, void> {
  [Symbol.asyncIterator](): this
  /** Everything up to here was handed out or is about other keys. */
  readonly position: string
  return(): Promise<IteratorResult<Change[], void>>
  /** From now on the watch by itself does not keep the process running. */
  unref(): void
}

/** Sizes above which the Store refuses with `KV_TOO_LARGE`, and other numbers of an engine. */
export interface Limits {
  readonly maxKeyBytes: number
  readonly maxValueBytes: number
  /** Key, value and `opOverheadBytes` of one entry together. */
  readonly maxEntryBytes: number
  /** Operations in one atomic batch; `Infinity` where memory is the only limit. */
  readonly maxBatchOps: number
  /** Keys, values and `opOverheadBytes` of all operations in one atomic batch together. */
  readonly maxBatchBytes: number
  /** What the engine or the wire adds to the key and the value of each operation, at most. */
  readonly opOverheadBytes: number
  /** Expiries are multiples of this, in milliseconds: the Store rounds them up, except those in blocks for `load`. */
  readonly expiryStepMs: number
  /** Batches of a load that may be under way at the same time. They have no key in common. */
  readonly maxBatchesInFlight: number
}

/** What a driver can do beyond the basics; also selects groups of the conformance suite. */
export interface Supports {
  /** Reads of single keys answer without a promise (`getSync` works). */
  readonly syncReads: boolean
  /** Each call is a round trip to another machine: completion and hints ask for little. */
  readonly remote: boolean
  /** A range shows one moment of the store, however long it is read. */
  readonly snapshotRange: boolean
  /** Data survives `close()` and is there at the next open. */
  readonly persistent: boolean
  /** A write can end with `KV_UNKNOWN_OUTCOME`. */
  readonly unknownOutcome: boolean
  /** A batch may name a key several times. Otherwise the Store gives only the last operation on each key. */
  readonly repeatedKeys: boolean
  /**
   * From when an atomic load asks for its second block until it settles, nobody else writes: what the source of the blocks
   * reads meanwhile is what the load finds.
   */
  readonly exclusiveLoad: boolean
  /** Changes can be watched; otherwise `watch` throws `KV_NOT_SUPPORTED`. */
  readonly watch: boolean
}

/** Where a store stands, for people and scripts. Numbers are counts or bytes. */
export interface Stat {
  /** Entries that have not expired. */
  readonly entries: number
  /** Of these, entries that will expire. */
  readonly expiring: number
  /** The newest revision; 0 in a store never written to. */
  readonly revision: number
  /** All bytes the store takes where it lives. */
  readonly sizeBytes: number
  /** More facts, by names of the driver's own; the printers show them as they come. */
  readonly details: Readonly<Record<string, string | number>>
}

/** What a check found. */
export interface CheckReport {
  /** Told when there is no store yet: nothing was found wrong, nor anything at all. */
  readonly exists?: false
  /** Entries whose bytes were read and compared with their checksum. */
  readonly checked: number
  /** Entries without a checksum (written by another tool). */
  readonly unchecked: number
  /** Keys whose entry does not match its checksum. */
  readonly damagedKeys: readonly Uint8Array[]
  /** Structural problems in the engine's words, one line each. */
  readonly problems: readonly string[]
}

/** How a check is followed and stopped. */
export interface CheckOptions extends Abortable {
  /** Told how many entries were read so far. */
  readonly onProgress?: ((entries: number) => void) | undefined
  /** Only whether the structure is whole, by an engine that tells that sooner; no entry is compared. Default: false. */
  readonly quick?: boolean | undefined
}

/** An operation that can be stopped. */
export interface Abortable {
  /**
   * When aborted, the operation ends with `KV_INTERRUPTED`, its cause the signal's reason, and has changed nothing; a
   * remote write without an answer yet ends with `KV_UNKNOWN_OUTCOME`. A commit that has begun is not stopped.
   */
  readonly signal?: AbortSignal | undefined
}

/** How several entries are read. */
export interface GetManyOptions extends Abortable {
  /** Bytes of all keys and values together, above which nothing is read. */
  readonly maxBytes?: number | undefined
}

/** How one entry is removed. */
export interface DriverDelOptions extends Abortable {
  /** Write only if this holds. */
  readonly condition?: Condition | undefined
}

/** How one entry is written. Without a lifetime an old expiry goes. */
export interface DriverPutOptions extends DriverDelOptions, Lifetime {}

/** How a batch is applied. */
export interface DriverBatchOptions extends Abortable {
  /** Write only if all of these hold before it. */
  readonly conditions?: readonly KeyCondition[] | undefined
}

/** How a range is to be made into text. */
export interface TextOptions extends TextForm, Abortable {
  /** Whether a long range may take a second thread: for a process that does nothing else. Default: false. */
  readonly parallel?: boolean | undefined
}

/** A fresh moment: called once per operation that must tell expired entries from living ones. */
export type Clock = () => number

/**
 * A storage engine. Methods may throw or reject with a `KvError`; anything else is a bug.
 *
 * An entry whose `expires` is not after the engine's clock (that of the machine where the store lives, unless
 * `OpenOptions.clock` gave another) does not exist for any method.
 *
 * A revision is a safe integer that grows with every write of the store, by one or by more; all entries of one batch
 * may share it.
 *
 * What only some engines can do is a flag of `supports`; its method throws `KV_NOT_SUPPORTED` elsewhere. Optional
 * methods only make something quicker.
 *
 * With a signal, a long operation yields to the event loop every few milliseconds, and once aborted throws
 * `KV_INTERRUPTED` and leaves the store as it was; a short write does so while it waits for its turn. The Store checks
 * the signal before each call and between two pages of a range; a read that has to wait listens to it itself.
 *
 * Arrays passed in belong to the driver, except keys to read where `supports.syncReads`, which it uses before the read
 * returns. Arrays handed out belong to the caller.
 */
export interface Driver {
  readonly name: string
  readonly limits: Limits
  /** What a user can do about a batch over the limits, one line. Absent: nothing but make it smaller. */
  readonly batchHint?: string
  readonly supports: Supports
  /** Absolute paths of the store's files on this machine, whether they exist now or not. Absent: none. */
  readonly files?: readonly string[]
  /** Care of a store that is a file of this machine. Absent: it is none. */
  readonly care?: Care
  /** Old versions of entries, kept once that is asked for. Absent: it cannot keep any. */
  readonly history?: History
  /** Writes without promises. Absent: it is not local. */
  readonly syncWrites?: SyncWrites
  /** What it has in memory, where it was opened with a cache. */
  readonly cached?: Cached | undefined
  /** Whether a range holds nothing until its second page is asked for. Default: false. */
  readonly firstPageIsFree?: boolean
  /** Grows when another store was found in place of this one, such as a file renamed over it. Absent: not detected. */
  readonly incarnation?: number

  /** The value, or `undefined` when the key is not there; without a promise where `supports.syncReads`. */
  get(key: Uint8Array, options?: Abortable): Awaitable<Uint8Array | undefined>
  /** The whole entry, or `undefined`. */
  getEntry(key: Uint8Array, options?: Abortable): Awaitable<Entry | undefined>
  /** What is known of an entry without reading its value; `undefined` when it is not there. */
  head(key: Uint8Array, options?: Abortable): Awaitable<Head | undefined>
  /**
   * Entries at one snapshot, in the order asked, `undefined` for a missing one. Throws `KV_TOO_LARGE` before it reads
   * more than `maxBytes`.
   */
  getMany(keys: readonly Uint8Array[], options?: GetManyOptions): Awaitable<(Entry | undefined)[]>

  /** Writes one entry and settles when it is durable. Reads the old value only where the condition is about it. */
  put(key: Uint8Array, value: Uint8Array, options?: DriverPutOptions): Promise<PutResult>
  /** Removes one entry and settles when that is durable; tells whether it was there (and the condition held). */
  del(key: Uint8Array, options?: DriverDelOptions): Promise<boolean>
  /**
   * Applies all operations in order, all or nothing; settles to their revision when they are durable. Rejects with
   * `KV_CONDITION`, and has written nothing, when a condition does not hold.
   */
  batch(ops: readonly Op[], options?: DriverBatchOptions): Promise<number>
  /**
   * Optional: applies what `change` makes of the entry of a key, which it is told while nobody else can write, and nothing
   * for `undefined`. For a key that is written so often that what was read of it is old before it can be written.
   */
  updateLocked?(key: Uint8Array, change: (old: Entry | undefined) => Op | undefined, options?: Abortable): Promise<void>
  /**
   * Optional: applies all blocks in order, whatever the `limits` of batches, quicker than `batch` could. Settles to the
   * newest revision. A block is used up when the next is asked for; during an atomic load readers see none of it, and
   * other writers wait. The signal may be ignored once the first block is asked for: the source can end the blocks.
   */
  load?(blocks: Blocks, options?: DriverLoadOptions): Promise<number>
  /**
   * Optional: applies the entries of a block that fits in a batch and has no key twice, all or nothing, where that is quicker
   * than `batch`, or with `ifAbsent` than puts one by one. It rounds lifetimes up itself. The block stays as it is until this settles.
   */
  loadPart?(block: Block, options: LoadPartOptions): Promise<LoadedPart>
  /** Optional: begins a load of blocks that are collected first, where that is quicker than `load` of each. */
  longLoad?(options: LongLoadOptions): Promise<LongLoad | undefined>
  /** Removes a range in one atomic step; settles to how many entries it had. Ignores `reverse`, `limit`, `keysOnly`. */
  delRange(query: RangeQuery, options?: Abortable): Promise<number>

  /** The entries of a range, in pages of any size but zero. Stopping early (`return()`) frees what the range holds. */
  range(query: RangeQuery, options?: Abortable): AsyncIterable<Entry[]>
  /**
   * Optional: the same range as text, where the engine is quicker than JavaScript: each item is whole lines, byte for
   * byte as `kv range` writes them without a header, or entries for the caller to write. `undefined` for a query or a
   * form that it has no quick way for.
   */
  rangeText?(query: RangeQuery, options?: TextOptions): AsyncIterable<Uint8Array | Entry[]> | undefined
  /**
   * Optional: the entries of the same range packed in blocks, where the engine packs them quicker than JavaScript; each
   * with its checksum as it is stored. `undefined` for a query that it has no quick way for.
   */
  rangeBlocks?(query: RangeQuery, options?: Abortable): AsyncIterable<Block> | undefined
  /** Optional: whether an entry between a query's bounds expires; `undefined` where only reading the range tells. */
  anyExpires?(query: RangeQuery, options?: Abortable): Awaitable<boolean | undefined>
  /** How many entries the range has (at most `limit`). */
  count(query: RangeQuery, options?: Abortable): Awaitable<number>
  /**
   * Optional: how many keys there are and how many bytes they take, folder by folder, where the engine adds that up
   * quicker than JavaScript, or without reading values. As `usageOf` of src/store/folders/add-up.ts: the total comes last, and no
   * page is empty. `undefined` where it has no quick way.
   */
  usage?(query: UsageQuery, options?: UsageProgress): AsyncIterable<Usage[]> | undefined

  /**
   * Reports every put and delete from now on, by any process, and an expiry as a delete within about a second; of
   * several operations of one batch on a key, perhaps only the last. Settles when the watch is established. It ends
   * with `KV_INTERRUPTED` when aborted, `KV_CLOSED` when the store is closed, and `KV_WATCH_GAP` when changes it has
   * not seen are no longer kept: none is ever left out. Rejects with `KV_NOT_SUPPORTED` where this store cannot be
   * watched.
   *
   * A position is printable ASCII without spaces, 1 to 128 bytes, unique to each change, and only the driver reads it;
   * one that is passed in may come from another store. Rejects with `KV_USAGE` for what is no position, with
   * `KV_WATCH_GAP` for one after which changes are missing. From `0` on, the entries that exist come first, as puts;
   * until all have come, the driver may give out positions that it answers with `KV_WATCH_GAP`.
   */
  watch(query: WatchQuery, options?: Abortable): Promise<Changes>

  /** Optional: throws why the first write could not make the store, or without `write` why none is found. */
  checkPlace?(how: { readonly write: boolean }): void
  stat(options?: Abortable): Awaitable<Stat>
  /** Reads everything and compares. */
  check(options?: CheckOptions): Awaitable<CheckReport>
  /** Frees everything. Pending writes settle first. Called once. */
  close(): Promise<void>
}
