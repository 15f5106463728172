/** Whether the log beside a store is that store's, and whole: told before SQLite plays it into the file. */
import { type Stats, existsSync, fstatSync, readSync } from 'node:fs'
import { KvError } from '../../../errors.ts'
import { moveAway } from '../../../shell-quote.ts'
import { type FileUsers, usersOf } from '../locks/file-locks.ts'
import { type LogContents, isLogHeader, isWholeHeader, readLog, readLogHeader } from '../format/log-file.ts'
import { refuseOverwritten } from './overwritten.ts'
import { LAYOUTS, changeCounterOf, layoutOf, pageCountOf, pageSizeFrom, pageSizeOf } from '../format/header.ts'
import { sizeOf, withFile } from '../format/read-file.ts'
import { type CommitRow, isProven, readStoreRow } from '../format/store-page.ts'

/** How often a log is looked at again that others began anew meanwhile. */
const ATTEMPTS = 20

/** A process still has a log open with the file that was there before. Another kv closes it within two seconds. */
export class LogHeldOpen extends KvError {}

/** A store's file, open for reading. */
export interface OpenFile {
  readonly path: string
  readonly fd: number
  readonly stat: Stats
  /** Its first 100 bytes. */
  readonly header: Buffer
}

/** A log that may be played; nothing to play; or both files are open in processes, which have verified them. */
export type VerifiedLog = Pick<LogContents, 'databasePages' | 'pages'> | 'none' | 'in use'

/** Reads the log beside a store. Throws `KV_CORRUPT` if it is foreign or damaged, or {@link LogHeldOpen}. */
export function verifyLog(file: OpenFile): VerifiedLog {
  const users = existsSync(`${file.path}-shm`) ? usersOf(file.path, file.stat) : undefined
  const [holder] = users?.both.length === 0 ? users.logOnly : []
  if (holder !== undefined) throw logHeldOpen(file.path, holder)
  const found = checkLog(file, users)
  if (found instanceof KvError) throw found
  if (found === 'in use') refuseOverwritten(file.path, file.fd)
  return found
}

/** The log that is there, or what is wrong with it. */
function checkLog(file: OpenFile, users: FileUsers | undefined): LogContents | KvError | 'none' | 'in use' {
  return withFile(`${file.path}-wal`, (fd) => {
    // One that this process may not read SQLite may not read either.
    if (fd === undefined) return 'none'
    const stat = fstatSync(fd)
    if (!stat.isFile() || stat.size === 0) return 'none'
    if (users !== undefined && users.both.length > 0) return 'in use'
    for (let n = 0; n < ATTEMPTS; n++) {
      const header = readLogHeader(fd)
      const found = checkContents(file, fd, header)
      // A log that is begun anew gets another header first.
      if (header === undefined || (readLogHeader(fd)?.equals(header) && fstatSync(fd).nlink > 0)) return found
    }
    return 'in use'
  })
}

function checkContents(
  { path, fd: fileFd, header: fileHeader }: OpenFile,
  fd: number,
  header: Buffer | undefined,
): LogContents | KvError | 'none' {
  // SQLite writes the header, and waits for the disk, before it writes the first frame.
  if (header === undefined) return 'none'
  if (!isWholeHeader(header)) {
    if (isBlank(fd, header)) return 'none'
    return isLogHeader(header) ? damagedLog(path, 'its header is not whole') : notALog(path)
  }
  const pageSize = pageSizeOf(fileHeader)
  if (pageSizeFrom(header.readUInt32BE(8)) !== pageSize) return foreignLog(path, 'it has pages of another size')
  const { firstPage, row } = readStoreRow(fileFd, pageSize)
  const log = readLog(fd, header, firstPage, fileFd)
  const goesOn =
    isContinuation(row, log.rows) &&
    fitsLayout(firstPage, row, log) &&
    (isProven(row, log.rows) || fitsCounter(changeCounterOf(fileHeader), log.counters))
  if (!goesOn) return foreignLog(path, 'it goes on from another state')
  if (log.isDamaged) return damagedLog(path, 'commits lie behind a frame that is not whole')
  return log.databasePages === 0 ? 'none' : log
}

/** Whether a log without a header holds nothing else either, as a power loss may leave it. */
function isBlank(fd: number, header: Buffer): boolean {
  const { size } = fstatSync(fd)
  if (isLogHeader(header)) return size <= header.length
  const bytes = Buffer.alloc(Math.min(size, 1 << 20))
  readSync(fd, bytes, 0, bytes.length, 0)
  return bytes.every((byte) => byte === 0)
}

/**
 * Whether the commits of a log go on from the state of the file: from its last one, or, when some of the log has
 * been moved into the file, they have it among them. What cannot be told is taken for one.
 */
function isContinuation(file: CommitRow | undefined, log: readonly CommitRow[]): boolean {
  const [first] = log
  if (file === undefined || first === undefined || isProven(file, log)) return true
  if (file.mark !== undefined) {
    // Marks are never taken away. A row that was lost and made again does not tell what was before.
    if (first.mark === undefined) return false
    return first.markBefore === undefined && first.revision >= file.revision
  }
  // Without marks: revisions grow.
  return (
    first.markBefore === undefined &&
    (first.revision >= file.revision || log.some(({ revision }) => revision === file.revision))
  )
}

/**
 * Whether pages lie in the file where the log takes them to be: a copy made by `vacuum` is of the same commit, but not
 * laid out alike. When the newest page 1 was moved into the file, it is the log's own.
 */
function fitsLayout(
  firstPage: Buffer,
  file: CommitRow | undefined,
  { hasFirstPage, isElsewhere, first, rows }: LogContents,
): boolean {
  if (hasFirstPage || first === undefined) return true
  if (isElsewhere) return false
  const pages = pageCountOf(firstPage)
  if (pages !== undefined && first.databasePages !== undefined && first.databasePages !== pages) return false
  // Without marks in the file, the first commit may be the one that added them; an older kv leaves the last mark as
  // it is.
  const mark = file?.mark
  if (mark === undefined) return true
  const layout = layoutOf(firstPage)
  const changes = rows.map((row) =>
    row.layout === undefined || row.mark === mark ? undefined : (row.layout - layout + LAYOUTS) % LAYOUTS,
  )
  if (first.hasRow && changes[0] !== undefined) return changes[0] === 0
  return changes.every((change) => change === undefined || change < LAYOUTS / 2)
}

/** The change counter of page 1 grows by one at most with each commit that writes the page. */
function fitsCounter(file: number, log: readonly number[]): boolean {
  const [first] = log
  return first === undefined || (file >= first - 1 && file <= Math.max(...log))
}

function foreignLog(path: string, why: string): KvError {
  return new KvError('KV_CORRUPT', `${path}-wal is the log of another file than ${path}: ${why}`, {
    hint: `if ${path} was put in its place, move the log away: ${moveAway(`${path}-wal`)}`,
  })
}

function damagedLog(path: string, why: string): KvError {
  return new KvError('KV_CORRUPT', `${path}-wal is damaged: ${why}`, {
    hint: `put both files back from a copy; or give up what the log holds and go on with the file as it was before: ${moveAway(`${path}-wal`)}`,
  })
}

function notALog(path: string): KvError {
  return new KvError('KV_CORRUPT', `${path}-wal is not the log of a store`, {
    hint: `SQLite would write over it; move it away: ${moveAway(`${path}-wal`)}`,
  })
}

function logHeldOpen(path: string, pid: string): KvError {
  const error = pid === String(process.pid) ? KvError : LogHeldOpen
  return new error(
    'KV_CORRUPT',
    `${path}-wal is the log of another file than ${path}: process ${pid} has it open with the file that was there before`,
    { hint: 'end that process, then run this again' },
  )
}

/** Throws `KV_CORRUPT` when a store is gone but its log holds writes: SQLite would play it into the next store. */
export function refuseLostLog(path: string): void {
  for (const suffix of ['-wal', '-journal']) {
    if (sizeOf(path + suffix) === 0) continue
    throw new KvError('KV_CORRUPT', `${path} is gone but its ${suffix} file is still there`, {
      hint: `put the store back; or begin an empty one: ${moveAway(path + suffix)}`,
    })
  }
}
