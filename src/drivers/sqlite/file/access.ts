import { accessSync, constants, existsSync, readSync, rmSync, statSync } from 'node:fs'
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
  /** The files as they were, where they are read without locks: a read is valid only if they are intact afterwards. */
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
  const access = (mode: string, unlocked?: FileState, first = ''): Access => {
    const url = pathToFileURL(path)
    url.search = mode
    return { url, readOnly: mode !== WRITABLE, first, unlocked }
  }
  if (mayWrite(path)) return access(WRITABLE)
  if (existsSync(`${path}-wal`) && may(`${path}-shm`, constants.R_OK)) return access('mode=ro&readonly_shm=1')
  const state = new FileState(path)
  if (state.hasLog) return access('mode=ro&vfs=unix-none', state, 'pragma locking_mode = exclusive;')
  return access(keepsJournal(path) ? 'mode=ro' : 'immutable=1', state)
}

/**
 * Pages of the log after which a commit moves it into the file. Four times the default, since the page of kv_store alone
 * is in every commit; as many as one table of the log's index holds, so that looking a page up takes no longer.
 */
const LOG_PAGES = 4000

/** Without it SQLite would make an empty file in place of one that has just gone. */
const WRITABLE = 'mode=rw'

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
  const database = new DatabaseSync(access.url, { readOnly: access.readOnly })
  try {
    // No busy timeout in the engine: it would hold the event loop. Reads retry here, writes in the writer. The pragmas
    // read the schema, which opens the log, and so may meet another process that recovers or removes it.
    database.exec(
      `${access.first} pragma busy_timeout = 0; pragma synchronous = ${sync ? 'full' : 'normal'};
      pragma cache_size = -${cacheKib}; pragma wal_autocheckpoint = ${LOG_PAGES}; select 1 from sqlite_schema`,
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

/** Whether this process may change a store: write the file, and make or write those beside it. */
function mayWrite(path: string): boolean {
  const writable = (file: string): boolean => may(file, constants.W_OK)
  return writable(path) && (writable(dirname(path)) || (writable(`${path}-wal`) && writable(`${path}-shm`)))
}

/** Throws what the system says of the folder in which a store would be made, or with `write` false only looked for. */
export function checkFolder(path: string, write: boolean): void {
  // A file in its place is no folder.
  accessSync(`${dirname(path)}/.`, write ? constants.W_OK | constants.X_OK : constants.F_OK)
}

/**
 * Removes an empty log that SQLite has made for this process because the one before went in between: others could not
 * write it. One with an index is in use.
 */
function removeStrayLog(path: string, access: Access): void {
  const log = `${path}-wal`
  if (!access.readOnly || existsSync(`${path}-shm`)) return
  const stat = statSync(log, { throwIfNoEntry: false })
  if (stat?.size === 0 && stat.uid === process.geteuid?.()) rmSync(log, { force: true })
}

/** Whether this process has a right (`R_OK`, `W_OK`, `X_OK`) on a file or folder. */
export function may(path: string, right: number): boolean {
  return refusalOf(path, right) === undefined
}

/** The code with which the system refuses a right on a file or folder. */
export function refusalOf(path: string, right: number): string | undefined {
  try {
    accessSync(path, right)
    return undefined
  } catch (error) {
    return (error as NodeJS.ErrnoException).code
  }
}

/** Whether a file is not in WAL mode: its read version is 1 (https://www.sqlite.org/fileformat2.html, 1.3.3). */
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
