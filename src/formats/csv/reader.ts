import { isUtf8 } from 'node:buffer'
import type { BlockBuilder } from '../../blocks/block-builder.ts'
import { usageError } from '../../errors.ts'
import { quoteWord } from '../../shell-quote.ts'
import {
  type BadRecord,
  EARLY_CHECK_BYTES,
  MAX_SKIPPED_BYTES,
  type ParserOptions,
  type RecordParser,
  explain,
  reject,
} from '../record-reader.ts'
import { INVALID_UTF8, columnOf, firstInvalidUtf8, markLength, mayBeMark, wholeSequences } from '../utf8.ts'
import type { Fault } from './columns.ts'
import { EntryRows, type RowEntries } from './entry-rows.ts'
import { MappedRows } from './mapped-rows.ts'
import { DIALECTS, type Dialect, NOT_CLOSED, Row, dialectWith } from './row.ts'

const LINE_FEED = 0x0a

/** Bytes of a header, at most. */
const MAX_HEADER_BYTES = 4 << 20

const HEADER_NOT_UTF8 = 'the header is not valid UTF-8'

/**
 * Parses CSV or TSV (see {@link Row}), with a header or without. Blank lines, a byte order mark, and before the header
 * of CSV a line `sep=;` that names the delimiter, are fine.
 */
export class DelimitedParser implements RecordParser {
  readonly makes: RecordParser['makes']
  readonly #options: ParserOptions
  readonly #entries: RowEntries
  readonly #dialect: Dialect
  readonly #row: Row
  /** Fields of each record; `undefined`: not known yet. */
  #width: number | undefined
  #records = 0
  /** Number of the line that comes next. */
  #line = 1
  #begun = false
  /** Whether the first row was read. */
  #isPastFirst = false

  /** Throws `KV_USAGE` where the names of the columns were given and do not have what is asked for. */
  constructor(options: ParserOptions, dialect: Dialect) {
    this.#options = options
    this.#entries = options.mapping?.key === undefined ? new EntryRows(options) : new MappedRows(options)
    this.makes = this.#entries.makes
    this.#dialect = dialectWith(dialect, options)
    this.#row = new Row(this.#dialect, Math.max(options.maxKeyBytes, options.maxValueBytes))
    const names = options.columns?.length === 0 ? this.#entries.names : options.columns
    if (names === undefined || names.length === 0) return
    const fault = this.#begin(names)
    if (fault !== undefined)
      throw usageError(explain(fault), fault.hint ?? `--key ${quoteWord(names[0]!)} takes that column as the key`)
  }

  /** See {@link RecordParser.parse}. A record is complete with its line ending. */
  parse(into: BlockBuilder, length: number, final: boolean): number {
    const bytes = into.bytes
    const row = this.#row
    let at = 0
    if (!this.#begun) {
      if (!final && mayBeMark(bytes, length)) return 0
      this.#begun = true
      at = markLength(bytes, length)
    }
    const isText = isUtf8(bytes.subarray(0, final ? length : wholeSequences(bytes, length)))
    while (at < length && !into.isFull) {
      const next = row.read(bytes, at, length, final)
      if (next < 0) {
        const fault = this.#faultAlready(bytes, at, length)
        if (fault === undefined) break
        this.#reject({ ...fault, line: this.#line, start: at, end: length, isLast: true })
      }
      const isFirst = !this.#isPastFirst
      this.#isPastFirst = true
      if (row.end > at && !(isFirst && this.#isDelimiterLine(bytes, at))) {
        if (this.#width === undefined) this.#readFirst(into, at, isText)
        else this.#readRecord(into, at, isText)
      }
      this.#line += row.lineFeeds + 1
      at = next
    }
    if (final && at === length && this.#width === undefined && this.#options.columns === undefined)
      this.#reject({
        reason: 'no header',
        expected: this.#entries.columns([])?.expected,
        line: 1,
        record: 0,
        isLast: true,
        start: 0,
        end: 0,
      })
    return at
  }

  /** Takes the names of the columns; returns what is wrong with them. */
  #begin(names: readonly string[]): Fault | undefined {
    const fault = this.#entries.columns(names)
    if (fault !== undefined) return fault
    this.#width = names.length
    this.#row.maxFields = names.length + 1
    this.#row.maxFieldBytes *= this.#entries.widest
    return undefined
  }

  /** Whether the first line is `sep=;`, as Excel writes it: what it names is the delimiter, where none was given. */
  #isDelimiterLine(bytes: Uint8Array, at: number): boolean {
    if (this.#dialect.hasEscapes || this.#row.end - at !== 5) return false
    if (Buffer.from(bytes.subarray(at, at + 4)).toString('latin1') !== 'sep=') return false
    this.#row.delimiter = this.#options.delimiter ?? bytes[at + 4]!
    return true
  }

  /** Why the row at `at`, which goes on after `length`, is bad whatever follows, if it is. */
  #faultAlready(bytes: Uint8Array, at: number, length: number): (Fault & { record: number }) | undefined {
    const row = this.#row
    const { columns, maxValueBytes, skip } = this.#options
    if (this.#width === undefined && columns === undefined) {
      const fault = length - at > EARLY_CHECK_BYTES ? this.#longHeader(bytes, at, length) : undefined
      return fault && { ...fault, record: 0 }
    }
    const record = this.#records + 1
    if (row.isEndless)
      return { record, reason: `a field is longer than ${maxValueBytes} bytes; perhaps a quote is not closed` }
    const width = this.#width ?? row.maxFields - 1
    const isWide =
      row.count > width && length - row.start(width) > (skip === undefined ? EARLY_CHECK_BYTES : MAX_SKIPPED_BYTES)
    return isWide ? { record, reason: `more fields than the ${width} of the header` } : undefined
  }

  /** What is wrong with a header by its beginning, if that tells. */
  #longHeader(bytes: Uint8Array, at: number, length: number): Fault | undefined {
    if (length - at > MAX_HEADER_BYTES) return { reason: `the header is longer than ${MAX_HEADER_BYTES} bytes` }
    const rest = bytes.subarray(at, length)
    const begin = rest.subarray(0, wholeSequences(rest, rest.length))
    if (!isUtf8(begin)) return { reason: HEADER_NOT_UTF8 }
    if (this.#options.mapping?.key !== undefined) return undefined
    // Longer than any header of these columns.
    const row = new Row({ ...this.#dialect, delimiter: this.#row.delimiter }, EARLY_CHECK_BYTES)
    row.read(begin, 0, begin.length, true)
    return this.#entries.columns(row.texts(begin))
  }

  /** Reads the first row, which is the header or tells how many columns there are. */
  #readFirst(into: BlockBuilder, at: number, isText: boolean): void {
    const { bytes } = into
    const row = this.#row
    if (this.#options.columns === undefined) {
      const names = isText || isUtf8(bytes.subarray(at, row.end)) ? row.texts(bytes) : undefined
      // Lines that end in CR alone are all one header.
      const hasReturn = row.lineFeeds === 0 && row.hasBareReturn(bytes)
      const reason =
        row.fault ??
        (names === undefined ? HEADER_NOT_UTF8 : hasReturn ? 'a name in the header has a CR in it' : undefined)
      const fault = reason === undefined ? this.#begin(names!) : { reason }
      if (fault !== undefined) this.#reject({ ...this.#badRow(at, fault), isLast: true })
      return
    }
    // A row whose fields cannot be told does not tell how many there are.
    const names = Array.from({ length: row.count }, (_, n) => String(n + 1))
    const fault = row.fault === undefined ? this.#begin(names) : undefined
    if (fault !== undefined) this.#reject({ ...this.#badRow(at, fault), record: this.#records + 1, isLast: true })
    this.#readRecord(into, at, isText)
  }

  #readRecord(into: BlockBuilder, at: number, isText: boolean): void {
    const { bytes } = into
    const { end, fault, count } = this.#row
    this.#records++
    if (!isText && !isUtf8(bytes.subarray(at, end))) {
      const bad = firstInvalidUtf8(bytes, at, end)
      const lineStart = Math.max(at, bytes.lastIndexOf(LINE_FEED, bad) + 1)
      const linesBefore = bytes.subarray(at, bad).filter((byte) => byte === LINE_FEED).length
      this.#reject({
        ...this.#badRow(at, { reason: `${INVALID_UTF8} at column ${columnOf(bytes, lineStart, bad)}` }),
        line: this.#line + linesBefore,
      })
      return
    }
    const reason = fault ?? (count === this.#width ? this.#entries.add(into, this.#row) : this.#wrongWidth())
    // Nobody knows what a quote that is not closed took in, so it is not one record that could be skipped.
    if (reason !== undefined) this.#reject({ ...this.#badRow(at, { reason }), isLast: fault === NOT_CLOSED })
  }

  #wrongWidth(): string {
    const { count } = this.#row
    const { columns } = this.#options
    const fields = `${count} ${count === 1 ? 'field' : 'fields'} where`
    if (columns === undefined) return `${fields} the header has ${this.#width}`
    if (columns.length > 0) return `${fields} --fields names ${this.#width}`
    return this.#entries.names.length > 0
      ? `${fields} ${this.#width} are expected: ${this.#entries.names.join(',')}`
      : `${fields} the first record has ${this.#width}`
  }

  #badRow(at: number, fault: Fault): BadRecord {
    return { ...fault, line: this.#line, record: this.#records, start: at, end: this.#row.end }
  }

  #reject(bad: BadRecord): void {
    reject(bad, this.#options)
  }
}

/** A parser for one input of CSV. */
export function csvParser(options: ParserOptions): RecordParser {
  return new DelimitedParser(options, DIALECTS.csv)
}

/** A parser for one input of TSV. */
export function tsvParser(options: ParserOptions): RecordParser {
  return new DelimitedParser(options, DIALECTS.tsv)
}
