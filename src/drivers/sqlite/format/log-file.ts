/**
 * The write-ahead log, looked at without SQLite, which recovers what it takes for whole and drops the
 * rest. https://www.sqlite.org/walformat.html has the format.
 */
import { readSync } from 'node:fs'
import { changeCounterOf, pageSizeFrom } from './header.ts'
import { type CommitRow, commitRow, isSchemaLeaf, pageAt, storeRoot } from './store-page.ts'

/** Bytes of the log's header, and of that of a frame; a page follows each of the latter. */
export const LOG_HEADER_BYTES = 32
export const FRAME_BYTES = 24

/** The first word; the last bit tells the byte order of what the checksums add up. */
const MAGIC = 0x37_7f_06_82
const VERSION = 3_007_000

/** About how much is read at once: at first, and later. */
const FIRST_CHUNK_BYTES = 1 << 16
const CHUNK_BYTES = 1 << 20

/** After so many frames that are not of this log, the rest of the file is what an earlier one left. */
const OLD_FRAMES = 256

/** Whether this machine keeps the highest byte of a number first, as SQLite then does in the index of a log. */
export const IS_BIG_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 0

/** The header of a log, `undefined` when there is none to read. */
export function readLogHeader(fd: number): Buffer | undefined {
  const header = Buffer.alloc(LOG_HEADER_BYTES)
  return readSync(fd, header, 0, LOG_HEADER_BYTES, 0) === LOG_HEADER_BYTES ? header : undefined
}

/** Whether a header begins as that of a log does. */
export function isLogHeader(header: Buffer): boolean {
  return (header.readUInt32BE(0) | 1) === (MAGIC | 1)
}

/** Whether all of a header is as SQLite writes it. */
export function isWholeHeader(header: Buffer): boolean {
  if (!isLogHeader(header) || header.readUInt32BE(4) !== VERSION) return false
  const sum = new Checksum(header)
  sum.add(wordsOf(header), 0, 6)
  return sum.equals(header, 24)
}

/**
 * Reads the frames of a log with a whole header.
 *
 * @param firstPage page 1 of the file
 * @param file its descriptor
 * @param isEnough whether no more need be read
 */
export function readLog(
  fd: number,
  header: Buffer,
  firstPage: Buffer,
  file: number,
  isEnough: (contents: LogContents) => boolean = () => false,
): LogContents {
  const pageSize = pageSizeFrom(header.readUInt32BE(8))
  const reader = new LogContents(header, firstPage, (number) => pageAt(file, number, pageSize))
  const length = FRAME_BYTES + pageSize
  const chunkOf = (bytes: number): Buffer =>
    Buffer.from(new ArrayBuffer(length * Math.max(1, Math.floor(bytes / length))))
  let chunk = chunkOf(FIRST_CHUNK_BYTES)
  let words = wordsOf(chunk)
  for (let at = LOG_HEADER_BYTES; !reader.isOver && !isEnough(reader);) {
    const bytes = readSync(fd, chunk, 0, chunk.length, at)
    const frames = Math.floor(bytes / length)
    for (let n = 0; n < frames && !reader.isOver; n++)
      reader.frame(
        chunk.subarray(n * length, (n + 1) * length),
        words.subarray((n * length) / 4, ((n + 1) * length) / 4),
      )
    if (frames === 0) break
    if (at === LOG_HEADER_BYTES) words = wordsOf((chunk = chunkOf(CHUNK_BYTES)))
    at += frames * length
  }
  return reader
}

function wordsOf(bytes: Buffer): Int32Array {
  return new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2)
}

/** The running checksum of a log: each frame's goes on from that of the one before. */
class Checksum {
  readonly #swaps: boolean
  #first = 0
  #second = 0

  constructor(header: Buffer) {
    this.#swaps = ((header.readUInt32BE(0) & 1) === 1) !== IS_BIG_ENDIAN
  }

  /** Goes on from a checksum as it is stored. */
  set(bytes: Buffer, at: number): void {
    this.#first = bytes.readInt32BE(at)
    this.#second = bytes.readInt32BE(at + 4)
  }

  equals(bytes: Buffer, at: number): boolean {
    return bytes.readInt32BE(at) === this.#first && bytes.readInt32BE(at + 4) === this.#second
  }

  add(words: Int32Array, from: number, to: number): void {
    let first = this.#first
    let second = this.#second
    if (this.#swaps) {
      for (let i = from; i < to; i += 2) {
        first = (first + swapped(words[i]!) + second) | 0
        second = (second + swapped(words[i + 1]!) + first) | 0
      }
    } else {
      for (let i = from; i < to; i += 2) {
        first = (first + words[i]! + second) | 0
        second = (second + words[i + 1]! + first) | 0
      }
    }
    this.#first = first
    this.#second = second
  }
}

function swapped(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)
}

/** What one transaction has in the log. */
interface Uncommitted {
  pages: number[]
  /** Rows that may be that of `kv_store`, and their pages: page 1, which tells where it is, may come later. */
  rows: { readonly number: number; readonly row: CommitRow }[]
  counters: number[]
  hasFirstPage: boolean
}

function nothing(): Uncommitted {
  return { pages: [], rows: [], counters: [], hasFirstPage: false }
}

/** What is in a log that SQLite would play, read frame by frame. */
export class LogContents {
  /** Pages of the database after the last commit; 0 when nothing is committed. */
  databasePages = 0
  /** Pages that committed frames hold. */
  readonly pages = new Set<number>()
  /** The row of `kv_store` in the order of its committed versions. */
  readonly rows: CommitRow[] = []
  /** For each of them, the number of the last frame of its commit; numbers begin with 1. */
  readonly rowFrames: number[] = []
  /** Change counters of page 1, likewise. */
  readonly counters: number[] = []
  /** Whether commits that had reached the disk lie behind a frame that is not whole: no crash leaves that. */
  isDamaged = false
  /** Whether the page 1 of the file is one of its committed versions. */
  hasFirstPage = false
  /** Whether a commit without page 1 has the row of `kv_store` on another page than the file has it. */
  isElsewhere = false
  /** The first commit: pages of the database, unless it may have changed their number; and whether it has the row. */
  first: { readonly databasePages: number | undefined; readonly hasRow: boolean } | undefined
  readonly #header: Buffer
  readonly #firstPage: Buffer
  readonly #sum: Checksum
  readonly #pageOfFile: (number: number) => Buffer
  /** The newest pages of the schema: page 1, and what of the others is in the log. */
  #newestFirstPage: Buffer
  readonly #schemaPages = new Map<number, Buffer>()
  /** Where the row of `kv_store` is, as these have it. */
  #root: number | undefined
  #open = nothing()
  #isWhole = true
  #framesRead = 0
  #foreignFrames = 0
  /** Behind the first frame that is not whole: whether this transaction, and one before it, waited for the disk. */
  #isDurable = false
  #hasDurableCommit = false

  /** @param pageOfFile gives pages of the file other than its first */
  constructor(header: Buffer, firstPage: Buffer, pageOfFile: (number: number) => Buffer) {
    this.#header = header
    this.#firstPage = firstPage
    this.#newestFirstPage = firstPage
    this.#pageOfFile = pageOfFile
    this.#root = this.#storeRoot()
    this.#sum = new Checksum(header)
    this.#sum.set(header, 24)
  }

  /** Whether what follows is of no interest. */
  get isOver(): boolean {
    return this.isDamaged || this.#foreignFrames > OLD_FRAMES
  }

  /** Reads the next frame, also as words. */
  frame(bytes: Buffer, words: Int32Array): void {
    const isOurs =
      bytes.readInt32BE(8) === this.#header.readInt32BE(16) && bytes.readInt32BE(12) === this.#header.readInt32BE(20)
    if (this.#isWhole) {
      if (isOurs && this.#isNext(bytes, words)) return this.#readFrame(bytes)
      this.#isWhole = false
      this.#isDurable = this.#open.rows.some(({ number, row }) => number === this.#root && row.isDurable)
      // The commit itself is the one that is not whole.
      if (isOurs) this.#skipFrame(bytes)
    } else if (isOurs && this.#isOfInterest(bytes) && this.#isNext(bytes, words)) this.#skipFrame(bytes)
    this.#foreignFrames = isOurs ? 0 : this.#foreignFrames + 1
    this.#sum.set(bytes, 16)
  }

  /** Whether the checksum goes on from that of the frame before. */
  #isNext(bytes: Buffer, words: Int32Array): boolean {
    this.#sum.add(words, 0, 2)
    this.#sum.add(words, FRAME_BYTES / 4, words.length)
    return bytes.readUInt32BE(0) > 0 && this.#sum.equals(bytes, 16)
  }

  #readFrame(bytes: Buffer): void {
    const number = bytes.readUInt32BE(0)
    const page = bytes.subarray(FRAME_BYTES)
    const open = this.#open
    open.pages.push(number)
    this.#framesRead++
    if (number === 1) {
      this.#newestFirstPage = Buffer.from(page)
      this.#root = this.#storeRoot()
      open.counters.push(changeCounterOf(page))
      open.hasFirstPage ||= page.equals(this.#firstPage)
    } else if (isSchemaLeaf(page)) {
      this.#schemaPages.set(number, Buffer.from(page))
      this.#root = this.#storeRoot()
    }
    const row = commitRow(page)
    if (row !== undefined) open.rows.push({ number, row })
    const databasePages = bytes.readUInt32BE(4)
    if (databasePages > 0) this.#commit(open, databasePages)
  }

  #storeRoot(): number | undefined {
    return storeRoot(this.#newestFirstPage, (number) => this.#schemaPages.get(number) ?? this.#pageOfFile(number))
  }

  #commit(open: Uncommitted, databasePages: number): void {
    const rows = open.rows.filter(({ number }) => number === this.#root)
    this.databasePages = databasePages
    for (const one of open.pages) this.pages.add(one)
    for (const { row } of rows) {
      this.rows.push(row)
      this.rowFrames.push(this.#framesRead)
    }
    this.counters.push(...open.counters)
    this.hasFirstPage ||= open.hasFirstPage
    if (open.counters.length === 0 && this.#root !== undefined) {
      this.isElsewhere ||= open.rows.some(({ number, row }) => number !== this.#root && row.layout !== undefined)
    }
    this.first ??= { databasePages: open.counters.length === 0 ? databasePages : undefined, hasRow: rows.length > 0 }
    this.#open = nothing()
  }

  #isOfInterest(bytes: Buffer): boolean {
    return bytes.readUInt32BE(4) > 0 || bytes.readUInt32BE(0) === this.#root
  }

  /** A frame behind the end: whoever commits after a commit that waited for the disk has found it whole. */
  #skipFrame(bytes: Buffer): void {
    if (bytes.readUInt32BE(0) === this.#root)
      this.#isDurable = commitRow(bytes.subarray(FRAME_BYTES))?.isDurable === true
    if (bytes.readUInt32BE(4) === 0) return
    this.isDamaged = this.#hasDurableCommit
    this.#hasDurableCommit ||= this.#isDurable
    this.#isDurable = false
  }
}
