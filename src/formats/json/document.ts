import { isUtf8 } from 'node:buffer'
import type { BlockBuilder } from '../../blocks/block-builder.ts'
import { JsonRecordReader } from './record.ts'
import { BadRecordError, EARLY_CHECK_BYTES, type ParserOptions, type RecordParser, reject } from '../record-reader.ts'
import { INVALID_UTF8, firstInvalidUtf8, markLength, wholeSequences } from '../utf8.ts'

const LINE_FEED = 0x0a
const COMMA = 0x2c

/** Bytes a string, a number, `true`, `false` or `null` begins with. */
const SCALAR: readonly number[] = [...Buffer.from('"-0123456789tfn')]

/** Where in the document a parser stands. */
type State =
  /** Before the opening bracket, perhaps before a byte order mark. */
  | 'start'
  /** After the opening bracket: a record or the end. */
  | 'first'
  /** After a comma: a record. */
  | 'record'
  /** Between records that follow each other. */
  | 'sequence'
  /** After the closing bracket: blanks only. */
  | 'end'

/**
 * Parses one JSON document: an array of records as JSON Lines has them, or an object that maps each
 * key to its value; or a sequence of records with nothing but blanks between them. Works through it record by record,
 * so that no more than one record need be in memory.
 *
 * Bad records can be skipped, text that is not JSON cannot: where it goes on is unknown. The
 * line of a bad record is the one it begins in, or the one where the text stops being JSON.
 */
export class JsonDocumentParser implements RecordParser {
  readonly #options: ParserOptions
  readonly #reader: JsonRecordReader
  readonly #isSequence: boolean
  readonly #position = new Position()
  #state: State = 'start'
  #closing = 0
  #records = 0

  constructor(options: ParserOptions, form: 'document' | 'sequence') {
    this.#options = options
    this.#isSequence = form === 'sequence'
    this.#reader = new JsonRecordReader(options)
  }

  /**
   * See {@link RecordParser.parse}. A record is complete when a comma or the closing bracket follows it, in a sequence
   * with its own closing bracket.
   */
  parse(into: BlockBuilder, length: number, final: boolean): number {
    const bytes = into.bytes
    const scanner = this.#reader.scanner
    const whole = final ? length : wholeSequences(bytes, length)
    const end = isUtf8(bytes.subarray(0, whole)) ? whole : firstInvalidUtf8(bytes, 0, whole)
    // More input can follow at `end`; otherwise the text must not run into it.
    const open = !final && end === whole
    this.#reader.reset(bytes, end)
    let at = 0
    if (this.#state === 'start') {
      at = this.#opening(bytes, end, whole, open)
      if (at < 0) return 0
    }
    while (this.#state === 'first' || this.#state === 'record' || this.#state === 'sequence') {
      at = scanner.space(at)
      if (this.#state === 'sequence' && at === end) {
        if (end < whole) this.#fail(bytes, end, INVALID_UTF8)
        break
      }
      if (this.#state === 'first' && scanner.at(at) === this.#closing) {
        this.#state = 'end'
        at++
        break
      }
      const next = this.#record(into, at)
      if (next < 0) {
        if (open && scanner.failedAt >= end) {
          const reason =
            this.#options.skip === undefined && end - at > EARLY_CHECK_BYTES ? this.#reader.badAlready(end) : undefined
          if (reason !== undefined) this.#fail(bytes, at, reason)
          break
        }
        this.#syntaxError(bytes, end, whole)
      }
      at = next
    }
    if (this.#state === 'end') {
      at = scanner.space(at)
      if (at < end) this.#fail(bytes, at, 'text after the document')
      if (!open && end < length) {
        scanner.fail(at, '')
        this.#syntaxError(bytes, end, whole)
      }
    }
    this.#position.advance(bytes, at)
    this.#position.rebase(at)
    return at
  }

  /** Finds the opening bracket; returns the offset after it, or -1 when nothing but blanks came yet. */
  #opening(bytes: Uint8Array, end: number, whole: number, open: boolean): number {
    const scanner = this.#reader.scanner
    if (open && end < 3) return -1
    const mark = markLength(bytes, end)
    const at = scanner.space(mark)
    if (at === end && open) return -1
    this.#position.rebase(-mark)
    if (this.#isSequence) {
      this.#state = 'sequence'
      return at
    }
    const opening = scanner.at(at)
    if (opening !== 0x5b && opening !== 0x7b) {
      if (at === whole) this.#fail(bytes, at, 'no JSON document')
      if (SCALAR.includes(opening)) this.#fail(bytes, at, 'the document is neither an array nor an object')
      scanner.fail(at, "'[' or '{'")
      this.#syntaxError(bytes, end, whole)
    }
    this.#closing = opening + 2
    this.#state = 'first'
    return at + 1
  }

  /**
   * Parses the record at `at` with the comma or bracket after it. Returns the offset after these,
   * or -1 and changes nothing when the text is not JSON, or ends at `end`.
   */
  #record(into: BlockBuilder, at: number): number {
    const reader = this.#reader
    const scanner = reader.scanner
    const isObject = this.#closing === 0x7d
    const after = isObject ? reader.member(at) : reader.record(at)
    if (after < 0) return -1
    // What is done with: the record, and in a document the comma or the bracket after it.
    const next = this.#isSequence ? after - 1 : scanner.space(after)
    const byte = scanner.at(next)
    if (!this.#isSequence && byte !== COMMA && byte !== this.#closing)
      return scanner.fail(next, isObject ? "',' or '}'" : "',' or ']'")
    this.#records++
    if (reader.reason !== undefined) {
      this.#position.advance(into.bytes, at)
      const { line, column } = this.#position
      const reason = `${reader.reason} (record ${this.#records}, column ${column})`
      reject({ line, record: this.#records, reason, start: at, end: after }, this.#options)
    } else {
      // Decoding changes bytes, and with them what a column is.
      if (reader.decodes) this.#position.advance(into.bytes, next + 1)
      reader.commit(into)
    }
    if (!this.#isSequence) this.#state = byte === COMMA ? 'record' : 'end'
    return next + 1
  }

  /** Throws what the scanner found, or that the bytes stop being UTF-8 (at `end`), or text (at `whole`). */
  #syntaxError(bytes: Uint8Array, end: number, whole: number): never {
    const { failedAt, fault, expected } = this.#reader.scanner
    if (failedAt < end) this.#fail(bytes, failedAt, fault, expected)
    if (end < whole) this.#fail(bytes, end, INVALID_UTF8)
    this.#fail(bytes, end, 'the document ends too early', expected)
  }

  #fail(bytes: Uint8Array, at: number, what: string, expected?: string): never {
    this.#position.advance(bytes, at)
    const { line, column } = this.#position
    const record = this.#records + (this.#state === 'end' ? 0 : 1)
    const where = this.#state === 'start' || this.#state === 'end' ? '' : ` (record ${record})`
    const reason = `${what} at column ${column}${where}`
    throw new BadRecordError({ line, record, reason, expected, isLast: true, start: at, end: at })
  }
}

/** Line and column, both 1-based, the column in code points, of an offset that only ever goes forward. */
class Position {
  line = 1
  column = 1
  #offset = 0

  /** Moves on to `offset` in `bytes`; stays when that lies behind. */
  advance(bytes: Uint8Array, offset: number): void {
    let { line, column } = this
    for (let at = this.#offset; at < offset; at++) {
      const byte = bytes[at]!
      if (byte === LINE_FEED) {
        line++
        column = 1
      } else if ((byte & 0xc0) !== 0x80) column++
    }
    this.line = line
    this.column = column
    this.#offset = Math.max(this.#offset, offset)
  }

  /** The byte at `offset` is the first one of the next buffer, or of the text after a mark that counts as nothing. */
  rebase(offset: number): void {
    this.#offset -= offset
  }
}
