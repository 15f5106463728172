import {
  closeSync,
  existsSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  rmSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { KvError } from '../../../errors.ts'
import { sqliteEngine } from '../engine/engine.ts'
import { verifyJournal } from '../identity/journal-owner.ts'
import { type VerifiedLog, verifyLog } from '../identity/log-owner.ts'
import { refuseLostLog } from '../identity/lost-log.ts'
import { closeWhenFree, openBeside } from '../locks/posix-locks.ts'
import { placeFile } from './place-file.ts'
import { SCHEMA } from './schema.ts'
import { refuseHiddenLog } from '../identity/second-names.ts'
import { pageSizeFrom } from '../format/store-page.ts'
import { isAbandoned, temporaryName } from '../format/temporary-names.ts'

/**
 * The file: an ordinary SQLite database with these marks in its header and the tables of
 * ./schema.ts. DESIGN.md ("The file") describes it for other tools.
 */
const APPLICATION_ID = 0x6b_76_66_31 // "kvf1"

/** Version of the tables, in `user_version`. A kv refuses files with a higher one. */
export const FORMAT_VERSION = 1

/** Bytes of a page. Chosen by measurement; see DESIGN.md. */
const PAGE_SIZE = 8192

/** Bytes of the SQLite file header (https://www.sqlite.org/fileformat2.html, section 1.3). */
const HEADER_BYTES = 100
const MAGIC = 'SQLite format 3\0'

/**
 * Looks at the file without opening it as a database: nothing is written, locked or created.
 * Returns false when there is no file. Throws `KV_FOREIGN` for a file that is not a kv store,
 * `KV_NEWER_FORMAT` for a later format, `KV_CORRUPT` for one that is cut off, or whose log is not its own, is
 * damaged, or is all that is left; `KV_UNAVAILABLE` for one whose newest writes are beside another name of it.
 */
export function inspect(path: string): boolean {
  let fd: number
  try {
    fd = openBeside(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    refuseLostLog(path)
    return false
  }
  try {
    const stat = fstatSync(fd)
    if (!stat.isFile()) throw foreign(path, stat.isDirectory() ? 'it is a folder' : 'it is not a regular file')
    if (stat.size === 0) {
      throw new KvError('KV_CORRUPT', `${path} is empty, which a kv store never is`, {
        hint: 'if nothing of value is lost, remove the file and run the command again',
      })
    }
    const header = Buffer.alloc(HEADER_BYTES)
    const read = readSync(fd, header, 0, HEADER_BYTES, 0)
    if (header.every((byte) => byte === 0)) throw new KvError('KV_CORRUPT', `${path} is damaged: it begins with zeros`)
    if (read < HEADER_BYTES || header.toString('latin1', 0, 16) !== MAGIC) throw foreign(path, 'it is no SQLite file')
    if (header.readUInt32BE(68) !== APPLICATION_ID) throw foreign(path, 'it is a SQLite file of another program')
    const version = header.readUInt32BE(60)
    if (version > FORMAT_VERSION) {
      throw new KvError(
        'KV_NEWER_FORMAT',
        `${path} has format ${version}; this kv knows formats up to ${FORMAT_VERSION}`,
        {
          hint: 'update kv: npm install -g kvfile@latest',
        },
      )
    }
    refuseHiddenLog(path, stat)
    const file = { path, fd, stat, header }
    verifyJournal(file)
    const log = verifyLog(file)
    checkLength(path, header, fstatSync(fd).size, log)
    return true
  } finally {
    closeWhenFree(fd)
  }
}

function foreign(path: string, why: string): KvError {
  return new KvError('KV_FOREIGN', `${path} is not a kv store: ${why}`, {
    hint: 'nothing was written; give another path with --store',
  })
}

/**
 * A file that is shorter than it should be was cut off: by its header, or, where there is a log, by the pages that
 * the log does not hold. Offsets: page size 16, change counter 24, page count 28, version valid for 92.
 */
function checkLength(path: string, header: Buffer, size: number, log: VerifiedLog): void {
  if (log === 'in use') return
  const pageSize = pageSizeFrom(header.readUInt16BE(16))
  let pages = header.readUInt32BE(24) === header.readUInt32BE(92) ? header.readUInt32BE(28) : 0
  if (log !== 'none') for (pages = log.databasePages; log.pages.has(pages);) pages--
  if (size < pages * pageSize) {
    throw new KvError('KV_CORRUPT', `${path} is damaged: cut off at ${size} of ${pages * pageSize} bytes`)
  }
}

/**
 * Makes an empty store at `path`, whole or not at all: under a temporary name first, on disk with
 * its marks, then put into place. When another process was quicker, its store stays and this
 * one goes. Throws what the file system or engine throws, and `KV_CORRUPT` when the log of a lost
 * store stands in the way (SQLite would play it into the new one).
 */
export function create(path: string, options: { makeFolder: boolean }): void {
  const folder = dirname(path)
  if (options.makeFolder) mkdirSync(folder, { recursive: true, mode: 0o700 })
  if (!existsSync(path)) refuseLostLog(path)
  removeAbandoned(folder)
  const temporary = join(folder, temporaryName())
  try {
    closeSync(openSync(temporary, 'wx', 0o600))
    const connection = new (sqliteEngine().DatabaseSync)(temporary)
    try {
      connection.exec(`pragma page_size = ${PAGE_SIZE}; pragma synchronous = full; pragma journal_mode = off;
        begin; pragma application_id = ${APPLICATION_ID}; pragma user_version = ${FORMAT_VERSION}; ${SCHEMA} commit;
        pragma journal_mode = wal;`)
    } finally {
      connection.close()
    }
    placeFile(temporary, path)
  } finally {
    for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(temporary + suffix, { force: true })
  }
}

/** A store is made in milliseconds: one so old, in milliseconds, was left by a process that was killed. */
const ABANDONED_MS = 3_600_000

/** Removes what killed creations left in a folder; a clean-up, so what cannot be done is left. */
function removeAbandoned(folder: string): void {
  try {
    for (const file of readdirSync(folder)) {
      if (!isAbandoned(file)) continue
      const path = join(folder, file)
      const stat = lstatSync(path)
      if (stat.isFile() && Date.now() - stat.mtimeMs > ABANDONED_MS) rmSync(path, { force: true })
    }
  } catch {
    // A folder that may be written but not listed, or another process that was quicker.
  }
}

/**
 * The path that links lead to, also when nothing is there yet: SQLite keeps its log beside the
 * real file, and so must whoever looks for it.
 */
export function withoutLinks(path: string): string {
  let real = path
  // A loop of links ends with what the file system says when it is opened.
  for (let links = 0; links < 40; links++) {
    try {
      const found = realpathSync(real)
      // A folder whose name is not UTF-8 has no path of text but the one that led here.
      return found.includes('\ufffd') && !existsSync(found) ? real : found
    } catch {
      try {
        real = resolve(dirname(real), readlinkSync(real))
      } catch {
        return real
      }
    }
  }
  return real
}
