/**
 * Whether a store was written over where it lies, as `cp backup.kv store.kv` does, while processes have it open.
 * SQLite does not notice: it would go on from what it remembers, and move its log into the file that was put there.
 */
import { type Stats, closeSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs'
import { endianness } from 'node:os'
import { holdThread } from '../../../async.ts'
import { KvError } from '../../../errors.ts'
import { quoteWord } from '../../../shell-quote.ts'
import { isWholeHeader, readLog, readLogHeader } from '../format/log-file.ts'
import { closeWhenFree, fileId, mayBeOpen, openBeside } from '../locks/posix-locks.ts'
import { type CommitRow, commitRow, pageAt, pageSizeFrom, storeRoot } from '../format/store-page.ts'

const MAGIC = 'SQLite format 3\0'

/** How often what does not fit is looked at before it is believed, and the milliseconds in between. */
const LOOKS = 3
const LOOK_MS = 20

/** A time of change as young as this, in milliseconds, may be that of the next change too. */
const CLOCK_MS = 20

/** Bytes of a log that is longer than is worth reading each time. */
const LONG_LOG = 1 << 26

/** Bytes of the index of a log up to the number of frames moved. */
const INDEX_BYTES = 100

/** What is known of a file and its log at a moment when they fitted. */
interface Seen {
  readonly header: Buffer | undefined
  readonly mark: bigint | undefined
}

/** Whether the commits of a log are known to go on from a commit, or to have it among them. */
export function isProven(file: CommitRow | undefined, log: readonly CommitRow[]): boolean {
  const [first] = log
  if (file?.mark === undefined || first === undefined) return false
  if (first.markBefore === file.mark || log.some(({ mark }) => mark === file.mark)) return true
  // Commits of other tools one after the other share the mark before.
  return first.isForeign && file.isForeign && file.markBefore !== undefined && first.markBefore === file.markBefore
}

/**
 * Throws `KV_CORRUPT` for a store in use that was written over. Changes nothing. `fd` is the file, open for reading.
 */
export function refuseOverwritten(path: string, fd: number): void {
  if (look(path, fd) === 'overwritten') throw overwritten(path)
}

/** What whoever uses such a file is told. */
export function overwritten(path: string): KvError {
  const log = `${path}-wal`
  return new KvError('KV_CORRUPT', `${path} was overwritten while it was in use; its log may hold newer writes`, {
    hint: `end all that use it; then, to go on with the file as it is now: mv ${quoteWord(log)} ${quoteWord(`${log}.old`)}`,
  })
}

/** Looks after a file that this process has open. */
export class PlaceWatch {
  readonly #path: string
  readonly #id: { readonly dev: number; readonly ino: number } | undefined
  #stat: string | undefined
  #wasSettled = false
  #seen: Seen | undefined
  #isOverwritten = false

  constructor(path: string) {
    this.#path = path
    // Whoever opens it has looked at its log.
    const stat = statSync(path, { throwIfNoEntry: false })
    this.#id = stat
    this.#stat = stat && timesOf(stat)
    this.#wasSettled = stat !== undefined && isSettled(stat)
  }

  /**
   * Whether the file was written over. Costs one look at its times as long as they stay.
   *
   * @param newest the mark of the newest commit as a connection outside of a transaction has it
   * @param isOwn whether the connection made that commit just now, and so does not have it from the file
   */
  isOverwritten(newest?: () => bigint | undefined, isOwn = false): boolean {
    if (this.#isOverwritten) return true
    const stat = statSync(this.#path, { throwIfNoEntry: false })
    if (stat === undefined || stat.ino !== this.#id?.ino || stat.dev !== this.#id.dev) return false
    const now = timesOf(stat)
    const settled = isSettled(stat)
    // What has changed just now is looked at once more, when it may not change unseen any more.
    if (now === this.#stat && (this.#wasSettled || !settled)) return false
    let fd: number
    try {
      fd = openBeside(this.#path)
    } catch {
      return false
    }
    try {
      const found = look(this.#path, fd, this.#seen, newest, isOwn)
      this.#isOverwritten = found === 'overwritten'
      if (typeof found !== 'string') {
        this.#seen = found
        this.#stat = now
        this.#wasSettled = settled
      }
    } catch {
      // Read again when it is looked at again.
    } finally {
      closeWhenFree(fd)
    }
    return this.#isOverwritten
  }
}

function timesOf({ mtimeMs, ctimeMs, size }: Stats): string {
  return `${mtimeMs} ${ctimeMs} ${size}`
}

/** Whether a file will have another time when it is changed again. */
function isSettled({ ctimeMs }: Stats): boolean {
  return Math.abs(Date.now() - ctimeMs) > CLOCK_MS
}

function look(
  path: string,
  fd: number,
  seen?: Seen,
  newest?: () => bigint | undefined,
  isOwn = false,
): Seen | 'overwritten' | 'unknown' {
  const before = timesOf(fstatSync(fd))
  for (let n = 1; ; n++) {
    const found = lookOnce(path, fd, seen, newest, isOwn)
    if (found !== 'overwritten') return found
    // Somebody may be in the middle of moving a log into it.
    if (timesOf(fstatSync(fd)) !== before) return 'unknown'
    if (n === LOOKS) return found
    holdThread(LOOK_MS)
  }
}

/** What cannot be told is taken for what fits. */
function lookOnce(
  path: string,
  fd: number,
  seen?: Seen,
  newest?: () => bigint | undefined,
  isOwn = false,
): Seen | 'overwritten' | 'unknown' {
  const start = Buffer.alloc(100)
  const read = readSync(fd, start, 0, start.length, 0)
  if (read < start.length || start.toString('latin1', 0, 16) !== MAGIC) return 'overwritten'
  const pageSize = pageSizeFrom(start.readUInt16BE(16))
  if (pageSize < 512) return 'unknown'
  const moved = seen === undefined ? framesMoved(path) : undefined
  const firstPage = pageAt(fd, 1, pageSize)
  const root = storeRoot(firstPage)
  const row = root === undefined ? undefined : commitRow(pageAt(fd, root, pageSize))
  const mark = row?.mark
  if (mark === undefined) return { header: undefined, mark }
  const log = openLog(path)
  try {
    const header = log === undefined ? undefined : readLogHeader(log)
    if (isOwn && newest?.() === mark) return { header, mark }
    let rows: readonly CommitRow[] = []
    let rowFrames: readonly number[] = []
    if (log !== undefined && header !== undefined && isWholeHeader(header)) {
      if (fstatSync(log).size > LONG_LOG) return { header, mark }
      const contents = readLog(log, header, firstPage)
      if (readLogHeader(log)?.equals(header) !== true) return 'unknown'
      // Nothing of the file is needed then.
      if (contents.databasePages > 0 && contents.pages.size >= contents.databasePages) return { header, mark }
      ;({ rows, rowFrames } = contents)
    }
    const [first] = rows
    if (first === undefined) {
      // No commit but that in the file: one that is remembered, and is another, was there before.
      const remembered = newest?.()
      return remembered !== undefined && remembered !== mark ? 'overwritten' : { header, mark }
    }
    if (first.mark === undefined || first.markBefore === undefined) return { header, mark }
    if (!isProven(row, rows)) return 'overwritten'
    // What a log holds is moved into the file from the first commit to the last.
    if (moved !== undefined && header !== undefined && moved.salt.equals(header.subarray(16, 24))) {
      const last = rowFrames.findLastIndex((frame) => frame <= moved.frames)
      if (last >= 0 && rows.findLastIndex((one) => one.mark === mark) < last) return 'overwritten'
    }
    const isSameLog = seen?.mark !== undefined && header !== undefined && seen.header?.equals(header) === true
    const place = (of: bigint): number => rows.findLastIndex((one) => one.mark === of)
    return isSameLog && place(mark) < place(seen.mark!) ? 'overwritten' : { header, mark }
  } finally {
    if (log !== undefined) closeSync(log)
  }
}

/**
 * How many frames of the log with this salt have been moved into the file, as the index of the log says
 * (https://www.sqlite.org/walformat.html, section 2). A file of a connection of this process must not be looked at: its
 * locks are on it.
 */
function framesMoved(path: string): { salt: Buffer; frames: number } | undefined {
  const id = fileId(path)
  if (id === undefined || mayBeOpen(id)) return undefined
  let fd: number
  try {
    fd = openSync(`${path}-shm`, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
  } catch {
    return undefined
  }
  try {
    const index = Buffer.alloc(INDEX_BYTES)
    if (readSync(fd, index, 0, INDEX_BYTES, 0) < INDEX_BYTES) return undefined
    return {
      salt: index.subarray(32, 40),
      frames: endianness() === 'LE' ? index.readUInt32LE(96) : index.readUInt32BE(96),
    }
  } finally {
    closeSync(fd)
  }
}

function openLog(path: string): number | undefined {
  try {
    return openSync(`${path}-wal`, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
  } catch {
    return undefined
  }
}
