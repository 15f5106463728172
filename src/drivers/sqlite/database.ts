import { accessSync, constants, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Connection, type Statement, sqliteEngine } from './engine.ts'
import { isBusy } from './errors.ts'
import { retryWhileBusy } from './lock-wait.ts'
import { connected, disconnected, fileId } from './open-files.ts'

/** How a connection is opened. */
export interface DatabaseOptions {
  /** Whether a commit waits for the disk. */
  readonly sync: boolean
  /** How long a read waits for a lock (only recovery and the last close of a file take one), in milliseconds; a second at least, and longer for a long log. */
  readonly lockTimeoutMs: number
}

/** Pages of cache a connection keeps, in KiB: enough for the inner nodes of 100 M entries. */
export const CACHE_KIB = 16_384

/** Least time a read waits for a lock, in milliseconds: another kv that closes the file, or mends it after a crash, holds one for moments. */
const READ_WAIT_MS = 1000

/** Bytes of the log for which such a moment may be a millisecond longer. */
const LOG_BYTES_PER_MS = 20_000

/** One connection to an existing store file and its prepared statements. */
export class Database {
  /** Which file this is connected to, as `fileId` tells it. */
  readonly file: string
  readonly #connection: Connection
  readonly #statements = new Map<string, Statement>()
  readonly #prepared = new Set<string>()
  #isClosed = false
  /** How long a read waits for a lock, in milliseconds. */
  readonly #readWaitMs: () => number
  #cacheKib = CACHE_KIB

  /** @param mayWait whether to wait, on the spot, for a lock that is in the way */
  constructor(path: string, options: DatabaseOptions, mayWait = true) {
    this.#readWaitMs = () => Math.max(options.lockTimeoutMs, READ_WAIT_MS) + logBytes(path) / LOG_BYTES_PER_MS
    this.file = fileId(path) ?? ''
    this.#connection = openConnection(path)
    connected(this.file)
    try {
      // No busy timeout in the engine: it would hold the event loop. Reads retry here, writes in the writer. The pragmas
      // read the schema, which opens the log, and so may meet another process that recovers or removes it.
      const begin = `pragma busy_timeout = 0; pragma synchronous = ${options.sync ? 'full' : 'normal'}; pragma cache_size = -${CACHE_KIB}; select 1 from kv_store`
      retryWhileBusy(mayWait ? this.#readWaitMs : () => 0, () => this.#connection.exec(begin))
    } catch (error) {
      this.close()
      throw error
    }
  }

  /** The prepared statement for a text, made once; its rows are arrays. */
  statement(sql: string): Statement {
    let statement = this.#statements.get(sql)
    if (statement === undefined) {
      statement = this.#connection.prepare(sql)
      statement.setReturnArrays(true)
      this.#statements.set(sql, statement)
    }
    return statement
  }

  /** The size of the file as this connection sees it, in bytes. */
  fileBytes(): number {
    const [bytes] = this.statement('select page_count * page_size from pragma_page_count, pragma_page_size').get() as [number]
    return bytes
  }

  /** Changes how much cache the connection keeps, in KiB. */
  boundCache(kib: number): void {
    if (kib === this.#cacheKib) return
    this.exec(`pragma cache_size = -${kib}`)
    this.#cacheKib = kib
  }

  /** Runs reads that must be of one moment in a transaction. */
  snapshot<T>(step: () => T): T {
    this.exec('begin')
    try {
      return step()
    } finally {
      this.rollback()
    }
  }

  /** Runs a read, waiting for a lock where one is in the way. */
  read<T>(step: () => T): T {
    try {
      return step()
    } catch (error) {
      if (!isBusy(error)) throw error
      return retryWhileBusy(this.#readWaitMs, step)
    }
  }

  /** Runs a step of preparation the first time it is asked for on this connection. */
  once(name: string, step: () => void): void {
    if (this.#prepared.has(name)) return
    step()
    this.#prepared.add(name)
  }

  /** Runs statements without parameters or results. */
  exec(sql: string): void {
    this.#connection.exec(sql)
  }

  /** Rolls back whatever is open; nothing happens when nothing is. */
  rollback(): void {
    try {
      this.#connection.exec('rollback')
    } catch {
      // SQLite has already rolled back, or no transaction had begun.
    }
  }

  /**
   * Moves the log into the file, as the last close of a file does. The addon closes for real only
   * when its statements are collected, which no code can ask for.
   */
  checkpoint(): void {
    try {
      this.#connection.exec('pragma wal_checkpoint(truncate)')
    } catch {
      // Another process reads or writes: it will do this when it closes.
    }
  }

  /** Closes the connection. Errors are of no use to anyone by then. */
  close(): void {
    this.#statements.clear()
    try {
      this.#connection.close()
    } catch {
      // A statement still in use, or the disk is gone.
    }
    if (!this.#isClosed) disconnected(this.file)
    this.#isClosed = true
  }
}

/** Opens a file that is there; SQLite would make an empty one in place of one that has just gone. */
function openConnection(path: string): Connection {
  const { Connection } = sqliteEngine()
  const { url, readOnly } = connectionTarget(path)
  return readOnly ? new Connection(url, { readOnly }) : new Connection(url)
}

/** How a file is to be opened: what SQLite is given as its name, and whether for reading only. */
export function connectionTarget(path: string): { readonly url: URL; readonly readOnly: boolean } {
  const url = pathToFileURL(path)
  const readOnly = onReadOnlyMedium(path)
  if (!readOnly) url.search = 'mode=rw'
  // Without a log nobody is writing, and SQLite may do without its lock files; with one, it has to
  // find them or fail, since the medium may be read-only for us alone.
  else if (logBytes(path) === 0) url.search = 'immutable=1'
  return { url, readOnly }
}

function logBytes(path: string): number {
  return statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0
}

function onReadOnlyMedium(path: string): boolean {
  try {
    accessSync(dirname(path), constants.W_OK)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EROFS'
  }
}
