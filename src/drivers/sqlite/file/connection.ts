import { type Stats, statSync } from 'node:fs'
import { hasBound } from '../bound/bound.ts'
import { type Access, openDatabase } from './access.ts'
import type { DatabaseSync, Statement } from '../engine/engine.ts'
import { isBusy } from '../engine/result-codes.ts'
import { isPassing } from './errors.ts'
import { HeldMoment } from './held-moment.ts'
import { keepOpen } from './keep-open.ts'
import { isBeingReplaced } from './place-file.ts'
import { sizeOf } from '../format/read-file.ts'
import { ChangedWhileRead } from '../identity/file-state.ts'
import type { Layout } from '../layout/layout.ts'
import { layoutOf } from '../layout/layouts.ts'
import { ROWS } from '../layout/rows.ts'
import { retryWhileBusy } from '../locks/lock-wait.ts'
import { connected, disconnected, fileId, idOf } from '../locks/posix-locks.ts'
import { type OverwriteDetector, detectorOf, forgetDetector, overwritten } from '../identity/overwritten.ts'

/** How a connection is opened. */
export interface ConnectionOptions {
  /** Whether a commit waits for the disk. */
  readonly sync: boolean
  /** How long a write waits for a lock, in milliseconds. A read waits a second at least, see {@link readWaitMs}. */
  readonly lockTimeoutMs: number
}

/** Pages of cache a connection keeps, in KiB: enough for the inner nodes of 100 M entries. */
export const CACHE_KIB = 16_384

/**
 * Least time a read waits for a lock, in milliseconds, which only recovery and the last close of a file take; and the
 * bytes of the log for which they may take a millisecond longer.
 */
const READ_WAIT_MS = 1000
const LOG_BYTES_PER_MS = 20_000

/** How long a read of a store waits for a lock, in milliseconds. */
export function readWaitMs(path: string, { lockTimeoutMs }: ConnectionOptions): number {
  return Math.max(lockTimeoutMs, READ_WAIT_MS) + sizeOf(`${path}-wal`) / LOG_BYTES_PER_MS
}

/** One connection to an existing store file and its prepared statements. */
export class Connection {
  /** Which file this is connected to, as `fileId` tells it. */
  readonly file: string
  /** Which log it keeps beside the file, likewise. */
  readonly log: string | undefined
  /** Whether its commits wait for the disk. */
  readonly isSynced: boolean
  readonly #path: string
  readonly #database: DatabaseSync
  readonly #access: Access
  readonly #statements = new Map<string, Statement>()
  readonly #prepared = new Set<string>()
  #isClosed = false
  readonly #overwrites: OverwriteDetector | undefined
  readonly #readWaitMs: () => number
  #isBounded: boolean | undefined
  #layout: Layout | undefined
  #cacheKib = CACHE_KIB
  /** The moment at which its reads may be held. */
  readonly moment = new HeldMoment(this)

  /**
   * Throws what the engine throws, and {@link ChangedWhileRead} when another file was put in its place meanwhile.
   *
   * @param mayWait whether to wait, on the spot, for a lock that is in the way
   */
  constructor(path: string, options: ConnectionOptions, mayWait = true) {
    this.#path = path
    this.#readWaitMs = () => readWaitMs(path, options)
    this.file = fileId(path) ?? ''
    // In this order: when it is the new file, and no mark is there, the old log is gone.
    if (isBeingReplaced(path)) throw new ChangedWhileRead()
    const opened = retryWhileBusy(
      mayWait ? this.#readWaitMs : () => 0,
      () => openDatabase(path, options.sync, CACHE_KIB),
      isPassing,
    )
    // SQLite opens the log by its name, which may be that of another file's by now: the two must not come together.
    if (this.isReplaced) {
      opened.database.close()
      throw new ChangedWhileRead()
    }
    this.#database = opened.database
    this.#access = opened.access
    this.log = fileId(`${path}-wal`)
    this.isSynced = options.sync
    connected(this.file)
    this.#overwrites = this.isUnlocked ? undefined : detectorOf(this.file, path)
  }

  /** Whether another file has its name now, or none. */
  get isReplaced(): boolean {
    return this.statOfFile() === undefined
  }

  /** What `stat` tells of its file; `undefined` when another has its name now, or none. */
  statOfFile(): Stats | undefined {
    const stat = statSync(this.#path, { throwIfNoEntry: false })
    return stat !== undefined && idOf(stat) === this.file ? stat : undefined
  }

  /** Throws `KV_CORRUPT` when its file, of which `stat` is the newest, was written over. Between transactions. */
  refuseOverwritten(stat: Stats | undefined): void {
    if (this.#isOverwritten(() => this.#newestMark(), false, stat)) throw overwritten(this.#path)
  }

  #isOverwritten(newestMark?: () => bigint | undefined, isOwn?: boolean, stat?: Stats): boolean {
    return this.#overwrites?.isOverwritten(newestMark, isOwn, stat) === true
  }

  /** The mark of the newest commit; `undefined` when that cannot be told. */
  #newestMark(): bigint | undefined {
    try {
      const [mark] = this.statement('select cast(mark as text) from kv_store').get() as [string | null]
      return mark === null ? undefined : BigInt(mark)
    } catch {
      return undefined
    }
  }

  /** Whether this process may only read the file. */
  get isReadOnly(): boolean {
    return this.#access.readOnly
  }

  /** Whether it is read without locks, so that each read is to be followed by `verify`; `read` does it by itself. */
  get isUnlocked(): boolean {
    return this.#access.unlocked !== undefined
  }

  /** Whether another connection would see something newer. */
  get isStale(): boolean {
    return this.#access.unlocked?.isNewest === false
  }

  /** Throws {@link ChangedWhileRead} when what was read may be of no moment. */
  verify(): void {
    if (this.#access.unlocked?.isIntact === false) throw new ChangedWhileRead()
  }

  /** Whether the store has a bound, see bound.ts: a file is made with one or without. */
  get isBounded(): boolean {
    return (this.#isBounded ??= this.layout === ROWS && hasBound(this))
  }

  /** How entries lie in the file; compaction, which may change it, puts another file in its place. */
  get layout(): Layout {
    return (this.#layout ??= layoutOf((this.statement('pragma user_version').get() as [number])[0]))
  }

  /** The prepared statement for a text, made once; its rows are arrays. */
  statement(sql: string): Statement {
    let statement = this.#statements.get(sql)
    if (statement === undefined) {
      statement = this.#database.prepare(sql)
      statement.setReturnArrays(true)
      this.#statements.set(sql, statement)
    }
    return statement
  }

  /** The size of the file as this connection sees it, in bytes. */
  fileBytes(): number {
    const [bytes] = this.statement('select page_count * page_size from pragma_page_count, pragma_page_size').get() as [
      number,
    ]
    return bytes
  }

  /** Changes how much cache the connection keeps, in KiB. */
  limitCache(kib: number): void {
    if (kib === this.#cacheKib) return
    this.exec(`pragma cache_size = -${kib}`)
    this.#cacheKib = kib
  }

  /** Makes the transaction that has begun a snapshot of this moment, as its first read does. */
  fixSnapshot(): void {
    this.read(() => this.statement('select 1 from sqlite_schema').get())
  }

  /** Runs reads that must be of one moment in a transaction. */
  snapshot<T>(step: () => T): T {
    if (this.moment.isHeld) return step()
    this.exec('begin')
    try {
      return step()
    } finally {
      this.rollback()
    }
  }

  /** Runs a read, waiting for a lock. Throws as {@link verify}, which the caller calls itself for a promise. */
  read<T>(step: (connection: Connection) => T): T {
    let result: T
    try {
      result = step(this)
    } catch (error) {
      // Nothing that is said of a file in the middle of a change is true.
      this.verify()
      if (!isBusy(error)) throw error
      return retryWhileBusy(this.#readWaitMs, () => step(this))
    }
    if (this.isUnlocked && !(result instanceof Promise)) this.verify()
    return result
  }

  /** Runs a step of preparation the first time it is asked for on this connection; `temp.…` again after a rollback. */
  once(name: string, step: () => void): void {
    if (this.#prepared.has(name)) return
    step()
    this.#prepared.add(name)
  }

  /**
   * Switches the file to a write-ahead log before the first write: another tool may have made a copy without, where
   * readers block writers. Throws what the engine throws while somebody reads.
   */
  useWal(): void {
    this.once('log', () => {
      const [mode] = this.statement('pragma journal_mode').get() as [string]
      if (mode !== 'wal' && !this.isReadOnly) this.exec('pragma journal_mode = wal')
    })
  }

  /** Runs statements without parameters or results. */
  exec(sql: string): void {
    this.#database.exec(sql)
  }

  /**
   * Commits, which may move the log into the file. Throws as `refuseOverwritten` does, with nothing committed.
   *
   * @param stat what `stat` tells of the file, if that was asked just now
   */
  commit(stat?: Stats): void {
    if (this.#isOverwritten(undefined, false, stat)) throw overwritten(this.#path)
    this.#database.exec('commit')
    this.#isOverwritten(() => this.#newestMark(), true)
  }

  /** To be told when work is taken back: what is temporary is of the transaction too that made it. */
  forgetTemporary(): void {
    for (const name of this.#prepared) if (name.startsWith('temp.')) this.#prepared.delete(name)
  }

  /** Rolls back whatever is open; nothing happens when nothing is. */
  rollback(): void {
    this.forgetTemporary()
    try {
      this.#database.exec('rollback')
    } catch {
      // SQLite has already rolled back, or no transaction had begun.
    }
  }

  /** Moves the log into the file, as its last close does: the addon closes only when its statements are collected. */
  checkpoint(): void {
    if (this.#isOverwritten()) return
    try {
      this.#database.exec('pragma wal_checkpoint(truncate)')
    } catch {
      // Another process reads or writes: it will do this when it closes.
    }
  }

  /** Moves what no reader still needs of the log into the file; returns whether that was all of it. */
  backfill(): boolean {
    if (this.#isOverwritten()) return false
    try {
      const [, frames, moved] = this.statement('pragma wal_checkpoint(passive)').get() as [number, number, number]
      // So that it is known how far the file has come.
      this.#isOverwritten()
      return frames === moved
    } catch {
      return false
    }
  }

  /** Closes the connection. Errors are of no use to anyone by then. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.moment.release()
    if (this.#isOverwritten()) {
      keepOpen(this.#database)
      return this.rollback()
    }
    this.#statements.clear()
    try {
      this.#database.close()
    } catch {
      // A statement still in use, or the disk is gone.
    }
    if (disconnected(this.file)) forgetDetector(this.file)
  }
}
