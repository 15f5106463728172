import { isUtf8 } from 'node:buffer'
import type { BlockBuilder } from '../../blocks/block-builder.ts'
import {
  type BadRecord,
  BadRecordError,
  EARLY_CHECK_BYTES,
  MAX_SKIPPED_BYTES,
  type ParserOptions,
  type RecordParser,
  reject,
} from '../record-reader.ts'
import { INVALID_UTF8, type Place, Position, firstInvalidUtf8, markLength, wholeSequences } from '../utf8.ts'
import { Descent } from './descent.ts'
import { type JsonForm, RECORD_SEPARATOR, arrayIsRecord } from './layout.ts'
import { recordReader } from './mapped-record.ts'
import type { RecordReader } from './record.ts'
import { JsonSkipper } from './skipper.ts'

const COMMA = 0x2c
const OPEN_ARRAY = 0x5b
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

/** Bytes a string, a number, `true`, `false` or `null` begins with. */
const SCALAR = Buffer.from('"-0123456789tfn')

/** Where in the input a parser stands. */
type State =
  /** Before a document, between two, or after the last. */
  | 'between'
  /** In a record that is a document. */
  | 'document'
  /** On the way to the records of a document, or from them to its end. */
  | 'descent'
  /** After the opening bracket of what holds records: a record or the end. */
  | 'first'
  /** After a comma: a record. */
  | 'record'
  /** In a record that is refused already. */
  | 'refused'
  /** After such a record: a comma or the closing bracket. */
  | 'separator'
  /** After a fault in a document that is marked at its beginning: the next mark. */
  | 'lost'

/**
 * Parses JSON documents, with nothing but blanks between them: a document is an array of records, or a record, or, where
 * it is the only one and no record, an object that maps each key to its value. With a path, the array or the map lies
 * there in each document. Works through it record by record, so that no more than one record need be in memory.
 *
 * Bad records can be skipped. Text that is not JSON cannot, since where it goes on is unknown, unless each document has
 * the mark of RFC 7464 before it. The line of a bad record is the one it begins in, or the one where the text stops
 * being JSON.
 */
export class JsonDocumentParser implements RecordParser {
  readonly makes: RecordParser['makes']
  readonly #options: ParserOptions
  readonly #reader: RecordReader
  readonly #skipper: JsonSkipper
  readonly #descent: Descent | undefined
  readonly #isMap: boolean
  readonly #position = new Position()
  #state: State = 'between'
  #begun = false
  /** The closing bracket of what holds the records; 0: a record is a document. */
  #closing = 0
  /** Whether the document before was no record. */
  #heldRecords = false
  #isMarked = false
  #documents = 0
  #records = 0
  /** The text that is parsed now ends where the buffer does, and goes on in the next. */
  #open = false
  /** Nothing more can be done with this buffer; the scanner has failed, at its end or where the text is not JSON. */
  #isCut = false

  constructor(options: ParserOptions, form: Exclude<JsonForm, 'lines'>) {
    this.#options = options
    this.#isMap = form === 'map'
    this.#reader = recordReader(options)
    this.makes = this.#reader.makes
    this.#skipper = new JsonSkipper(this.#reader.scanner)
    this.#descent = options.at && new Descent(options.at, this.#reader.scanner)
  }

  /**
   * See {@link RecordParser.parse}. A record is complete when a comma or the closing bracket follows it, one that is a
   * document with its own closing bracket.
   */
  parse(into: BlockBuilder, length: number, final: boolean): number {
    let at = 0
    if (!this.#begun) {
      if (!final && length < 3) return 0
      this.#begun = true
      at = markLength(into.bytes, length)
      this.#position.rebase(-at)
    }
    do at = this.#parse(into, at, length, final)
    while (this.#state === 'lost' && at < length)
    this.#position.advance(into.bytes, at)
    this.#position.rebase(at)
    return at
  }

  /** Parses from an offset on, up to the end of what is there or to a fault that is skipped. */
  #parse(into: BlockBuilder, at: number, length: number, final: boolean): number {
    const { bytes } = into
    if (this.#state === 'lost') {
      at = this.#nextMark(bytes.subarray(0, length), at)
      if (at === length) return at
    }
    const whole = final ? length : at + wholeSequences(bytes.subarray(at), length - at)
    const end = isUtf8(bytes.subarray(at, whole)) ? whole : firstInvalidUtf8(bytes, at, whole)
    // More input can follow at `end`; otherwise the text must not run into it.
    this.#open = !final && end === whole
    this.#reader.reset(bytes, end)
    this.#descent?.reset(bytes)
    this.#isCut = false
    while (!this.#isCut && !into.isFull) at = this.#step(into, at)
    if (!this.#isCut) return at
    const { failedAt, fault, expected } = this.#reader.scanner
    if (this.#state === 'lost') return at
    if (this.#open && failedAt >= end) return this.#refusedAlready(bytes, at, end)
    if (failedAt < end) return this.#fail(bytes, failedAt, fault, expected)
    if (end < whole) return this.#fail(bytes, end, INVALID_UTF8)
    if (this.#state !== 'between') return this.#fail(bytes, end, 'the document ends too early', expected)
    return this.#documents === 0 && !this.#isMarked ? this.#fail(bytes, end, 'no JSON document') : end
  }

  #nextMark(text: Uint8Array, at: number): number {
    const mark = text.indexOf(RECORD_SEPARATOR, at)
    if (mark < 0) return text.length
    this.#state = 'between'
    return mark
  }

  /** One step; returns the offset up to which the text is done with. */
  #step(into: BlockBuilder, at: number): number {
    const { scanner } = this.#reader
    switch (this.#state) {
      case 'between':
        return this.#document(into, at)
      case 'descent':
        return this.#descend(into.bytes, at)
      case 'refused':
        at = this.#skipper.skip(at, this.#open)
        this.#isCut = !this.#skipper.done
        if (this.#skipper.done) this.#state = this.#closing === 0 ? 'between' : 'separator'
        return at
      case 'separator':
        at = scanner.space(at)
        return this.#isSeparator(at) ? this.#separator(at) : this.#cut(at)
      default:
        at = scanner.space(at)
        if (this.#state === 'first' && scanner.at(at) === this.#closing) return this.#separator(at)
        return this.#record(into, at)
    }
  }

  /** What begins a document, if one does. */
  #document(into: BlockBuilder, at: number): number {
    const { scanner } = this.#reader
    at = scanner.space(at)
    const byte = scanner.at(at)
    if (byte < 0) return this.#failed(at, '')
    if (byte === RECORD_SEPARATOR) {
      this.#isMarked = true
      this.#heldRecords = false
      return at + 1
    }
    const isBracket = byte === OPEN_ARRAY || byte === OPEN_OBJECT
    if (this.#documents > 0 && (this.#isMap || (this.#heldRecords && !isBracket)))
      return this.#fail(into.bytes, at, 'text after the document')
    if (this.#descent !== undefined) {
      this.#descent.begin()
      return this.#begin('descent', at)
    }
    if (SCALAR.includes(byte)) return this.#fail(into.bytes, at, 'the document is neither an array nor an object')
    if (!isBracket) return this.#failed(at, "'[' or '{'")
    const isRecord = byte === OPEN_ARRAY ? arrayIsRecord(scanner, at, !this.#open, this.#options.mapping) : !this.#isMap
    if (isRecord === undefined) return this.#cut(at)
    this.#closing = isRecord ? 0 : byte + 2
    return isRecord ? this.#begin('document', at) : this.#begin('first', at + 1)
  }

  #begin(state: State, at: number): number {
    this.#documents++
    this.#heldRecords = state !== 'document'
    this.#state = state
    return at
  }

  #descend(bytes: Uint8Array, at: number): number {
    const descent = this.#descent!
    at = descent.go(at, this.#open)
    if (descent.place === 'cut') this.#isCut = true
    else if (descent.place === 'over') this.#state = 'between'
    else if (descent.place === 'there') {
      this.#closing = descent.closing
      this.#state = 'first'
    } else {
      const { line } = this.#position.advance(bytes, at)
      reject({ line, record: this.#records + 1, reason: descent.reason, start: at, end: at }, this.#options)
    }
    return at
  }

  /** Parses the record at `at` with the comma or bracket after it, where it is in an array or a map. */
  #record(into: BlockBuilder, at: number): number {
    const reader = this.#reader
    const { scanner } = reader
    const isDocument = this.#closing === 0
    const after = this.#closing === CLOSE_OBJECT ? reader.member(at) : reader.record(at)
    if (after < 0) return this.#cut(at)
    // What is done with: the record, and the comma or the bracket after it.
    const next = isDocument ? after : scanner.space(after)
    if (!isDocument && !this.#isSeparator(next)) return this.#cut(at)
    this.#records++
    let place: Place | undefined
    if (reader.reason === undefined && reader.decodes) {
      // Decoding changes bytes, and with them what a column is.
      place = this.#position.advance(into.bytes, at)
      this.#position.advance(into.bytes, next)
    }
    const reason = reader.reason ?? reader.commit(into)
    if (reason !== undefined) this.#reject(reason, place ?? this.#position.advance(into.bytes, at), at, after)
    if (!isDocument) return this.#separator(next)
    this.#state = 'between'
    return next
  }

  /** Whether a comma or the closing bracket is at `at`; the scanner has failed where not. */
  #isSeparator(at: number): boolean {
    const byte = this.#reader.scanner.at(at)
    if (byte === COMMA || byte === this.#closing) return true
    this.#reader.scanner.fail(at, this.#closing === CLOSE_OBJECT ? "',' or '}'" : "',' or ']'")
    return false
  }

  /** The comma or the closing bracket that is at `at`; returns the offset after it. */
  #separator(at: number): number {
    const isComma = this.#reader.scanner.at(at) === COMMA
    this.#state = isComma ? 'record' : this.#descent === undefined ? 'between' : 'descent'
    return at + 1
  }

  #cut(at: number): number {
    this.#isCut = true
    return at
  }

  #failed(at: number, expected: string): number {
    this.#reader.scanner.fail(at, expected)
    return this.#cut(at)
  }

  /**
   * Where the text is cut off in a record, at `at`: whether it is bad whatever follows. Returns the offset up to which
   * it is done with.
   */
  #refusedAlready(bytes: Uint8Array, at: number, end: number): number {
    const isRecord = this.#state === 'record' || this.#state === 'first' || this.#state === 'document'
    const { skip } = this.#options
    if (!isRecord || end - at < (skip === undefined ? EARLY_CHECK_BYTES : MAX_SKIPPED_BYTES)) return at
    const reader = this.#reader
    const reason = reader.badAlready(end)
    if (reason === undefined) return at
    if (skip === undefined) return this.#fail(bytes, at, reason)
    const nameEnd = this.#closing === CLOSE_OBJECT ? reader.scanner.string(at) : at
    const value = nameEnd <= at ? nameEnd : reader.scanner.colon(nameEnd)
    if (value < 0) return at
    this.#records++
    this.#reject(reason, this.#position.advance(bytes, at), at, end)
    this.#skipper.begin()
    this.#state = 'refused'
    return this.#skipper.skip(value, true)
  }

  #reject(what: string, { line, column }: Place, start: number, end: number): void {
    const reason = `${what} (record ${this.#records}, column ${column})`
    reject({ line, record: this.#records, reason, start, end }, this.#options)
  }

  /** Ends the input, or what is there of a document with a mark. Returns the offset up to which it is done with. */
  #fail(bytes: Uint8Array, at: number, what: string, expected?: string): number {
    const { line, column } = this.#position.advance(bytes, at)
    const isBetween = this.#state === 'between'
    // What is wrong before the first record stands in its place.
    const record = Math.max(1, this.#records + (isBetween ? 0 : 1))
    const reason = `${what} at column ${column}${isBetween ? '' : ` (record ${record})`}`
    const bad: BadRecord = { line, record, reason, expected, start: at, end: at }
    if (!this.#isMarked || this.#options.skip === undefined) throw new BadRecordError({ ...bad, isLast: true })
    reject(bad, this.#options)
    this.#records++
    this.#documents++
    this.#state = 'lost'
    return this.#cut(at)
  }
}
