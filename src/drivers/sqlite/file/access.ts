import { accessSync, constants, readSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type DatabaseSync, sqliteEngine } from '../engine/engine.ts'
import { ChangedWhileRead, FileState } from '../identity/file-state.ts'
import { closeWhenFree, openBeside } from '../locks/posix-locks.ts'

/** How this process opens a file. */
export interface Access {
  /** What SQLite is given as its name. */
  readonly url: URL
  readonly readOnly: boolean
  /** What is run first on the connection. */
  readonly first: string
  /**
   * What the files look like, where they are read without locks: what was read is worth something only if they are
   * intact afterwards, and a new connection is needed to see what was written since.
   */
  readonly unlocked: FileState | undefined
}

/**
 * How a file that is there is to be opened. Whoever may write both it and its folder shares the log and the lock
 * files with everybody. Whoever may not must leave none of them behind, since they would keep the owner out:
 *
 * - with a log and its index there: as they are, with the locks of a reader, and nothing is made;
 * - with a log only (a copy on a medium for reading): an index of its own, in memory, without locks;
 * - without a log: the file alone (`immutable=1`), without locks;
 * - a file that keeps a rollback journal (made by another tool): as it is.
 */
export function accessTo(path: string): Access {
  const url = pathToFileURL(path)
  if (mayWrite(path)) {
    // SQLite would make an empty one in place of one that has just gone.
    url.search = 'mode=rw'
    return { url, readOnly: false, first: '', unlocked: undefined }
  }
  const isShared = isThere(`${path}-wal`) && may(`${path}-shm`, constants.R_OK)
  if (isShared) {
    url.search = 'mode=ro&readonly_shm=1'
    return { url, readOnly: true, first: '', unlocked: undefined }
  }
  const unlocked = new FileState(path)
  let first = ''
  if (unlocked.hasLog) {
    url.search = 'mode=ro&vfs=unix-none'
    first = 'pragma locking_mode = exclusive;'
  } else {
    url.search = keepsJournal(path) ? 'mode=ro' : 'immutable=1'
  }
  return { url, readOnly: true, first, unlocked }
}

/**
 * Opens a file that is there. Throws what the engine throws, and {@link ChangedWhileRead} when somebody is just
 * opening or closing it.
 */
export function openDatabase(
  path: string,
  sync: boolean,
  cacheKib: number,
): { database: DatabaseSync; access: Access } {
  const access = accessTo(path)
  const { DatabaseSync } = sqliteEngine()
  const database = access.readOnly ? new DatabaseSync(access.url, { readOnly: true }) : new DatabaseSync(access.url)
  try {
    // No busy timeout in the engine: it would hold the event loop. Reads retry here, writes in the writer. The pragmas
    // read the schema, which opens the log, and so may meet another process that recovers or removes it.
    database.exec(
      `${access.first} pragma busy_timeout = 0; pragma synchronous = ${sync ? 'full' : 'normal'};
      pragma cache_size = -${cacheKib}; select 1 from sqlite_schema`,
    )
    if (access.unlocked?.isIntact === false) throw new ChangedWhileRead()
    return { database, access }
  } catch (error) {
    database.close()
    removeStrayLog(path, access)
    // The log has come or gone since it was looked for.
    if (access.readOnly && accessTo(path).url.search !== access.url.search) throw new ChangedWhileRead()
    throw error
  }
}

/**
 * Whether this process may change a store: write the file, and make the files beside it or write those that are
 * there.
 */
function mayWrite(path: string): boolean {
  if (!may(path, constants.W_OK)) return false
  return (
    may(dirname(path), constants.W_OK) || (may(`${path}-wal`, constants.W_OK) && may(`${path}-shm`, constants.W_OK))
  )
}

/** Throws what the system says of the folder in which a store would be made, or with `write` false only looked for. */
export function checkFolder(path: string, write: boolean): void {
  // A file in its place is no folder.
  accessSync(`${dirname(path)}/.`, write ? constants.W_OK | constants.X_OK : constants.F_OK)
}

/**
 * When the log went between two looks, SQLite has made a new one, which belongs to this process: a file in the way of
 * whoever may write the store. Takes it away. The index beside it would show that somebody uses it.
 */
function removeStrayLog(path: string, access: Access): void {
  const log = `${path}-wal`
  if (!access.readOnly || isThere(`${path}-shm`)) return
  const stat = statSync(log, { throwIfNoEntry: false })
  if (stat?.size === 0 && stat.uid === process.geteuid?.()) rmSync(log, { force: true })
}

function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined
}

/** Whether this process has a right (`R_OK`, `W_OK`, `X_OK`) on a file or folder. */
export function may(path: string, right: number): boolean {
  try {
    accessSync(path, right)
    return true
  } catch {
    return false
  }
}

/**
 * Whether a file is not in write-ahead-log mode: the version for reading is 1
 * (https://www.sqlite.org/fileformat2.html, section 1.3.3).
 */
function keepsJournal(path: string): boolean {
  const file = openBeside(path)
  try {
    const version = Buffer.alloc(1)
    readSync(file, version, 0, 1, 19)
    return version[0] === 1
  } finally {
    closeWhenFree(file)
  }
}
