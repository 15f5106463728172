import { isUtf8 } from 'node:buffer'
import { parse as parseCsv } from 'csv-parse/sync'
import { asBuffer } from '../bytes.ts'
import type { BlockBuilder } from './block-builder.ts'
import { CsvSplitter } from './csv-splitter.ts'
import { expiryOfTimestamp, expiryOfTtl } from './expiry.ts'
import { type ParserOptions, type RecordParser, RecordRefused, type Refusal } from './record-parser.ts'
import { countCodePoints, firstInvalidUtf8 } from './utf8.ts'

const COLUMNS = ['key', 'value', 'ttl', 'expires'] as const
type Column = (typeof COLUMNS)[number]

/** Bytes handed to csv-parse at once: many records a call, few enough to hold their fields as strings. */
const BATCH_BYTES = 256 * 1024

/** What csv-parse's error codes mean, for people. */
const REASONS: Readonly<Record<string, string>> = {
  CSV_QUOTE_NOT_CLOSED: 'a quoted field is not closed',
  CSV_INVALID_CLOSING_QUOTE: 'text after the closing quote of a field',
  INVALID_OPENING_QUOTE: 'a quote inside a field that does not begin with one',
}

/**
 * Parses CSV or TSV with a header (RFC 4180; lines may also end in a line feed alone). The columns
 * are `key` and `value`, perhaps `ttl` (seconds) or `expires` (RFC 3339), in any order, and no others.
 * Fields may be quoted, with `""` for a quote. An empty value is the empty value, an empty `ttl` or
 * `expires` none. Blank lines and a byte order mark are fine. A wrong header cannot be skipped.
 */
export class CsvParser implements RecordParser {
  readonly #options: ParserOptions
  readonly #delimiter: string
  readonly #splitter: CsvSplitter
  /** The index of each column's field; -1 for a column that is not there. */
  #header: Readonly<Record<Column, number>> | undefined
  #width = 0
  #records = 0
  #begun = false

  /** `delimiter`: `,` for CSV, a tab for TSV. */
  constructor(options: ParserOptions, delimiter: ',' | '\t') {
    this.#options = options
    this.#delimiter = delimiter
    this.#splitter = new CsvSplitter(delimiter.charCodeAt(0))
  }

  /** See {@link RecordParser.parse}. A record is complete with its line ending. */
  parse(into: BlockBuilder, length: number, final: boolean): number {
    const bytes = into.bytes
    const splitter = this.#splitter
    let at = 0
    if (!this.#begun) {
      if (!final && length < 3) return 0
      this.#begun = true
      if (length >= 3 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) at = 3
    }
    while (at < length) {
      // The header alone comes first: it says how to take the rest.
      const count = splitter.split(bytes, at, length, final, this.#header === undefined ? 1 : BATCH_BYTES)
      if (splitter.consumed === at) break
      at = splitter.consumed
      if (count === 0) continue
      if (this.#header === undefined) this.#readHeader(bytes)
      else this.#readRecords(into, count)
    }
    if (final && this.#header === undefined) {
      throw new RecordRefused({ line: 1, record: 0, reason: 'no header', expected: 'key,value', start: 0, end: 0 })
    }
    return at
  }

  #readHeader(bytes: Uint8Array): void {
    const names = isUtf8(bytes.subarray(this.#splitter.start[0], this.#splitter.end[0]))
      ? this.#rows(bytes, 0, 1)[0]!
      : 'the header is not valid UTF-8'
    const reason = typeof names === 'string' ? names : headerFault(names)
    if (reason !== undefined) throw new RecordRefused({ ...this.#refusal(0, reason), expected: 'key,value' })
    this.#width = names.length
    const index = (column: Column): number => names.indexOf(column)
    this.#header = { key: index('key'), value: index('value'), ttl: index('ttl'), expires: index('expires') }
  }

  /** Takes in the first `count` records the splitter found. */
  #readRecords(into: BlockBuilder, count: number): void {
    const { start, end, line } = this.#splitter
    const bytes = into.bytes
    const rows = this.#rows(bytes, 0, count)
    const allUtf8 = isUtf8(bytes.subarray(start[0]!, end[count - 1]!))
    for (let n = 0; n < count; n++) {
      this.#records++
      if (!allUtf8 && !isUtf8(bytes.subarray(start[n]!, end[n]!))) {
        const bad = firstInvalidUtf8(bytes, start[n]!, end[n]!)
        const lineStart = Math.max(start[n]!, bytes.lastIndexOf(0x0a, bad) + 1)
        const linesBefore = bytes.subarray(start[n]!, bad).filter((byte) => byte === 0x0a).length
        const reason = `invalid UTF-8 at column ${countCodePoints(bytes, lineStart, bad) + 1}`
        this.#refuse({ ...this.#refusal(n, reason), line: line[n]! + linesBefore })
        continue
      }
      const row = rows[n]!
      const reason = typeof row === 'string' ? row : this.#add(into, row, start[n]!)
      if (reason !== undefined) this.#refuse(this.#refusal(n, reason))
    }
  }

  /** Adds the entry of a row, whose bytes it writes to `at`; or returns why it is refused. */
  #add(into: BlockBuilder, row: readonly string[], at: number): string | undefined {
    if (row.length !== this.#width) {
      return `${row.length} ${row.length === 1 ? 'field' : 'fields'} where the header has ${this.#width}`
    }
    const { maxKeyBytes, maxValueBytes, now } = this.#options
    const header = this.#header!
    const key = row[header.key]!
    const value = row[header.value]!
    const ttl = row[header.ttl] ?? ''
    const timestamp = row[header.expires] ?? ''
    if (key.length === 0) return 'key is empty'
    if (key.length > maxKeyBytes) return `key is longer than ${maxKeyBytes} bytes`
    if (value.length > maxValueBytes) return `value is longer than ${maxValueBytes} bytes`
    if (ttl !== '' && timestamp !== '') return 'both ttl and expires'
    const expires = ttl !== '' ? expiryOfTtl(ttl, now()) : timestamp !== '' ? expiryOfTimestamp(timestamp) : undefined
    if (typeof expires === 'string') return expires
    // Fields are strings by now, and shorter together than the record they came from.
    const buffer = asBuffer(into.bytes)
    buffer.write(key, at, 'latin1')
    buffer.write(value, at + key.length, 'latin1')
    if (expires === undefined) into.add(at, key.length, at + key.length, value.length)
    else into.addExpiring(at, key.length, at + key.length, value.length, expires)
    return undefined
  }

  /**
   * The fields of the records `from` to `to` (exclusive) of those the splitter found, or of a record
   * why they cannot be told. Each character of a field stands for one byte.
   */
  #rows(bytes: Uint8Array, from: number, to: number): (string[] | string)[] {
    const { start, end } = this.#splitter
    try {
      const rows = parseCsv(asBuffer(bytes.subarray(start[from], end[to - 1])), {
        delimiter: this.#delimiter,
        encoding: 'latin1',
        record_delimiter: ['\r\n', '\n'],
        relax_column_count: true,
        skip_empty_lines: true,
      })
      if (rows.length !== to - from) throw new Error(`csv-parse found ${rows.length} records, the splitter ${to - from}`)
      return rows
    } catch (error) {
      const reason = REASONS[(error as { code?: string }).code ?? '']
      if (reason === undefined) throw error
      if (to - from === 1) return [reason]
      // Somewhere in there is a wrong record; by halves, only that one is refused.
      const middle = (from + to) >>> 1
      return [...this.#rows(bytes, from, middle), ...this.#rows(bytes, middle, to)]
    }
  }

  #refusal(n: number, reason: string): Refusal {
    const { start, end, line } = this.#splitter
    return { line: line[n]!, record: this.#records, reason, expected: undefined, start: start[n]!, end: end[n]! }
  }

  #refuse(refusal: Refusal): void {
    if (this.#options.skip === undefined) throw new RecordRefused(refusal)
    this.#options.skip(refusal)
  }
}

/** What is wrong with a header, if anything. */
function headerFault(names: readonly string[]): string | undefined {
  for (const [index, name] of names.entries()) {
    const text = Buffer.from(name, 'latin1').toString('utf8')
    if (!(COLUMNS as readonly string[]).includes(name)) return `unknown column ${JSON.stringify(text.slice(0, 40).toWellFormed())}`
    if (names.indexOf(name) !== index) return `column ${JSON.stringify(text)} is there twice`
  }
  for (const column of ['key', 'value']) if (!names.includes(column)) return `no column ${JSON.stringify(column)}`
  return undefined
}
