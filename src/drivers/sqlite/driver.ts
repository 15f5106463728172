import { statSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { type KvError, interrupted } from '../../errors.ts'
import type { Block, Blocks } from '../../blocks/block.ts'
import { withinBytes } from '../kit/byte-budget.ts'
import { LOCAL_LIMITS } from '../kit/local-limits.ts'
import { holds } from '../kit/condition.ts'
import type {
  Abortable,
  Awaitable,
  Changes,
  CheckOptions,
  CheckReport,
  Clock,
  DelOptions,
  Driver,
  GetManyOptions,
  JsonLinesOptions,
  PutOptions,
  RangeQuery,
  Stat,
  WatchQuery,
} from '../../store/driver.ts'
import type { Entry, Head, Op, PutResult } from '../../store/entry.ts'
import { absolutePath } from '../location.ts'
import { DEFAULT_LOCK_TIMEOUT_MS, type OpenOptions } from '../options.ts'
import { applyOps } from './write/apply-ops.ts'
import { checkEntries } from './check/checksums.ts'
import { countInSlices, countNow } from './read/count.ts'
import { Connection, type ConnectionOptions, readWaitMs } from './file/connection.ts'
import { deleteInSlices, deleteNow } from './write/delete-range.ts'
import type { SqlValue } from './engine/engine.ts'
import { damagedRow } from './engine/result-codes.ts'
import { isPassing, needsReopen, toKvError } from './file/errors.ts'
import { create, inspect, withoutLinks } from './file/format.ts'
import { ChangedWhileRead } from './identity/file-state.ts'
import { type JsonLinesHelper, startHelper } from './export/export-thread.ts'
import { checkFolder } from './file/access.ts'
import { jsonLines } from './export/json-lines.ts'
import { blockLoader, loadAsTheyCome } from './write/bulk-insert.ts'
import { retryWhileBusy } from './locks/lock-wait.ts'
import { HeldLog } from './identity/log-owner.ts'
import { hasValue, liveEntry, liveEntryWithin, liveHead } from './read/lookup.ts'
import { EXPIRES, pages } from './read/range.ts'
import { turn } from './read/time-slices.ts'
import { Snapshots } from './read/snapshot-pool.ts'
import { statDatabase } from './read/stat.ts'
import { checkStructure, checkStructureApart } from './check/integrity.ts'
import { checkSchema } from './file/schema.ts'
import { hasLost, leaveFile } from './identity/replaced.ts'
import { refuseMountPoint, refuseTwoLogs } from './identity/second-names.ts'
import { WatchHub } from './watch/watch-hub.ts'
import { type Job, Writer } from './write/writer.ts'

/** A text of its own, as one put together for each read takes longer to look up. */
const VALUE = `select value, ${EXPIRES} from kv where key = ?`

/** How often a store that is open looks after its file, in milliseconds. */
const CARE_MS = 1000

/**
 * The embedded driver: one SQLite file, in write-ahead-log mode, usable by any number of processes
 * at once. Reads are synchronous; writes of one event-loop turn share a commit. A file that does
 * not exist reads as empty and is made by the first write.
 */
export class SqliteDriver implements Driver {
  readonly name = 'sqlite'
  readonly limits = LOCAL_LIMITS
  readonly supports = {
    syncReads: true,
    remote: false,
    snapshotRange: true,
    persistent: true,
    unknownOutcome: false,
    repeatedKeys: true,
    watch: true,
  }
  readonly #path: string
  readonly #options: ConnectionOptions & { readonly makeFolder: boolean }
  readonly #now: Clock
  readonly #writer: Writer
  readonly #snapshots: Snapshots
  readonly #watches: WatchHub
  #connection: Connection | undefined
  #wrote = false
  #incarnation = 0
  /** When the name of the file was last looked at, in milliseconds since 1970. */
  #lookedAt = 0
  /** Transactions of this process so far. */
  #commits = 0
  /** The same at the last look, and of them those that were moved into the file. */
  #commitsBefore = 0
  #commitsMoved = 0
  #caring: NodeJS.Timeout | undefined

  private constructor(path: string, options: OpenOptions) {
    this.#path = withoutLinks(absolutePath(path))
    this.#now = options.clock ?? Date.now
    const lockTimeoutMs = options.lockTimeoutMs ?? DEFAULT_LOCK_TIMEOUT_MS
    this.#options = { sync: options.sync ?? true, makeFolder: options.makeFolder ?? false, lockTimeoutMs }
    this.#snapshots = new Snapshots(() => {
      this.#leaveIfReplaced()
      return this.#forReading() && new Connection(this.#path, this.#options)
    })
    this.#writer = new Writer(
      () => this.#forWriting(),
      () => {
        this.#forWriting()
        return new Connection(this.#path, this.#options, false)
      },
      (error) => this.#dropIfBroken(error),
      () => {
        this.#commits++
        this.#watches.committed()
      },
      this.#now,
      lockTimeoutMs,
    )
    this.#watches = new WatchHub({
      path: this.#path,
      lockTimeoutMs,
      now: this.#now,
      open: () => this.#forWatching(),
      snapshot: ({ start, end }, onBegin) => {
        const now = this.#now()
        return this.#onSnapshot(function* (connection) {
          onBegin(connection)
          yield* pages(connection, { start, end, reverse: false, limit: Infinity, keysOnly: false }, now)
        })
      },
      translateError: (error) => toKvError(error, this.#path),
    })
  }

  /**
   * Opens the file if it is there; one that is locked, later. Throws what {@link inspect} throws, and
   * `KV_UNAVAILABLE`.
   */
  static open(path: string, options: OpenOptions): SqliteDriver {
    const driver = new SqliteDriver(path, options)
    driver.#guard(() => {
      try {
        driver.#forReading(false)
      } catch (error) {
        if (!isPassing(error)) throw error
      }
    })
    return driver
  }

  get incarnation(): number {
    return this.#incarnation
  }

  get files(): readonly string[] {
    return ['', '-wal', '-shm', '-journal'].map((suffix) => this.#path + suffix)
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#read((connection) => {
      const row = connection.statement(VALUE).get(key) as [value: SqlValue, expires: number | null] | undefined
      if (row === undefined || (row[1] !== null && row[1] <= this.#now())) return undefined
      if (!(row[0] instanceof Uint8Array)) throw damagedRow()
      return row[0]
    })
  }

  getEntry(key: Uint8Array): Entry | undefined {
    return this.#read((connection) => liveEntry(connection, key, this.#now()))
  }

  head(key: Uint8Array): Head | undefined {
    return this.#read((connection) => liveHead(connection, key, this.#now()))
  }

  getMany(keys: readonly Uint8Array[], { maxBytes }: GetManyOptions = {}): (Entry | undefined)[] {
    const entries = this.#read((connection) => {
      const now = this.#now()
      return connection.snapshot(() => {
        if (maxBytes === undefined) return keys.map((key) => liveEntry(connection, key, now))
        const takes = withinBytes(maxBytes)
        return keys.map((key) => liveEntryWithin(connection, key, now, takes))
      })
    })
    return entries ?? keys.map(() => undefined)
  }

  put(key: Uint8Array, value: Uint8Array, { expires, ttl, condition, signal }: PutOptions = {}): Promise<PutResult> {
    const op: Op = { type: 'put', key, value, expires, ttl }
    const refused = { applied: false, created: false, revision: 0 }
    return this.#write(
      (transaction) => {
        const { connection, now } = transaction
        const old = liveHead(connection, key, now)
        if (!holds(condition, old, (wanted) => hasValue(connection, key, wanted)))
          return { applied: false, created: false, revision: old?.revision ?? 0 }
        const revision = transaction.nextRevision()
        transaction.apply(op, revision)
        return { applied: true, created: old === undefined, revision }
      },
      holds(condition, undefined, () => false) ? undefined : refused,
      signal,
    )
  }

  del(key: Uint8Array, { condition, signal }: DelOptions = {}): Promise<boolean> {
    return this.#write(
      (transaction) => {
        const { connection, now } = transaction
        const old = liveHead(connection, key, now)
        if (old === undefined || !holds(condition, old, (wanted) => hasValue(connection, key, wanted))) return false
        transaction.apply({ type: 'del', key }, transaction.nextRevision())
        return true
      },
      false,
      signal,
    )
  }

  batch(ops: readonly Op[], { signal }: Abortable = {}): Promise<number> {
    return this.#write(
      (transaction) => {
        if (ops.length === 0) return transaction.revision
        const revision = transaction.nextRevision()
        applyOps(transaction, ops, revision)
        return revision
      },
      ops.length === 0 ? 0 : undefined,
      signal,
    )
  }

  load(blocks: Blocks, { signal }: Abortable = {}): Promise<number> {
    if (Symbol.iterator in blocks) {
      return this.#write(
        (transaction) => {
          const load = blockLoader(transaction)
          for (const block of blocks) load(block)
          return transaction.revision
        },
        undefined,
        signal,
      )
    }
    return this.#loadAsItComes(blocks[Symbol.asyncIterator](), signal)
  }

  /** Takes the lock when the first block is there: waiting for it must not keep others from writing. */
  async #loadAsItComes(blocks: AsyncIterator<Block>, signal: AbortSignal | undefined): Promise<number> {
    const first = await blocks.next()
    if (first.done === true) return this.batch([], { signal })
    try {
      return await this.#translated(
        this.#writer.writeAlone(async (transaction) => {
          await loadAsTheyCome(transaction, first.value, blocks, this.#now)
          return transaction.revision
        }, signal),
      )
    } finally {
      await blocks.return?.()
    }
  }

  async delRange(query: RangeQuery, { signal }: Abortable = {}): Promise<number> {
    if (signal === undefined) return this.#write((transaction) => deleteNow(transaction, query), 0)
    if (this.#isAbsent()) return 0
    return this.#translated(
      this.#writer.writeAlone((transaction) => deleteInSlices(transaction, query, signal), signal),
    )
  }

  async *range(query: RangeQuery): AsyncGenerator<Entry[], void, void> {
    const now = this.#now()
    // Most ranges end within a page, which needs no connection of its own.
    const first = this.#read((connection) => connection.snapshot(() => pages(connection, query, now).next()))
    if (first === undefined || first.done === true) return
    if (first.value.last) {
      yield first.value.entries
      return
    }
    for await (const page of this.#onSnapshot((connection) => pages(connection, query, now))) yield page.entries
  }

  anyExpires(): boolean {
    const found = this.#read((connection) =>
      connection.statement('select 1 from kv where expires > ? limit 1').get(this.#now()),
    )
    return found !== undefined
  }

  count(query: RangeQuery, { signal }: Abortable = {}): Awaitable<number> {
    const now = this.#now()
    if (signal === undefined) return this.#read((connection) => countNow(connection, query, now)) ?? 0
    return this.#inSnapshot(0, (connection) => countInSlices(connection, query, now, signal))
  }

  stat(): Stat {
    const stat = this.#read((connection) => statDatabase(connection, this.#path, this.#now()))
    return stat ?? { entries: 0, expiring: 0, revision: 0, sizeBytes: 0, details: { file: this.#path, exists: 'no' } }
  }

  async check({ onProgress, signal }: CheckOptions = {}): Promise<CheckReport> {
    const nothing: CheckReport = { exists: false, checked: 0, unchecked: 0, damagedKeys: [], problems: [] }
    return this.#inSnapshot(nothing, async (connection) => {
      const apart = signal && checkStructureApart(this.#path, signal)
      // It is waited for below, also when the entries fail first.
      apart?.catch(() => {})
      const entries = checkEntries(connection)
      for (;;) {
        const { value, done } = entries.next()
        if (done === true)
          return {
            ...value,
            problems: [...checkSchema(connection), ...((await apart) ?? checkStructure(connection)), ...value.problems],
          }
        onProgress?.(value)
        if (signal === undefined) continue
        await turn()
        if (signal.aborted) throw interrupted(signal)
      }
    })
  }

  watch(query: WatchQuery, { signal }: Abortable = {}): Promise<Changes> {
    return this.#watches.watch(query, signal)
  }

  async close(): Promise<void> {
    clearInterval(this.#caring)
    await this.#watches.close()
    await this.#writer.idle()
    this.#snapshots.close()
    if (this.#keepsItsFile() && this.#wrote) this.#connection?.checkpoint()
    this.#connection?.close()
    this.#connection = undefined
  }

  jsonLines(
    query: RangeQuery,
    { parallel = false }: JsonLinesOptions = {},
  ): AsyncIterable<Uint8Array | Entry[]> | undefined {
    if (query.reverse || query.keysOnly) return undefined
    const now = this.#now()
    return this.#onSnapshot((connection) =>
      jsonLines(
        connection,
        query,
        now,
        parallel ? { help: availableParallelism() > 1 ? this.#jsonLinesHelp() : undefined } : undefined,
      ),
    )
  }

  /**
   * To be called before a snapshot is taken: starts, when asked to, a helper that is ready only if nothing was
   * committed in between.
   */
  #jsonLinesHelp(): (() => JsonLinesHelper | undefined) | undefined {
    const connection = this.#connection
    if (connection === undefined || connection.isUnlocked) return undefined
    // Changes with every commit of another connection (https://www.sqlite.org/pragma.html#pragma_data_version).
    const version = (): unknown => (connection.statement('pragma data_version').get() as [number])[0]
    const [before, commits] = [version(), this.#commits]
    return () =>
      startHelper(
        this.#path,
        this.#options,
        () => this.#connection === connection && this.#commits === commits && version() === before,
      )
  }

  /** What `read` yields of one snapshot. */
  async *#onSnapshot<T>(
    read: (connection: Connection) => Iterator<T, void> | AsyncIterator<T, void>,
  ): AsyncGenerator<T, void, void> {
    try {
      this.#leaveIfReplaced()
      yield* this.#snapshots.items(read)
    } catch (error) {
      throw this.#told(error)
    }
  }

  /** What `read` makes of one snapshot; `whenAbsent` while there is no file. */
  async #inSnapshot<T>(whenAbsent: T, read: (connection: Connection) => Promise<T>): Promise<T> {
    try {
      this.#leaveIfReplaced()
      return await this.#snapshots.result(whenAbsent, read)
    } catch (error) {
      throw this.#told(error)
    }
  }

  /** The connection, or `undefined` while there is no file. */
  #forReading(mayWait = true): Connection | undefined {
    if (this.#connection !== undefined) this.#look(this.#connection)
    if (this.#connection === undefined && this.#isThere(mayWait)) this.#connect(mayWait)
    return this.#connection
  }

  #forWriting(): Connection {
    this.#wrote = true
    this.#leaveIfReplaced()
    // The writer waits, and not on the spot.
    const connection = this.#forReading(false)
    if (connection !== undefined) {
      this.#refuseSecondName(connection)
      connection.useLog()
      return connection
    }
    create(this.#path, this.#options)
    return this.#connect(false)
  }

  #isThere(mayWait: boolean): boolean {
    return retryWhileBusy(
      () => (mayWait ? readWaitMs(this.#path, this.#options) : 0),
      () => inspect(this.#path),
      (error) => error instanceof HeldLog,
    )
  }

  #connect(mayWait: boolean): Connection {
    this.#connection = new Connection(this.#path, this.#options, mayWait)
    this.#caring ??= setInterval(this.#care, CARE_MS).unref()
    return this.#connection
  }

  /**
   * What is done while nothing else is: the name of the file is looked at, and after some writes the log is moved
   * into it.
   */
  readonly #care = (): void => {
    try {
      this.#leaveIfReplaced()
      if (
        this.#commits === this.#commitsBefore &&
        this.#commits > this.#commitsMoved &&
        this.#connection?.backfill() === true
      )
        this.#commitsMoved = this.#commits
    } catch {
      // The next operation meets it.
    }
    this.#commitsBefore = this.#commits
  }

  #refuseSecondName(connection: Connection): void {
    const stat = statSync(this.#path, { throwIfNoEntry: false })
    if (stat !== undefined) refuseTwoLogs(this.#path, stat)
    connection.once('mount', () => refuseMountPoint(this.#path))
  }

  /** A connection that keeps the log of changes; of what it writes, nothing needs the disk. */
  #forWatching(): Connection | undefined {
    return this.#guard(() => {
      this.#leaveIfReplaced()
      const connection = this.#forReading()
      if (connection === undefined) return undefined
      this.#refuseSecondName(connection)
      this.#wrote = true
      return new Connection(this.#path, { ...this.#options, sync: false })
    })
  }

  #read<T>(step: (connection: Connection) => T): T | undefined {
    return this.#guard(() => {
      const read = (): T | undefined => {
        const connection = this.#forReading()
        return connection && connection.read(() => step(connection))
      }
      try {
        return read()
      } catch (error) {
        if (!isChanged(error)) throw error
        return retryWhileBusy(() => readWaitMs(this.#path, this.#options), read, isChanged)
      }
    })
  }

  /** @param whenAbsent the result while there is no file; without it, the write makes one */
  async #write<T>(job: Job<T>, whenAbsent?: T, signal?: AbortSignal): Promise<T> {
    if (whenAbsent !== undefined && this.#isAbsent()) return whenAbsent
    return this.#translated(this.#writer.write(job, signal))
  }

  checkPlace({ write }: { write: boolean }): void {
    if (!this.#options.makeFolder && this.#isAbsent()) this.#guard(() => checkFolder(this.#path, write))
  }

  /** Whether there is no file, and no write that is about to make it. */
  #isAbsent(): boolean {
    return this.#writer.isIdle && this.#connection === undefined && !this.#guard(() => inspect(this.#path))
  }

  async #translated<T>(write: Promise<T>): Promise<T> {
    try {
      return await write
    } catch (error) {
      throw toKvError(error, this.#path)
    }
  }

  #guard<T>(step: () => T): T {
    try {
      return step()
    } catch (error) {
      throw this.#told(error)
    }
  }

  /** What the user is told of an error of the engine. */
  #told(error: unknown): KvError {
    this.#dropIfBroken(error)
    return toKvError(error, this.#path)
  }

  /**
   * Before an operation: whether the connection still is the right one. The name is looked at once a millisecond at
   * most.
   */
  #look(connection: Connection): void {
    if (connection.isStale) return this.#disconnect()
    const time = Date.now()
    if (time === this.#lookedAt) return
    this.#leaveIfReplaced()
    this.#lookedAt = time
  }

  /** When the file was removed or another put in its place, operations must go to the one with the name. */
  #leaveIfReplaced(): void {
    if (this.#connection !== undefined && hasLost(this.#connection, this.#path)) {
      this.#snapshots.closeSpares()
      leaveFile(this.#connection, this.#path)
      this.#incarnation++
      this.#connection = undefined
    }
    this.#connection?.refuseOverwritten()
  }

  /** The same at the end, where nobody is told. */
  #keepsItsFile(): boolean {
    try {
      this.#leaveIfReplaced()
      return true
    } catch {
      return false
    }
  }

  #disconnect(): void {
    this.#snapshots.closeSpares()
    this.#connection?.close()
    this.#connection = undefined
  }

  /** After an I/O error the next operation begins on a fresh connection. */
  #dropIfBroken(error: unknown): void {
    if (!needsReopen(error)) return
    this.#connection?.close()
    this.#connection = undefined
  }
}

const isChanged = (error: unknown): boolean => error instanceof ChangedWhileRead
