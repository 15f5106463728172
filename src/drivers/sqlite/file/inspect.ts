import { existsSync, fstatSync, readSync, readlinkSync, realpathSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { KvError } from '../../../errors.ts'
import { damageHint } from '../../../shell-quote.ts'
import {
  APPLICATION_ID,
  NEWEST_FORMAT,
  HEADER_BYTES,
  applicationIdOf,
  formatVersionOf,
  isSqliteHeader,
  pageCountOf,
  pageSizeOf,
} from '../format/header.ts'
import { ChangedWhileRead } from '../identity/file-state.ts'
import { verifyJournal } from '../identity/journal-owner.ts'
import { type VerifiedLog, refuseLostLog, verifyLog } from '../identity/log-owner.ts'
import { refuseHiddenLog } from '../identity/second-names.ts'
import { isBeingReplaced } from './place-file.ts'
import { closeWhenFree, fileId, idOf, openBeside } from '../locks/posix-locks.ts'

/**
 * Looks at the file without opening it as a database: nothing is written, locked or created. Returns false when there
 * is none. Throws `KV_FOREIGN` for a file that is no kv store, `KV_NEWER_FORMAT` for a later format, `KV_CORRUPT` for
 * one that is cut off, or whose log is foreign, damaged, or all that is left; `KV_UNAVAILABLE` for one whose newest
 * writes are beside another name of it; and {@link ChangedWhileRead} while another file is put in its place.
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
    // The log beside it may be that of the file before.
    if (isBeingReplaced(path)) throw new ChangedWhileRead()
    if (!stat.isFile()) throw foreign(path, stat.isDirectory() ? 'it is a folder' : 'it is not a regular file')
    if (stat.size === 0) {
      throw new KvError('KV_CORRUPT', `${path} is empty, which a kv store never is`, {
        hint: 'if nothing of value is lost, remove the file and run the command again',
      })
    }
    const header = Buffer.alloc(HEADER_BYTES)
    const read = readSync(fd, header, 0, HEADER_BYTES, 0)
    if (header.every((byte) => byte === 0)) throw damaged(path, 'it begins with zeros')
    if (read < HEADER_BYTES || !isSqliteHeader(header)) throw foreign(path, 'it is no SQLite file')
    if (applicationIdOf(header) !== APPLICATION_ID) throw foreign(path, 'it is a SQLite file of another program')
    const version = formatVersionOf(header)
    if (version > NEWEST_FORMAT) {
      const message = `${path} has format ${version}; this kv knows formats up to ${NEWEST_FORMAT}`
      throw new KvError('KV_NEWER_FORMAT', message, { hint: 'update kv: npm install -g kvfile@latest' })
    }
    refuseHiddenLog(path, stat)
    const file = { path, fd, stat, header }
    verifyJournal(file)
    const log = verifyLog(file)
    checkLength(path, header, fstatSync(fd).size, log)
    return true
  } catch (error) {
    // Nothing that is said of a file and the log of the next one is true.
    throw fileId(path) === idOf(fstatSync(fd)) ? error : new ChangedWhileRead()
  } finally {
    closeWhenFree(fd)
  }
}

function foreign(path: string, why: string): KvError {
  return new KvError('KV_FOREIGN', `${path} is not a kv store: ${why}`, {
    hint: 'nothing was written; give another path with --store',
  })
}

function damaged(path: string, how: string): KvError {
  return new KvError('KV_CORRUPT', `${path} is damaged: ${how}`, { hint: damageHint(path) })
}

/** Throws `KV_CORRUPT` for a file shorter than its header says, or, with a log, than the pages outside of the log. */
function checkLength(path: string, header: Buffer, size: number, log: VerifiedLog): void {
  if (log === 'in use') return
  const pageSize = pageSizeOf(header)
  let pages = pageCountOf(header) ?? 0
  if (log !== 'none') for (pages = log.databasePages; log.pages.has(pages);) pages--
  if (size < pages * pageSize) {
    throw damaged(path, `cut off at ${size} of ${pages * pageSize} bytes`)
  }
}

/** The path that links lead to, even if nothing is there yet: SQLite keeps its log beside the real file. */
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
