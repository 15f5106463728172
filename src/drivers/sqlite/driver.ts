import type { Block, Blocks } from '../../blocks/block.ts'
import type {
  Abortable,
  Awaitable,
  Changes,
  CheckOptions,
  CheckReport,
  Clock,
  DriverBatchOptions,
  DriverDelOptions,
  Driver,
  GetManyOptions,
  DriverPutOptions,
  RangeQuery,
  Stat,
  TextOptions,
  WatchQuery,
} from '../../store/driver/driver.ts'
import type { DriverLoadOptions, LongLoad, LongLoadOptions } from '../../store/driver/load.ts'
import type { TextForm } from '../../store/driver/text-form.ts'
import type { SyncWrites } from '../../store/driver/sync-writes.ts'
import type { Care } from '../../store/driver/care.ts'
import type { Usage, UsageProgress, UsageQuery } from '../../store/driver/usage.ts'
import type { Entry, Head, Op, PutResult } from '../../store/driver/entry.ts'
import type { History } from '../../store/driver/history.ts'
import { closedError } from '../../errors.ts'
import { usageOf } from '../../store/folders/add-up.ts'
import { LOCAL_LIMITS, LOCAL_SUPPORTS } from '../kit/local-limits.ts'
import { absolutePath } from '../location.ts'
import { DEFAULT_LOCK_TIMEOUT_MS, type OpenOptions } from '../options.ts'
import { withoutLinks } from './file/inspect.ts'
import { freeFiles } from './file/free-files.ts'
import { StoreFile } from './file/store-file.ts'
import { SqliteHistory } from './history-access.ts'
import { countInSlices, countNow } from './read/count.ts'
import { anyExpires } from './read/expiring.ts'
import { type Changed, KeyReads } from './read/key-reads.ts'
import { firstPage, pages } from './read/range.ts'
import { SnapshotPool } from './read/snapshot-pool.ts'
import { statStore } from './read/stat.ts'
import { usageParts } from './read/usage.ts'
import type { WatchHub } from './watch/watch-hub.ts'
import { updateNow } from './write/apply-ops.ts'
import { type Loaded, blockLoader } from './write/bulk-insert.ts'
import { loadAsTheyCome } from './write/load-blocks.ts'
import { deleteInSlices, deleteNow } from './write/delete-range.ts'
import type { Transaction } from './write/transaction.ts'
import { type EntryWrite, batchWrite, delWrite, putWrite } from './write/entry-writes.ts'
import { Writer } from './write/writer.ts'

/**
 * The embedded driver: one SQLite file in WAL mode, for any number of processes at once. Reads are synchronous; writes
 * of one event-loop turn share a commit. A file that does not exist reads as empty and is made by the first write.
 */
export class SqliteDriver implements Driver {
  readonly name = 'sqlite'
  readonly limits = LOCAL_LIMITS
  readonly supports = LOCAL_SUPPORTS
  readonly firstPageIsFree = true
  readonly care: Care = {
    backup: async (to, options = {}) =>
      (await import('./care/backup.ts')).backup(this.#file, this.#snapshots, to, options),
    restore: async (from, options = {}) => (await import('./care/restore.ts')).restore(this.#file, from, options),
    salvage: async (to, options = {}) => (await import('./salvage/salvage.ts')).salvage(this.#file, to, options),
    compact: async ({ signal } = {}) => (await import('./care/compact.ts')).compact(this.#file, signal),
  }
  readonly syncWrites: SyncWrites = {
    put: (key, value, options = {}) => this.#writeNow(putWrite(key, value, options)),
    del: (key, condition) => this.#writeNow(delWrite(key, condition)),
    batch: (ops, conditions) => this.#writeNow(batchWrite(ops, conditions)),
  }
  readonly history: History
  readonly cached: KeyReads | undefined
  readonly #file: StoreFile
  readonly #now: Clock
  readonly #keys: KeyReads
  readonly #writer: Writer
  readonly #snapshots: SnapshotPool
  /** Made by the first watch. */
  #watches: WatchHub | undefined
  #isClosed = false

  /** See `freeAtClose` of its options. */
  readonly #freesAtClose: boolean

  private constructor(location: string, options: OpenOptions) {
    const { clock, timeoutMs, makeFolder, durable, maxEntries, anyBound, cache, freeAtClose = false } = options
    this.#freesAtClose = freeAtClose
    const file = new StoreFile(withoutLinks(absolutePath(location)), {
      sync: durable ?? true,
      makeFolder: makeFolder ?? false,
      maxEntries,
      anyBound: anyBound ?? false,
      lockTimeoutMs: timeoutMs ?? DEFAULT_LOCK_TIMEOUT_MS,
    })
    this.#file = file
    this.#now = clock ?? Date.now
    this.#snapshots = new SnapshotPool(file)
    this.#keys = new KeyReads(file, this.#now, cache)
    this.cached = cache ? this.#keys : undefined
    const committed = (changed?: Changed): void => {
      this.#keys.committed(changed)
      this.#watches?.committed()
    }
    this.#writer = new Writer(file, committed, this.#now)
    this.history = new SqliteHistory(file, this.#snapshots, this.#writer, this.#now)
  }

  /** Opens the file if it is there; one that is locked, later. Throws what `inspect` throws, and `KV_UNAVAILABLE`. */
  static open(location: string, options: OpenOptions): SqliteDriver {
    const driver = new SqliteDriver(location, options)
    if (options.evenDamaged !== true) driver.#file.open()
    return driver
  }

  get incarnation(): number {
    return this.#file.incarnation
  }

  get files(): readonly string[] {
    return ['', '-wal', '-shm', '-journal'].map((suffix) => this.#file.path + suffix)
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#keys.get(key)
  }

  getEntry(key: Uint8Array): Entry | undefined {
    return this.#keys.entry(key)
  }

  head(key: Uint8Array): Head | undefined {
    return this.#keys.head(key)
  }

  getMany(keys: readonly Uint8Array[], { maxBytes }: GetManyOptions = {}): (Entry | undefined)[] {
    return this.#keys.entries(keys, maxBytes)
  }

  put(key: Uint8Array, value: Uint8Array, { signal, ...options }: DriverPutOptions = {}): Promise<PutResult> {
    return this.#write(putWrite(key, value, options), signal)
  }

  del(key: Uint8Array, { condition, signal }: DriverDelOptions = {}): Promise<boolean> {
    return this.#write(delWrite(key, condition), signal)
  }

  batch(ops: readonly Op[], { conditions, signal }: DriverBatchOptions = {}): Promise<number> {
    return this.#write(batchWrite(ops, conditions), signal)
  }

  updateLocked(
    key: Uint8Array,
    change: (old: Entry | undefined) => Op | undefined,
    { signal }: Abortable = {},
  ): Promise<void> {
    return this.#writer.writeLong(async (transaction) => updateNow(transaction, key, change), signal)
  }

  async load(blocks: Blocks, { ifAbsent = false, onExisting, signal }: DriverLoadOptions = {}): Promise<number> {
    const job = (transaction: Transaction): Loaded => {
      const load = blockLoader(transaction, ifAbsent)
      let existing = 0
      for (const block of blocks as Iterable<Block>) existing += load(block)
      return { revision: transaction.revision, existing }
    }
    const loaded = await (Symbol.asyncIterator in blocks
      ? loadAsTheyCome(this.#writer, blocks[Symbol.asyncIterator](), { now: this.#now, ifAbsent, signal })
      : this.#writer.write(job, signal))
    const { revision, existing } = loaded ?? { revision: await this.batch([], { signal }), existing: 0 }
    if (ifAbsent) onExisting?.(existing)
    return revision
  }

  async longLoad(options: LongLoadOptions): Promise<LongLoad | undefined> {
    const { beginLongLoad } = await import('./long-load/long-load.ts')
    return beginLongLoad({ file: this.#file, writer: this.#writer, now: this.#now }, options)
  }

  async delRange(query: RangeQuery, { signal }: Abortable = {}): Promise<number> {
    if (this.#isAbsent()) return 0
    if (signal === undefined) return this.#writer.write((transaction) => deleteNow(transaction, query))
    return this.#writer.writeLong((transaction) => deleteInSlices(transaction, query, signal), signal)
  }

  async *range(query: RangeQuery): AsyncGenerator<Entry[], void, void> {
    const now = this.#now()
    // Most ranges end within a page, which needs no connection of its own.
    const first = this.#file.read((connection) => firstPage(connection, query, now))
    if (first === undefined) return
    if (first.last) {
      yield first.entries
      return
    }
    for await (const page of this.#snapshots.items((connection) => pages(connection, query, now))) yield page.entries
  }

  rangeText(
    query: RangeQuery,
    { form, expires, parallel = false }: TextOptions = {},
  ): AsyncIterable<Uint8Array | Entry[]> | undefined {
    if (query.reverse || query.keysOnly) return undefined
    return this.#rangeText(query, { form, expires }, this.#now(), parallel)
  }

  async *#rangeText(
    query: RangeQuery,
    form: TextForm,
    now: number,
    parallel: boolean,
  ): AsyncGenerator<Uint8Array | Entry[], void, void> {
    const { exportText } = await import('./export/export.ts')
    yield* exportText(this.#file, this.#snapshots, query, form, now, parallel)
  }

  rangeBlocks(query: RangeQuery): AsyncIterable<Block> | undefined {
    return query.reverse || query.keysOnly ? undefined : this.#rangeBlocks(query, this.#now())
  }

  async *#rangeBlocks(query: RangeQuery, now: number): AsyncGenerator<Block, void, void> {
    const { exportBlocks } = await import('./export/export.ts')
    yield* exportBlocks(this.#file, this.#snapshots, query, now)
  }

  anyExpires(query: RangeQuery): boolean | undefined {
    const read = this.#file.read((connection) => ({ any: anyExpires(connection, query, this.#now()) }))
    return read === undefined ? false : read.any
  }

  count(query: RangeQuery, { signal }: Abortable = {}): Awaitable<number> {
    const now = this.#now()
    if (signal === undefined) return this.#file.read((connection) => countNow(connection, query, now)) ?? 0
    return this.#snapshots.result(0, (connection) => countInSlices(connection, query, now, signal))
  }

  usage(query: UsageQuery, options?: UsageProgress): AsyncIterable<Usage[]> {
    const parts = this.#snapshots.items((connection) => usageParts(connection, query, this.#now()))
    return usageOf(parts, query, options)
  }

  stat(): Stat {
    const { path } = this.#file
    const stat = this.#file.read((connection) => statStore(connection, path, this.#now()))
    return stat ?? { entries: 0, expiring: 0, revision: 0, sizeBytes: 0, details: { file: path, exists: 'no' } }
  }

  async check(options: CheckOptions = {}): Promise<CheckReport> {
    const { checkStore } = await import('./check/check.ts')
    const absent: CheckReport = { exists: false, checked: 0, unchecked: 0, damagedKeys: [], problems: [] }
    return this.#snapshots.result(absent, (connection) => checkStore(connection, this.#file.path, options))
  }

  async watch(query: WatchQuery, { signal }: Abortable = {}): Promise<Changes> {
    const { WatchHub } = await import('./watch/watch-hub.ts')
    if (this.#isClosed) throw closedError()
    this.#watches ??= new WatchHub(this.#file, this.#snapshots, this.#now)
    return this.#watches.watch(query, signal)
  }

  checkPlace({ write }: { write: boolean }): void {
    if (this.#writer.isIdle) this.#file.checkPlace(write)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#watches?.close()
    await this.#writer.idle()
    this.#snapshots.close()
    this.#file.close()
    if (this.#freesAtClose) await freeFiles()
  }

  async #write<T>({ job, keys, whenAbsent }: EntryWrite<T>, signal?: AbortSignal): Promise<T> {
    const known = this.#isAbsent() ? whenAbsent() : undefined
    return known ?? this.#writer.write(job, signal, keys)
  }

  #writeNow<T>({ job, keys, whenAbsent }: EntryWrite<T>): T {
    const known = this.#isAbsent() ? whenAbsent() : undefined
    return known ?? this.#writer.writeNow(job, keys)
  }

  /** Whether there is no file, and no write that is about to make it. */
  #isAbsent(): boolean {
    return this.#writer.isIdle && this.#file.isAbsent()
  }
}
