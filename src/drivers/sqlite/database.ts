import { accessSync, constants, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Connection, type Statement, sqliteEngine } from './engine.ts'
import { isBusy } from './errors.ts'
import { connected, disconnected, fileId } from './open-files.ts'

/** How a connection is opened. */
export interface DatabaseOptions {
  /** Whether a commit waits for the disk. */
  readonly sync: boolean
  /** How long a read waits for a lock (only recovery and the last close of a file take one), in milliseconds. */
  readonly lockTimeoutMs: number
}

/** Pages of cache a connection keeps, in KiB: enough for the inner nodes of 100 M entries. */
export const CACHE_KIB = 16_384

const pause = new Int32Array(new SharedArrayBuffer(4))

/**
 * Runs `step`, again after 1 to 25 ms while another connection is in the way, until `timeoutMs`
 * have passed; then throws what `step` threw last.
 */
export function retryWhileBusy<T>(timeoutMs: number, step: () => T): T {
  // Node sets its clock up when it is first asked: half a millisecond that a read with nothing in its way does without.
  let deadline: number | undefined
  for (let wait = 1; ; wait = Math.min(wait * 2, 25)) {
    try {
      return step()
    } catch (error) {
      if (!isBusy(error)) throw error
      const now = performance.now()
      deadline ??= now + timeoutMs
      if (now >= deadline) throw error
      Atomics.wait(pause, 0, 0, wait)
    }
  }
}

/** One connection to an existing store file and its prepared statements. */
export class Database {
  /** Which file this is connected to, as `fileId` tells it. */
  readonly file: string
  readonly #connection: Connection
  readonly #statements = new Map<string, Statement>()
  readonly #prepared = new Set<string>()
  #isClosed = false
  readonly #lockTimeoutMs: number
  #cacheKib = CACHE_KIB

  constructor(path: string, options: DatabaseOptions) {
    this.#lockTimeoutMs = options.lockTimeoutMs
    this.file = fileId(path) ?? ''
    this.#connection = openConnection(path)
    connected(this.file)
    try {
      // No busy timeout in the engine: it would hold the event loop. Reads retry here, writes in the writer.
      this.#connection.exec(
        `pragma busy_timeout = 0; pragma synchronous = ${options.sync ? 'full' : 'normal'}; pragma cache_size = -${CACHE_KIB}`,
      )
      // The first real read opens the log and may meet another process that recovers or removes it.
      retryWhileBusy(options.lockTimeoutMs, () => this.#connection.exec('select 1 from kv_store'))
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
      return retryWhileBusy(this.#lockTimeoutMs, step)
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
  else if ((statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0) === 0) url.search = 'immutable=1'
  return { url, readOnly }
}

function onReadOnlyMedium(path: string): boolean {
  try {
    accessSync(dirname(path), constants.W_OK)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EROFS'
  }
}
