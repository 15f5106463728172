import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Blocks } from '../../store/block.ts'
import { holds } from '../../store/condition.ts'
import type { CheckReport, Clock, Condition, Driver, Entry, Op, PutResult, RangeQuery, Stat } from '../../store/driver.ts'
import { DEFAULT_LOCK_TIMEOUT_MS, type OpenOptions } from '../options.ts'
import { applyOps } from './batch.ts'
import { checkDatabase } from './check.ts'
import { Database, type DatabaseOptions } from './database.ts'
import { sqliteEngine } from './engine.ts'
import { needsReopen, toKvError } from './errors.ts'
import { FORMAT_VERSION, create, inspect, withoutLinks } from './format.ts'
import { jsonLines } from './json-lines.ts'
import { blockLoader } from './load.ts'
import { pages, rangeSql } from './range.ts'
import { fileId } from './open-files.ts'
import { type Job, Writer } from './writer.ts'

type EntryRow = [key: Uint8Array, value: Uint8Array, revision: number, expires: number | null]

/** Snapshot connections kept for the next range. */
const SPARE_SNAPSHOTS = 2

/**
 * The embedded driver: one SQLite file, in write-ahead-log mode, usable by any number of processes
 * at once. Reads are synchronous; writes of one event-loop turn share a commit. A file that does
 * not exist reads as empty and is made by the first write.
 */
export class SqliteDriver implements Driver {
  readonly name = 'sqlite'
  readonly limits = { maxKeyBytes: 65_535, maxValueBytes: 2 ** 29, maxBatchOps: Infinity, maxBatchBytes: Infinity }
  readonly supports = { syncReads: true, snapshotRange: true, persistent: true, unknownOutcome: false }
  readonly #path: string
  readonly #options: DatabaseOptions & { readonly makeFolder: boolean }
  readonly #now: Clock
  readonly #writer: Writer
  readonly #spares: Database[] = []
  readonly #inUse = new Set<Database>()
  #database: Database | undefined
  #wrote = false

  private constructor(path: string, options: OpenOptions) {
    this.#path = withoutLinks(resolve(path))
    this.#now = options.clock ?? Date.now
    const lockTimeoutMs = options.lockTimeoutMs ?? DEFAULT_LOCK_TIMEOUT_MS
    this.#options = { sync: options.sync ?? true, makeFolder: options.makeFolder ?? false, lockTimeoutMs }
    this.#writer = new Writer(
      () => this.#forWriting(),
      () => {
        this.#forWriting()
        return new Database(this.#path, this.#options)
      },
      (error) => this.#dropIfBroken(error),
      this.#now,
      lockTimeoutMs,
    )
  }

  /** Opens the file if it is there. Throws what {@link inspect} throws, and `KV_UNAVAILABLE`. */
  static open(path: string, options: OpenOptions): SqliteDriver {
    const driver = new SqliteDriver(path, options)
    driver.#guard(() => driver.#forReading())
    return driver
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#read((database) => {
      const row = database.statement('select value, expires from kv where key = ?').get(key) as [Uint8Array, number | null] | undefined
      if (row === undefined || (row[1] !== null && row[1] <= this.#now())) return undefined
      return row[0]
    })
  }

  getEntry(key: Uint8Array): Entry | undefined {
    return this.#read((database) => liveEntry(database, key, this.#now()))
  }

  getMany(keys: readonly Uint8Array[]): (Entry | undefined)[] {
    const entries = this.#read((database) => {
      const now = this.#now()
      return database.snapshot(() => keys.map((key) => liveEntry(database, key, now)))
    })
    return entries ?? keys.map(() => undefined)
  }

  put(key: Uint8Array, value: Uint8Array, expires: number | undefined, condition?: Condition): Promise<PutResult> {
    const op: Op = { type: 'put', key, value, expires }
    const refused = { applied: false, created: false, revision: 0 }
    return this.#write((transaction) => {
      const old = liveEntry(transaction.database, op.key, transaction.now)
      if (!holds(condition, old)) return { applied: false, created: false, revision: old?.revision ?? 0 }
      const revision = transaction.nextRevision()
      transaction.apply(op, revision)
      return { applied: true, created: old === undefined, revision }
    }, holds(condition, undefined) ? undefined : refused)
  }

  del(key: Uint8Array, condition?: Condition): Promise<boolean> {
    const op: Op = { type: 'del', key }
    return this.#write((transaction) => {
      const old = liveEntry(transaction.database, op.key, transaction.now)
      if (old === undefined || !holds(condition, old)) return false
      transaction.apply(op, transaction.nextRevision())
      return true
    }, false)
  }

  batch(ops: readonly Op[]): Promise<number> {
    return this.#write((transaction) => {
      if (ops.length === 0) return transaction.revision
      const revision = transaction.nextRevision()
      applyOps(transaction, ops, revision)
      return revision
    }, ops.length === 0 ? 0 : undefined)
  }

  load(blocks: Blocks): Promise<number> {
    if (Symbol.iterator in blocks) {
      return this.#write((transaction) => {
        const load = blockLoader(transaction)
        for (const block of blocks) load(block)
        return transaction.revision
      })
    }
    return this.#translated(
      this.#writer.writeAlone(async (transaction) => {
        const load = blockLoader(transaction)
        for await (const block of blocks) load(block)
        return transaction.revision
      }),
    )
  }

  delRange(query: RangeQuery): Promise<number> {
    const { where, bounds } = rangeSql(query)
    return this.#write((transaction) => {
      const [live] = transaction.database
        .statement(`select count(*) from kv ${where} and (expires is null or expires > ?)`)
        .get(...bounds, transaction.now) as [number]
      const { changes } = transaction.database.statement(`delete from kv ${where}`).run(...bounds)
      if (Number(changes) > 0) transaction.nextRevision()
      return live
    }, 0)
  }

  async *range(query: RangeQuery): AsyncGenerator<Entry[], void, void> {
    const now = this.#now()
    // Most ranges end within a page, which needs no connection of its own.
    const first = this.#read((database) => database.snapshot(() => pages(database, query, now).next()))
    if (first === undefined || first.done === true) return
    if (first.value.last) {
      yield first.value.entries
      return
    }
    for await (const page of this.#onSnapshot((database) => pages(database, query, now))) yield page.entries
  }

  count(query: RangeQuery): number {
    const { where, bounds } = rangeSql(query)
    const now = this.#now()
    const count = this.#read((database) => {
      if (query.limit !== Infinity) {
        const limited = `select count(*) from (select 1 from kv ${where} and (expires is null or expires > ?) limit ?)`
        return (database.statement(limited).get(...bounds, now, query.limit) as [number])[0]
      }
      // From the indexes alone: every key, less those that have expired.
      const whole = `select (select count(*) from kv ${where}) - (select count(*) from kv indexed by kv_expires ${where} and expires <= ?)`
      return (database.statement(whole).get(...bounds, ...bounds, now) as [number])[0]
    })
    return count ?? 0
  }

  stat(): Stat {
    const stat = this.#read((database): Stat => {
      const now = this.#now()
      const [entries, expired, expiring, revision, pageSize, pageCount, freePages, sqlite] = database
        .statement(
          `select (select count(*) from kv), (select count(*) from kv where expires <= ?), (select count(*) from kv where expires > ?),
            (select revision from kv_store), (select page_size from pragma_page_size), (select page_count from pragma_page_count),
            (select freelist_count from pragma_freelist_count), sqlite_version()`,
        )
        .get(now, now) as [number, number, number, number, number, number, number, string]
      const log = size(`${this.#path}-wal`)
      const file = size(this.#path)
      return {
        entries: entries - expired,
        expiring,
        revision,
        sizeBytes: file + log,
        details: {
          file: this.#path,
          file_bytes: file,
          log_bytes: log,
          page_bytes: pageSize,
          pages: pageCount,
          free_pages: freePages,
          expired_unremoved: expired,
          format: FORMAT_VERSION,
          engine: `${sqliteEngine().name}, SQLite ${sqlite}`,
        },
      }
    })
    return stat ?? { entries: 0, expiring: 0, revision: 0, sizeBytes: 0, details: { file: this.#path } }
  }

  check(onProgress?: (entries: number) => void): CheckReport {
    const report = this.#read((database) => database.snapshot(() => checkDatabase(database, onProgress)))
    return report ?? { checked: 0, unchecked: 0, damagedKeys: [], problems: [] }
  }

  async close(): Promise<void> {
    await this.#writer.idle()
    for (const database of [...this.#inUse, ...this.#spares]) database.close()
    this.#inUse.clear()
    if (this.#wrote) this.#database?.checkpoint()
    this.#database?.close()
    this.#database = undefined
  }

  jsonLines(query: RangeQuery): AsyncIterable<Uint8Array | Entry[]> | undefined {
    const now = this.#now()
    return query.reverse || query.keysOnly ? undefined : this.#onSnapshot((database) => jsonLines(database, query, now))
  }

  /**
   * What `read` yields, on a connection of its own and in one transaction: the snapshot lives
   * until the last item is taken or the loop is left.
   */
  async *#onSnapshot<T>(read: (database: Database) => Iterator<T, void>): AsyncGenerator<T, void, void> {
    this.#dropIfReplaced()
    const database = this.#spares.pop() ?? this.#guard(() => (this.#forReading() === undefined ? undefined : new Database(this.#path, this.#options)))
    if (database === undefined) return
    this.#inUse.add(database)
    let sound = true
    try {
      database.exec('begin')
      const items = read(database)
      for (;;) {
        const next = this.#guard(() => database.read(() => items.next()))
        if (next.done === true) break
        yield next.value
      }
    } catch (error) {
      sound = false
      throw error
    } finally {
      database.rollback()
      // After close() it is no longer among those in use, and is closed already.
      if (this.#inUse.delete(database) && sound && this.#spares.length < SPARE_SNAPSHOTS) this.#spares.push(database)
      else database.close()
    }
  }

  /** The connection, or `undefined` while there is no file. */
  #forReading(): Database | undefined {
    if (this.#database === undefined && inspect(this.#path)) this.#database = new Database(this.#path, this.#options)
    return this.#database
  }

  #forWriting(): Database {
    this.#wrote = true
    this.#dropIfReplaced()
    const database = this.#forReading()
    if (database !== undefined) return database
    create(this.#path, this.#options)
    this.#database = new Database(this.#path, this.#options)
    return this.#database
  }

  #read<T>(step: (database: Database) => T): T | undefined {
    return this.#guard(() => {
      const database = this.#database ?? this.#forReading()
      return database && database.read(() => step(database))
    })
  }

  /** @param whenAbsent the result while there is no file; without it, the write makes one */
  async #write<T>(job: Job<T>, whenAbsent?: T): Promise<T> {
    // A write that is queued may be about to make the file.
    const mayBeAbsent = whenAbsent !== undefined && this.#writer.isIdle
    if (mayBeAbsent && this.#guard(() => this.#forReading()) === undefined) return whenAbsent
    return this.#translated(this.#writer.write(job))
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
      this.#dropIfBroken(error)
      throw toKvError(error, this.#path)
    }
  }

  /** When the file was removed or another put in its place, what is written must go to the one with the name. */
  #dropIfReplaced(): void {
    if (this.#database === undefined || this.#database.file === fileId(this.#path)) return
    for (const database of [this.#database, ...this.#spares.splice(0)]) database.close()
    this.#database = undefined
  }

  /** After an I/O error the next operation begins on a fresh connection. */
  #dropIfBroken(error: unknown): void {
    if (!needsReopen(error)) return
    this.#database?.close()
    this.#database = undefined
  }
}

function liveEntry(database: Database, key: Uint8Array, now: number): Entry | undefined {
  const row = database.statement('select key, value, revision, expires from kv where key = ?').get(key) as EntryRow | undefined
  if (row === undefined || (row[3] !== null && row[3] <= now)) return undefined
  return { key: row[0], value: row[1], revision: row[2], expires: row[3] ?? undefined }
}

function size(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}
