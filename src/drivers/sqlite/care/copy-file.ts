import { closeSync, fchmodSync, fdatasync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs'
import { turn } from '../../../async.ts'
import { interrupted } from '../../../errors.ts'
import type { Copied, CopyOptions } from '../../../store/driver/care.ts'
import { SQLITE, resultCode } from '../engine/result-codes.ts'
import { type DatabaseSync, sqliteEngine } from '../engine/engine.ts'
import type { Connection } from '../file/connection.ts'
import { toKvError } from '../file/errors.ts'
import { putOnDisk } from '../file/place-file.ts'
import { MARK_COPY } from '../file/schema.ts'
import { HEADER_BYTES, pageSizeOf } from '../format/header.ts'
import { FRAME_BYTES, LOG_HEADER_BYTES, readLogHeader } from '../format/log-file.ts'
import { openForReading, sizeOf, withFile } from '../format/read-file.ts'
import { readStoreRow } from '../format/store-page.ts'
import { ChangedWhileRead } from '../identity/file-state.ts'
import { closeWhenFree, fileId, idOf, openBeside } from '../locks/posix-locks.ts'

/** Bytes copied between two turns of the event loop: as much as stays in the cache of the processor. */
const PART_BYTES = 1 << 18

/** Bytes after which the disk begins to write them, while more are copied. */
const FLUSH_BYTES = 1 << 25

/** The permissions of a file, as `stat` has them in its mode. */
const PERMISSIONS = 0o777

/**
 * Copies the store at `path` to `to`, a new file that no other program knows, while others write. The connection is in a read
 * transaction. The file is copied first and its log after it: until the transaction ends the log keeps all that was
 * committed before it, and nothing newer is moved into the file. So whatever page was written meanwhile is in the log
 * that was copied, and playing that gives a state at or after the transaction's. Then the copy gets a mark of its own.
 * What is returned is on disk, but for its name. Throws {@link ChangedWhileRead} when another file was put in its place, or it was
 * read without locks and changed.
 */
export async function copyStore(
  connection: Connection,
  path: string,
  to: string,
  options: CopyOptions,
): Promise<Copied> {
  const total = sizeOf(path) + sizeOf(`${path}-wal`)
  const target = openSync(to, 'wx', 0o600)
  let pageSize: number
  let copied: number
  try {
    const source = openBeside(path)
    try {
      const stat = fstatSync(source)
      if (idOf(stat) !== connection.file) throw new ChangedWhileRead()
      fchmodSync(target, stat.mode & PERMISSIONS)
      copied = await copyBytes(source, target, 0, (bytes) => options.onProgress?.(bytes, total), options.signal)
      pageSize = pageSizeOf(headerOf(source))
    } finally {
      closeWhenFree(source)
    }
  } finally {
    closeSync(target)
  }
  if (connection.log !== undefined)
    await copyLog(connection.log, path, `${to}-wal`, pageSize, {
      ...options,
      onProgress: (bytes) => options.onProgress?.(copied + bytes, total),
    })
  connection.verify()
  settleCopy(to)
  await putOnDisk(to)
  const { row } = withFile(to, (fd) => readStoreRow(fd!, pageSize))
  return { bytes: sizeOf(to), revision: row?.revision ?? 0 }
}

/** Copies from a place on, to the same place, as much as is wanted; returns the bytes. Throws `KV_INTERRUPTED`. */
async function copyBytes(
  from: number,
  to: number,
  at: number,
  onProgress: (bytes: number) => void,
  signal: AbortSignal | undefined,
  isWanted: (part: Buffer) => number = (part) => part.length,
): Promise<number> {
  const part = Buffer.allocUnsafe(PART_BYTES)
  const flush = new Flush(to)
  try {
    for (let copied = 0; ; await turn()) {
      if (signal?.aborted) throw interrupted(signal)
      const bytes = readSync(from, part, 0, PART_BYTES, at + copied)
      const wanted = isWanted(part.subarray(0, bytes))
      for (let written = 0; written < wanted;)
        written += writeSync(to, part, written, wanted - written, at + copied + written)
      copied += wanted
      flush.upTo(copied)
      if (wanted < bytes || bytes === 0) return copied
      onProgress(copied)
    }
  } finally {
    await flush.end()
  }
}

/** Lets the disk write a file while more of it is being made, so that little is left to wait for at its end. */
class Flush {
  readonly #fd: number
  #flushed = 0
  #running: Promise<void> | undefined

  constructor(fd: number) {
    this.#fd = fd
  }

  /** So many bytes are made. */
  upTo(bytes: number): void {
    if (this.#running !== undefined || bytes - this.#flushed < FLUSH_BYTES) return
    this.#flushed = bytes
    this.#running = new Promise((resolve, reject) => {
      fdatasync(this.#fd, (error) => {
        // The system tells of a failure once: it stays, and `end` throws it.
        if (error !== null) return reject(error)
        this.#running = undefined
        resolve()
      })
    })
    this.#running.catch(() => {})
  }

  /** The file may be closed. Throws what the file system throws. */
  async end(): Promise<void> {
    await this.#running
  }
}

/** Copies the frames that a log holds now; those of an older log that lie behind them are left. */
async function copyLog(
  id: string,
  path: string,
  to: string,
  pageSize: number,
  { onProgress, signal }: CopyOptions,
): Promise<void> {
  const source = openForReading(`${path}-wal`)
  const target = openSync(to, 'wx', 0o600)
  try {
    if (idOf(fstatSync(source)) !== id || fileId(`${path}-wal`) !== id) throw new ChangedWhileRead()
    for (;;) {
      const header = readLogHeader(source)
      if (header === undefined) return
      writeSync(target, header, 0, LOG_HEADER_BYTES, 0)
      let offset = 0
      // Frames do not end where parts do: the headers of those that begin in a part tell whether they are of this log.
      const ofThisLog = (part: Buffer): number => {
        const frame = FRAME_BYTES + pageSize
        let at = (frame - (offset % frame)) % frame
        for (; at + 16 <= part.length; at += frame) if (part.compare(header, 16, 24, at + 8, at + 16) !== 0) return at
        offset += part.length
        return part.length
      }
      await copyBytes(source, target, LOG_HEADER_BYTES, (bytes) => onProgress?.(bytes, bytes), signal, ofThisLog)
      // One that was begun anew meanwhile gets another header first. That happens once at most: what the new one holds
      // is not moved into the file before the transaction ends.
      if (readLogHeader(source)?.equals(header) === true) return
      ftruncateSync(target)
    }
  } finally {
    closeSync(source)
    closeSync(target)
  }
}

/**
 * Plays the log of a copy into it, marks it, and ends its log of changes, which only the original goes on with. The engine's
 * statements are not prepared, so that it closes at once.
 */
function settleCopy(to: string): void {
  withDatabase(to, (copy) => {
    // Whoever gives the file its name has it on disk first.
    copy.exec('pragma synchronous = off; pragma journal_mode = wal')
    execWhereThere(copy, MARK_COPY)
    execWhereThere(copy, 'delete from kv_log')
  })
}

/** Runs a step with a connection to a file that only this process knows, and closes it. */
export function withDatabase(path: string, step: (database: DatabaseSync) => void): void {
  const database = new (sqliteEngine().DatabaseSync)(path)
  try {
    step(database)
  } finally {
    database.close()
  }
}

/** Runs a statement about a table or column that a store of an older kv, or a damaged one, may not have. */
export function execWhereThere(database: DatabaseSync, sql: string): void {
  try {
    database.exec(sql)
  } catch (error) {
    if (resultCode(error) !== SQLITE.ERROR) throw error
  }
}

function headerOf(fd: number): Buffer {
  const header = Buffer.alloc(HEADER_BYTES)
  readSync(fd, header, 0, HEADER_BYTES, 0)
  return header
}

/** What is told of an error while a file is written that is to be named `to`. */
export function toCopyError(error: unknown, path: string, to: string): unknown {
  if (error instanceof ChangedWhileRead || resultCode(error) === SQLITE.CORRUPT) return toKvError(error, path)
  return toKvError(error, to)
}
