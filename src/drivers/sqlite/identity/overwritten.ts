/**
 * A store was written over where it lies, as `cp backup.kv store.kv` does, while processes have it open.
 * SQLite does not notice: it would go on from what it remembers, and move its log into the file that was put there.
 */
import { type Stats, fstatSync, readSync, statSync } from 'node:fs'
import { holdThread } from '../../../async.ts'
import { KvError } from '../../../errors.ts'
import { moveAway } from '../../../shell-quote.ts'
import { HEADER_BYTES, isSqliteHeader, pageSizeOf } from '../format/header.ts'
import { type LogContents, IS_BIG_ENDIAN, isWholeHeader, readLog, readLogHeader } from '../format/log-file.ts'
import { withFile } from '../format/read-file.ts'
import { isProven, readStoreRow } from '../format/store-page.ts'
import { closeWhenFree, fileId, mayBeOpen, openBeside } from '../locks/posix-locks.ts'

/** How often a file that does not fit its log is compared again before that is believed, and how long it waits. */
const ATTEMPTS = 3
const ATTEMPT_MS = 20

/** A time of change as young as this, in milliseconds, may be that of the next change too. */
const CLOCK_MS = 20

/** Bytes of a log that is longer than is worth reading each time. */
const LONG_LOG = 1 << 26

/** Bytes of the index of a log up to the number of frames moved. */
const INDEX_BYTES = 100

/** The log's header and the mark in the file, when the two fitted. */
interface Fit {
  readonly header: Buffer | undefined
  readonly mark: bigint | undefined
}

/** What is known from before. */
interface Known {
  /** How file and log fitted the last time. */
  readonly fit?: Fit | undefined
  /** Gives the mark of the newest commit, as a connection outside of a transaction has it. */
  readonly newestMark?: (() => bigint | undefined) | undefined
  /** Whether the connection made that commit just now, and so does not have it from the file. */
  readonly isOwn?: boolean
}

/** Throws `KV_CORRUPT` for a store in use that was written over. `fd` is the file, open for reading. */
export function refuseOverwritten(path: string, fd: number): void {
  if (compare(path, fd, {}) === 'overwritten') throw overwritten(path)
}

/** What whoever uses such a file is told. */
export function overwritten(path: string): KvError {
  return new KvError('KV_CORRUPT', `${path} was overwritten while it was in use; its log may hold newer writes`, {
    hint: `end all that use it; then, to go on with the file as it is now: ${moveAway(`${path}-wal`)}`,
  })
}

/** Detects that a file was written over which this process has open. One for each file. */
export class OverwriteDetector {
  readonly #path: string
  /** The file, and its times when it was last compared. */
  #stat: Stats | undefined
  #wasSettled = false
  #fit: Fit | undefined
  #isOverwritten = false

  constructor(path: string) {
    this.#path = path
    // Whoever opens it has looked at its log.
    const stat = statSync(path, { throwIfNoEntry: false })
    this.#stat = stat
    this.#wasSettled = stat !== undefined && isSettled(stat)
  }

  /** Whether the file was written over. Costs one `stat`, unless that is given, as long as its times stay. */
  isOverwritten(
    newestMark?: Known['newestMark'],
    isOwn = false,
    stat: Stats | undefined = statSync(this.#path, { throwIfNoEntry: false }),
  ): boolean {
    if (this.#isOverwritten) return true
    const before = this.#stat
    if (stat === undefined || before === undefined || stat.ino !== before.ino || stat.dev !== before.dev) return false
    const settled = isSettled(stat)
    // What has changed just now is compared once more, when it can no longer change unseen.
    if (isUnchanged(stat, before) && (this.#wasSettled || !settled)) return false
    let fd: number
    try {
      fd = openBeside(this.#path)
    } catch {
      return false
    }
    try {
      const found = compare(this.#path, fd, { fit: this.#fit, newestMark, isOwn })
      this.#isOverwritten = found === 'overwritten'
      if (typeof found !== 'string') {
        this.#fit = found
        this.#stat = stat
        this.#wasSettled = settled
      }
    } catch {
      // Compared again the next time.
    } finally {
      closeWhenFree(fd)
    }
    return this.#isOverwritten
  }
}

function isUnchanged(a: Stats, b: Stats): boolean {
  return a.mtimeMs === b.mtimeMs && a.ctimeMs === b.ctimeMs && a.size === b.size
}

/** Whether a file will have another time when it is changed again. */
function isSettled({ ctimeMs }: Stats): boolean {
  return Math.abs(Date.now() - ctimeMs) > CLOCK_MS
}

function compare(path: string, fd: number, known: Known): Fit | 'overwritten' | 'unknown' {
  const before = fstatSync(fd)
  for (let attempt = 1; ; attempt++) {
    const found = compareOnce(path, fd, known)
    if (found !== 'overwritten') return found
    // Somebody may be in the middle of moving a log into it.
    if (!isUnchanged(fstatSync(fd), before)) return 'unknown'
    if (attempt === ATTEMPTS) return found
    holdThread(ATTEMPT_MS)
  }
}

/** Compares the mark in the file with the log. What cannot be told is taken for a fit. */
function compareOnce(path: string, fd: number, known: Known): Fit | 'overwritten' | 'unknown' {
  const start = Buffer.alloc(HEADER_BYTES)
  if (readSync(fd, start, 0, HEADER_BYTES, 0) < HEADER_BYTES || !isSqliteHeader(start)) return 'overwritten'
  const pageSize = pageSizeOf(start)
  if (pageSize < 512) return 'unknown'
  const moved = known.fit === undefined ? framesMoved(path) : undefined
  const { firstPage, row } = readStoreRow(fd, pageSize)
  const mark = row?.mark
  if (mark === undefined) return { header: undefined, mark }
  return withFile(`${path}-wal`, (log) => {
    const header = log === undefined ? undefined : readLogHeader(log)
    const fit: Fit = { header, mark }
    if (known.isOwn && known.newestMark?.() === mark) return fit
    // The same log can only have grown.
    const { fit: before } = known
    if (before?.mark === mark && header !== undefined && before.header?.equals(header) === true) return fit
    let contents: Pick<LogContents, 'rows' | 'rowFrames'> = { rows: [], rowFrames: [] }
    if (log !== undefined && header !== undefined && isWholeHeader(header)) {
      if (fstatSync(log).size > LONG_LOG) return fit
      // A log that begins behind the commit which the file had the last time, and has now, needs no further look.
      const goesOn = ({ rows: [first] }: LogContents): boolean =>
        first?.markBefore === mark && before?.mark === mark && first.mark !== undefined
      const whole = readLog(log, header, firstPage, fd, goesOn)
      if (readLogHeader(log)?.equals(header) !== true) return 'unknown'
      if (goesOn(whole)) return fit
      // Nothing of the file is needed then.
      if (whole.databasePages > 0 && whole.pages.size >= whole.databasePages) return fit
      contents = whole
    }
    const { rows, rowFrames } = contents
    const [first] = rows
    if (first === undefined) {
      // No commit but that in the file: one that is remembered, and is another, was there before.
      const remembered = known.newestMark?.()
      return remembered !== undefined && remembered !== mark ? 'overwritten' : fit
    }
    if (first.mark === undefined || first.markBefore === undefined) return fit
    if (!isProven(row, rows)) return 'overwritten'
    const place = (of: bigint): number => rows.findLastIndex((one) => one.mark === of)
    // Once all of a log is moved, the file has its last commit. Before that it may have any: SQLite does not move a page
    // that a later commit has changed, which a reader of an earlier moment keeps in the log.
    if (moved !== undefined && header !== undefined && moved.salt.equals(header.subarray(16, 24))) {
      const isMoved = rowFrames.at(-1)! <= moved.frames
      if (isMoved && place(mark) < rows.length - 1) return 'overwritten'
    }
    const isSameLog = before?.mark !== undefined && header !== undefined && before.header?.equals(header) === true
    return isSameLog && place(mark) < place(before.mark!) ? 'overwritten' : fit
  })
}

/**
 * How many frames of the log with this salt are in the file, by its index (https://www.sqlite.org/walformat.html,
 * section 2). Unknown where this process has the file open: reading would drop its locks.
 */
function framesMoved(path: string): { salt: Buffer; frames: number } | undefined {
  const id = fileId(path)
  if (id === undefined || mayBeOpen(id)) return undefined
  return withFile(`${path}-shm`, (fd) => {
    const index = Buffer.alloc(INDEX_BYTES)
    if (fd === undefined || readSync(fd, index, 0, INDEX_BYTES, 0) < INDEX_BYTES) return undefined
    const frames = IS_BIG_ENDIAN ? index.readUInt32BE(96) : index.readUInt32LE(96)
    return { salt: index.subarray(32, 40), frames }
  })
}

/** One for each file that this process has open. */
const detectors = new Map<string, OverwriteDetector>()

/** The detector of a file that is told by its id, as `fileId` tells it, and has this path. */
export function detectorOf(file: string, path: string): OverwriteDetector {
  let detector = detectors.get(file)
  if (detector === undefined) detectors.set(file, (detector = new OverwriteDetector(path)))
  return detector
}

/** Once no connection of this process has that file. */
export function forgetDetector(file: string): void {
  detectors.delete(file)
}
