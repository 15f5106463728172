import { chmodSync, chownSync, existsSync, linkSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { monotonicMs, pause } from '../../../async.ts'
import { type KvError, interrupted, usageError } from '../../../errors.ts'
import type { Connection } from '../file/connection.ts'
import { isPassing, toKvError } from '../file/errors.ts'
import { placeFile, replaceFile, whileReplacing } from '../file/place-file.ts'
import type { StoreFile } from '../file/store-file.ts'
import { sizeOf } from '../format/read-file.ts'
import { temporaryName } from '../format/temporary-names.ts'
import { LogHeldOpen } from '../identity/log-owner.ts'
import { retryDelay } from '../locks/lock-wait.ts'
import { fileId } from '../locks/posix-locks.ts'

const PERMISSIONS = 0o777

/** What stands beside a store and may hold writes. */
const LOGS = ['-wal', '-journal']

/**
 * Gives the store that `build` has finished under a temporary name the name of `file`. Holds the write lock of the store that
 * has it, whose connection `build` gets; none where there is no store, or one that is damaged. Returns where the old one is kept;
 * `undefined` where it is not, or nothing was there. Throws as a write does when the lock is not to be had, and
 * `KV_INTERRUPTED`.
 */
export async function replaceStore(
  file: StoreFile,
  keep: boolean,
  signal: AbortSignal | undefined,
  build: (lock: Connection | undefined) => string | Promise<string>,
): Promise<string | undefined> {
  const { path } = file
  try {
    const lock = await locked(file, signal)
    try {
      const kept = exchange(await build(lock), path, keep, lock?.log)
      if (lock !== undefined && kept === undefined) refuseWrites(lock)
      return kept
    } finally {
      lock?.rollback()
      lock?.close()
      // Lets go of what has no name any more.
      file.checkName()
    }
  } catch (error) {
    throw toKvError(error, path)
  }
}

/** Lets other programs, which do not notice that a file has lost its name, write to it no more. */
function refuseWrites(lock: Connection): void {
  const told = `select raise(abort, 'kv: another file was put in the place of this one: open it again')`
  for (const event of ['insert', 'update', 'delete'])
    lock.exec(
      `create trigger if not exists kv_gone_${event} before ${event} on ${lock.layout.table} begin ${told}; end`,
    )
  lock.exec('commit')
}

/** A connection that has the write lock of the store; none where there is no store, or one that is damaged. */
async function locked(file: StoreFile, signal: AbortSignal | undefined): Promise<Connection | undefined> {
  for (const began = monotonicMs(); ;) {
    const waited = monotonicMs() - began
    let connection: Connection | undefined
    try {
      if (!existsSync(file.path)) return undefined
      connection = file.anotherForWriting()
      // So that nothing is left beside the file, as long as nobody reads it.
      connection.checkpoint()
      connection.exec('begin immediate')
      if (!connection.isReplaced) return connection
      connection.close()
    } catch (error) {
      connection?.close()
      if (!isPassing(error)) {
        if (isDamage(file.translateError(error))) return undefined
        throw error
      }
      if (waited >= file.options.lockTimeoutMs) throw error
    }
    if (signal?.aborted) throw interrupted(signal)
    await pause(retryDelay(waited))
  }
}

/** Whether the file cannot be used as it is, so that nobody is to be waited for. */
function isDamage(error: KvError): boolean {
  return error.code === 'KV_CORRUPT' && !(error instanceof LogHeldOpen)
}

/**
 * The file is replaced first, by one that no log fits but its own: what a crash leaves is the old store, or the new one,
 * perhaps beside a log that is known to be another's. The old one gets its own name last, since writes to a file with
 * two names are refused.
 */
function exchange(temporary: string, path: string, keep: boolean, log: string | undefined): string | undefined {
  const before = statSync(path, { throwIfNoEntry: false })
  const isKept = keep && (before !== undefined || LOGS.some((suffix) => sizeOf(path + suffix) > 0))
  const kept = isKept ? freeName(`${path}.before-restore`) : undefined
  if (before === undefined) {
    moveLogs(path, kept)
    if (!placeFile(temporary, path)) throw usageError(`${path} has been made meanwhile`, 'run it again to replace it')
    return kept
  }
  chmodSync(temporary, before.mode & PERMISSIONS)
  if (process.geteuid?.() === 0) chownSync(temporary, before.uid, before.gid)
  const old = join(dirname(path), temporaryName())
  if (kept !== undefined) secondName(path, old)
  whileReplacing(path, () => {
    replaceFile(temporary, path)
    // Its log is still there, as `leave` needs the lock to remove it; unless an older kv did, and others began the next.
    if (log === undefined || fileId(`${path}-wal`) === log) moveLogs(path, kept)
  })
  if (kept !== undefined) renameSync(old, kept)
  return kept
}

/** Gives a file another name; where there are no links it loses the first, for a moment. */
function secondName(path: string, other: string): void {
  try {
    linkSync(path, other)
  } catch {
    renameSync(path, other)
  }
}

/** Takes away what stands beside a store that is no longer there: to where the store is kept, if it is. */
function moveLogs(path: string, kept: string | undefined): void {
  for (const suffix of LOGS) {
    if (kept !== undefined && sizeOf(path + suffix) > 0) renameSync(path + suffix, kept + suffix)
    else rmSync(path + suffix, { force: true })
  }
  rmSync(`${path}-shm`, { force: true })
}

/** A name that no file has, nor a log beside it. */
function freeName(name: string): string {
  const isFree = (of: string): boolean => ['', ...LOGS].every((suffix) => !existsSync(of + suffix))
  for (let n = 1; ; n++) {
    const numbered = n === 1 ? name : `${name}-${n}`
    if (isFree(numbered)) return numbered
  }
}
