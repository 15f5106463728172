import type { Block } from '../blocks/block.ts'
import { ByteArena } from '../blocks/byte-arena.ts'
import { BlockBuilder, type BuilderOptions } from '../blocks/block-builder.ts'
import { type InputFormat, PARSERS } from '../formats/parsers.ts'
import { type BadRecord, BadRecordError, type ParserOptions, type RecordParser } from '../formats/record-reader.ts'
import { type RejectsFile, RejectsWriter } from './rejects-writer.ts'

/** Bytes of input in one block: sorting and storing more at once is quicker, and takes more memory. */
export const BLOCK_BYTES = 16 << 20

/** Bytes of the first block, so that storing begins soon; each is twice the one before until they are full. */
const FIRST_BYTES = 4 << 20

/** Bytes of a record from which on its buffer grows more slowly. */
const LARGE_BYTES = 256 << 20

/** What is known about a parse before it begins; can be sent to another thread. */
export interface ParseOptions extends Omit<ParserOptions, 'now' | 'skip'> {
  readonly format: InputFormat
  /** Keep all records of a key, in input order, for a load with `ifAbsent`. Default: of each block only the last. */
  readonly keepsEqual?: boolean | undefined
  /** Go on after bad records. */
  readonly skip: boolean
  /** How many may be skipped; one more ends the input. Default: any number. */
  readonly maxSkipped?: number | undefined
  /** Where the records go that are skipped. */
  readonly rejects?: RejectsFile | undefined
}

/** Bad records of a stretch of input that are named one by one; the others are counted. */
export const NAMED = 10

/** What a stretch of input came to. */
export interface Parsed {
  readonly block: Block
  /** Records in it; the block has fewer entries when a key came twice. */
  readonly records: number
  /** Of these, records that delete their key. */
  readonly deletes: number
  /** Bytes of input done with. */
  readonly inputBytes: number
  /** Bad records that were skipped. */
  readonly skipped: number
  /** The first {@link NAMED} of these, in order. */
  readonly named: readonly BadRecord[]
  /** The bad record that ended the input, after those of the block. */
  readonly refused: BadRecord | undefined
  /** The block was full before all was parsed that could be: there is to be another cut once this is stored. */
  readonly more: boolean
  /** Nothing follows. */
  readonly final: boolean
}

/** Collects input in buffers of a block's size and parses each into a {@link Parsed}. */
export class BlockParser {
  readonly #parser: RecordParser
  readonly #spares: Uint8Array[] = []
  readonly #maxRecordBytes: number
  readonly #maxSkipped: number
  #skippedBefore = 0
  #goal = FIRST_BYTES
  #buffer: Uint8Array = new Uint8Array(0)
  #length = 0
  #skipped = 0
  #named: BadRecord[] = []
  readonly #rejects: RejectsWriter | undefined
  readonly #building: BuilderOptions
  /** Whether whole records may be left since the last block was full. */
  hasMore = false
  /** Whether a bad record ended the input: nothing more is parsed. */
  ended = false

  /** A parser for one input, once the code for its format is loaded. */
  static async of(options: ParseOptions): Promise<BlockParser> {
    return new BlockParser(options, await PARSERS[options.format].parser())
  }

  private constructor(options: ParseOptions, parserOf: (options: ParserOptions) => RecordParser) {
    this.#maxSkipped = options.maxSkipped ?? Infinity
    // An escaped byte takes six.
    this.#maxRecordBytes = Math.max(BLOCK_BYTES, 6 * (options.maxKeyBytes + options.maxValueBytes) + 4096)
    const skip = options.skip ? (bad: BadRecord) => this.#skip(bad) : undefined
    this.#parser = parserOf({ ...options, now: Date.now, skip })
    const { makes } = this.#parser
    this.#building = {
      made: makes && { ...makes, arena: new ByteArena(1 << 16) },
      keepsEqual: options.keepsEqual,
    }
    this.#rejects = options.rejects === undefined ? undefined : new RejectsWriter(options.rejects)
  }

  /** Bytes waiting to be parsed. */
  get waiting(): number {
    return this.#length
  }

  /** Takes input up to the next full block, with it where there is one: no byte while whole records are left. */
  take(input: Uint8Array): { readonly bytes: number; readonly full: Parsed | undefined } {
    if (this.hasMore) return { bytes: 0, full: this.cut(false) }
    let bytes = 0
    let full: Parsed | undefined
    while (bytes < input.length && full === undefined) {
      // After a bad record nothing counts, also what was on its way to this thread by then.
      if (this.ended) return { bytes: input.length, full }
      const room = this.room(input.length - bytes)
      const part = input.subarray(bytes, bytes + room.length)
      room.set(part)
      bytes += part.length
      full = this.filled(part.length)
    }
    return { bytes, full }
  }

  /** Where the next bytes of input belong, for at least one: as many as are `expected` where that is possible. */
  room(expected: number): Uint8Array {
    if (this.#length === this.#buffer.length) this.#enlarge(expected)
    return this.#buffer.subarray(this.#length)
  }

  /** Says that so many bytes of the room are input now; returns the block that became full by it. */
  filled(bytes: number): Parsed | undefined {
    this.#length += bytes
    if (this.#length < this.#goal || this.#length < this.#buffer.length) return undefined
    const parsed = this.cut(false)
    if (parsed.inputBytes > 0 || parsed.final) return parsed
    return this.#length < this.#maxRecordBytes ? undefined : this.#endless()
  }

  /**
   * Parses the whole records, or with `final` all bytes, unless the block is full before. With `last`, nothing follows.
   * Throws `KV_OUTPUT`.
   */
  cut(final: boolean, last: boolean = final): Parsed {
    const buffer = this.#buffer
    const builder = new BlockBuilder(buffer, Math.max(64, this.#length >>> 7), this.#building)
    if (this.#building.made !== undefined) this.#building.made.arena.length = 0
    const length = this.#length
    let consumed = length
    let refused: BadRecord | undefined
    this.#skippedBefore += this.#skipped
    this.#skipped = 0
    this.#named = []
    try {
      consumed = this.#parser.parse(builder, length, final)
    } catch (error) {
      if (!(error instanceof BadRecordError)) throw error
      refused = error.badRecord
      this.ended = true
    }
    this.#rejects?.flush()
    this.hasMore = builder.isFull && consumed < length && refused === undefined
    const records = builder.count
    const parsed = {
      records,
      deletes: builder.deletes,
      inputBytes: consumed,
      skipped: this.#skipped,
      named: this.#named,
      refused,
      more: this.hasMore,
      final: (last && !this.hasMore) || refused !== undefined,
    }
    // The buffer stays here with the beginning of a record in it.
    if (consumed === 0) return { ...parsed, block: new BlockBuilder(new Uint8Array(0)).finish() }
    const isFull = length >= this.#goal
    if (isFull && !this.hasMore) this.#raiseGoal()
    const isPacked = isFull && length === buffer.length && length <= BLOCK_BYTES
    const packInto = isPacked ? this.#spare(length) : undefined
    const block = builder.finish(packInto)
    if (packInto !== undefined && block.bytes === buffer) this.recycle(packInto)
    this.#length = length - consumed
    if (block.bytes === buffer) {
      // The block keeps the buffer; what is left of the input begins the next one.
      const size = isFull ? Math.max(this.#goal, this.#length) : this.#length
      const spare = this.#spares.at(-1)
      this.#buffer = spare !== undefined && spare.length >= size ? this.#spares.pop()! : new Uint8Array(size)
    }
    this.#buffer.set(buffer.subarray(consumed, length))
    return { ...parsed, block }
  }

  /** Gives a block's buffer back for later blocks. */
  recycle(buffer: Uint8Array): void {
    const isUsable = this.#isMade ? buffer.length >= this.#goal : buffer.length === this.#goal
    // What is made leaves the input where it is: one block is put together while another is stored.
    if (isUsable && this.#spares.length < (this.#isMade ? 1 : 2)) this.#spares.push(buffer)
  }

  /** The bytes that wait, for another parser to go on with; only before the first cut. */
  takeWaiting(): Uint8Array {
    const waiting = this.#buffer.slice(0, this.#length)
    this.#length = 0
    return waiting
  }

  #raiseGoal(): void {
    if (this.#goal === BLOCK_BYTES) return
    this.#goal *= 2
    this.#spares.length = 0
  }

  /** Memory for a block of so much input; where keys or values are made, of the size of one before, if of any. */
  #spare(size: number): Uint8Array | undefined {
    if (this.#isMade) return this.#spares.pop()
    return (size === this.#goal ? this.#spares.pop() : undefined) ?? new Uint8Array(size)
  }

  /** Whether blocks are put together in memory of their own, and the input stays in its buffer. */
  get #isMade(): boolean {
    return this.#building.made !== undefined
  }

  /** More room: doubling for a small input, a block's size, or what one very long record needs. */
  #enlarge(needed: number): void {
    const spare = this.#length === 0 && !this.#isMade ? this.#spares.pop() : undefined
    const growth = this.#length < LARGE_BYTES ? 2 : 1.5
    const size =
      this.#length >= this.#goal
        ? this.#length * growth
        : Math.min(this.#goal, Math.max(1 << 16, (this.#length + needed) * 2))
    const larger = spare ?? new Uint8Array(size)
    larger.set(this.#buffer.subarray(0, this.#length))
    this.#buffer = larger
  }

  /** Ends an input whose next record is longer than any can be. */
  #endless(): Parsed {
    const parsed = this.cut(true)
    this.ended = true
    const { line = 0, record = 0 } = parsed.refused ?? {}
    const reason = `a record is longer than ${this.#maxRecordBytes} bytes`
    return { ...parsed, refused: { line, record, reason, isLast: true, start: 0, end: 0 }, more: false, final: true }
  }

  #skip(bad: BadRecord): void {
    if (this.#skippedBefore + this.#skipped === this.#maxSkipped) throw new BadRecordError(bad)
    if (this.#skipped++ < NAMED) this.#named.push(bad)
    this.#rejects?.add(this.#buffer, bad)
  }
}
