import { isUtf8 } from 'node:buffer'
import { asBuffer, decodeEncoded, encodedLength } from '../../bytes.ts'
import type { BlockBuilder } from '../../blocks/block-builder.ts'
import { type Column, type Columns, EXPECTED_HEADER, columnsOf } from './columns.ts'
import { LONGEST_TIME, expiryOf } from '../expiry.ts'
import {
  type BadRecord,
  EARLY_CHECK_BYTES,
  MAX_SKIPPED_BYTES,
  type ParserOptions,
  type RecordParser,
  lengthFault,
  reject,
} from '../record-reader.ts'
import { type Dialect, NOT_CLOSED, Row } from './row.ts'
import { INVALID_UTF8, columnOf, firstInvalidUtf8, markLength, wholeSequences } from '../utf8.ts'

const LINE_FEED = 0x0a

const HEADER_NOT_UTF8 = 'the header is not valid UTF-8'

/**
 * Parses CSV or TSV (see {@link Row}) with a header of {@link FIELDS} in any order, and no others. An empty value is
 * the empty value, an empty `ttl` or `expires` none. Blank lines and a byte order mark are fine.
 */
export class DelimitedParser implements RecordParser {
  readonly #options: ParserOptions
  readonly #dialect: Dialect
  readonly #row: Row
  #columns: Columns | undefined
  #records = 0
  /** Number of the line that comes next. */
  #line = 1
  #begun = false

  constructor(options: ParserOptions, dialect: Dialect) {
    this.#options = options
    this.#dialect = dialect
    this.#row = new Row(dialect, Math.max(options.maxKeyBytes, options.maxValueBytes))
  }

  /** See {@link RecordParser.parse}. A record is complete with its line ending. */
  parse(into: BlockBuilder, length: number, final: boolean): number {
    const bytes = into.bytes
    const row = this.#row
    let at = 0
    if (!this.#begun) {
      if (!final && length < 3) return 0
      this.#begun = true
      at = markLength(bytes, length)
    }
    const isText = isUtf8(bytes.subarray(0, final ? length : wholeSequences(bytes, length)))
    while (at < length) {
      const next = row.read(bytes, at, length, final)
      if (next < 0) {
        const fault = this.#faultAlready(bytes, at, length)
        if (fault === undefined) break
        this.#reject({ ...fault, line: this.#line, start: at, end: length, isLast: true })
      }
      if (row.end > at) {
        if (this.#columns === undefined) this.#readHeader(bytes, at)
        else this.#readRecord(into, at, isText)
      }
      this.#line += row.lineFeeds + 1
      at = next
    }
    if (final && this.#columns === undefined) {
      const bad = { line: 1, record: 0, reason: 'no header', expected: EXPECTED_HEADER }
      this.#reject({ ...bad, isLast: true, start: 0, end: 0 })
    }
    return at
  }

  /** Why the row at `at`, which goes on after `length`, is bad whatever follows, if it is. */
  #faultAlready(
    bytes: Uint8Array,
    at: number,
    length: number,
  ): Pick<BadRecord, 'record' | 'reason' | 'expected'> | undefined {
    const row = this.#row
    if (this.#columns === undefined) {
      const columns = length - at > EARLY_CHECK_BYTES ? this.#longHeader(bytes, at, length) : undefined
      if (typeof columns === 'string') return { record: 0, reason: columns, expected: EXPECTED_HEADER }
    }
    const record = this.#records + 1
    const { maxValueBytes, skip } = this.#options
    if (row.isEndless)
      return { record, reason: `a field is longer than ${maxValueBytes} bytes; perhaps a quote is not closed` }
    const width = this.#columns?.width ?? Infinity
    const isWide =
      row.count > width && length - row.start(width) > (skip === undefined ? EARLY_CHECK_BYTES : MAX_SKIPPED_BYTES)
    return isWide ? { record, reason: `more fields than the ${width} of the header` } : undefined
  }

  /** What is wrong with the beginning of a header that is longer than any is. */
  #longHeader(bytes: Uint8Array, at: number, length: number): Columns | string {
    const rest = bytes.subarray(at, length)
    const begin = rest.slice(0, wholeSequences(rest, Math.min(EARLY_CHECK_BYTES, rest.length)))
    const row = new Row(this.#dialect, EARLY_CHECK_BYTES)
    row.read(begin, 0, begin.length, true)
    return isUtf8(begin) ? columnsOf(row.texts(begin)) : HEADER_NOT_UTF8
  }

  #readHeader(bytes: Uint8Array, at: number): void {
    const row = this.#row
    const columns = row.fault ?? (isUtf8(bytes.subarray(at, row.end)) ? columnsOf(row.texts(bytes)) : HEADER_NOT_UTF8)
    if (typeof columns === 'string')
      return this.#reject({ ...this.#badRow(at, columns), expected: EXPECTED_HEADER, isLast: true })
    this.#columns = columns
    // Hex takes two characters a byte.
    if (columns.key.encoding !== undefined || columns.value.encoding !== undefined) row.maxFieldBytes *= 2
  }

  #readRecord(into: BlockBuilder, at: number, isText: boolean): void {
    const { bytes } = into
    const { end, fault } = this.#row
    this.#records++
    if (!isText && !isUtf8(bytes.subarray(at, end))) {
      const bad = firstInvalidUtf8(bytes, at, end)
      const lineStart = Math.max(at, bytes.lastIndexOf(LINE_FEED, bad) + 1)
      const linesBefore = bytes.subarray(at, bad).filter((byte) => byte === LINE_FEED).length
      this.#reject({
        ...this.#badRow(at, `${INVALID_UTF8} at column ${columnOf(bytes, lineStart, bad)}`),
        line: this.#line + linesBefore,
      })
      return
    }
    // Nobody knows what the quote took in, so it is not one record that could be skipped.
    const reason = fault ?? this.#add(into)
    if (reason !== undefined) this.#reject({ ...this.#badRow(at, reason), isLast: fault === NOT_CLOSED })
  }

  /** Adds the entry of the row, or returns why it is bad. */
  #add(into: BlockBuilder): string | undefined {
    const row = this.#row
    const { key, value, ttl, expires: timestamp, width } = this.#columns!
    if (row.count !== width) return `${row.count} ${row.count === 1 ? 'field' : 'fields'} where the header has ${width}`
    const { bytes } = into
    const keyLength = this.#length(bytes, key)
    if (keyLength < 0) return `${key.name} is not ${key.encoding}`
    const valueLength = this.#length(bytes, value)
    if (valueLength < 0) return `${value.name} is not ${value.encoding}`
    const fault = lengthFault(keyLength, valueLength, this.#options)
    if (fault !== undefined) return fault
    const expires = expiryOf(this.#time(bytes, ttl), this.#time(bytes, timestamp), this.#options.now)
    if (typeof expires === 'string') return expires
    this.#decode(bytes, key)
    this.#decode(bytes, value)
    if (expires === undefined) into.add(row.start(key.field), keyLength, row.start(value.field), valueLength)
    else into.addExpiring(row.start(key.field), keyLength, row.start(value.field), valueLength, expires)
    return undefined
  }

  /** How many bytes a field stands for; -1 when it is not in its encoding. */
  #length(bytes: Uint8Array, { field, encoding }: Column): number {
    const row = this.#row
    return encoding === undefined
      ? row.decodedLength(field)
      : encodedLength(bytes, row.start(field), row.fieldEnd(field), encoding)
  }

  /** Makes the bytes a field stands for be in the buffer at its start. */
  #decode(bytes: Uint8Array, { field, encoding }: Column): void {
    const row = this.#row
    if (encoding === undefined) row.decode(bytes, field)
    else decodeEncoded(bytes, row.start(field), row.fieldEnd(field), encoding)
  }

  /** The text of a time to live or a timestamp; `undefined` when there is none. */
  #time(bytes: Uint8Array, field: number): string | undefined {
    if (field < 0) return undefined
    const start = this.#row.start(field)
    const end = Math.min(start + LONGEST_TIME, this.#row.fieldEnd(field))
    return asBuffer(bytes).toString('latin1', start, end) || undefined
  }

  #badRow(at: number, reason: string): BadRecord {
    return { line: this.#line, record: this.#records, reason, expected: undefined, start: at, end: this.#row.end }
  }

  #reject(bad: BadRecord): void {
    reject(bad, this.#options)
  }
}

/** A parser for one input of CSV. */
export function csvParser(options: ParserOptions): RecordParser {
  return new DelimitedParser(options, 'csv')
}

/** A parser for one input of TSV. */
export function tsvParser(options: ParserOptions): RecordParser {
  return new DelimitedParser(options, 'tsv')
}
