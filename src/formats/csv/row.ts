import { asBuffer } from '../../bytes.ts'

const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d
const QUOTE = 0x22
const BACKSLASH = 0x5c

/** Fields of a row that are remembered: more than any right row has. The others are counted. */
const MAX_FIELDS = 64

/** What the letter after a backslash stands for in TSV; 0: nothing, so both are text. */
const ESCAPES = new Uint8Array(256)
for (const [letter, byte] of Object.entries({ t: 0x09, n: LINE_FEED, r: CARRIAGE_RETURN, '\\': BACKSLASH }))
  ESCAPES[letter.charCodeAt(0)] = byte

/** The fault of a row that takes all that is left of the input. */
export const NOT_CLOSED = 'a quoted field is not closed'

/** CSV as RFC 4180 has it, or TSV without quotes and with `\t`, `\n`, `\r` and `\\`, as jq and Miller write it. */
export type Dialect = 'csv' | 'tsv'

/**
 * Finds the fields of one row of CSV or TSV, and decodes them in place. Lines end in LF or CRLF. In CSV a field that
 * begins with a quote ends with one, with `""` for a quote in it; any other quote is text.
 */
export class Row {
  /** How many fields the row has. */
  count = 0
  /** Line feeds within the row. */
  lineFeeds = 0
  /** Offset after the row's last byte, before its line ending. */
  end = 0
  /** Why the fields cannot be told, if they cannot. */
  fault: string | undefined
  /** The longest field there can be, once decoded. */
  maxFieldBytes: number
  /** Whether a row that is not complete has a field longer than any can be. */
  isEndless = false
  readonly #isCsv: boolean
  readonly #delimiter: number
  readonly #start = new Uint32Array(MAX_FIELDS)
  readonly #end = new Uint32Array(MAX_FIELDS)
  /** Bytes of each field that go when it is decoded. */
  readonly #removed = new Uint32Array(MAX_FIELDS)

  constructor(dialect: Dialect, maxFieldBytes: number) {
    this.#isCsv = dialect === 'csv'
    this.#delimiter = this.#isCsv ? 0x2c : 0x09
    this.maxFieldBytes = maxFieldBytes
  }

  /**
   * Reads the row at `at` of the first `length` bytes. Returns the offset after its line ending, or -1 when it is not
   * complete; with `final` the end of the bytes ends it. Changes no byte.
   */
  read(bytes: Uint8Array, at: number, length: number, final: boolean): number {
    this.count = 0
    this.lineFeeds = 0
    this.fault = undefined
    this.isEndless = false
    for (;;) {
      const isQuoted = this.#isCsv && at < length && bytes[at] === QUOTE
      const end = isQuoted ? this.#quoted(bytes, at + 1, length, final) : this.#plain(bytes, at, length)
      if (end < 0 || (end >= length && !final)) return -1
      this.count++
      if (end < length && bytes[end] === this.#delimiter) at = end + 1
      else return this.#endRow(bytes, end, length, isQuoted)
    }
  }

  /** How many fields can be asked for: all of a right row. */
  get known(): number {
    return Math.min(this.count, MAX_FIELDS)
  }

  /** The offset of a field's first byte. */
  start(field: number): number {
    return this.#start[field]!
  }

  /** The offset after a field's last byte. */
  fieldEnd(field: number): number {
    return this.#end[field]!
  }

  /** How many bytes a field has once decoded. */
  decodedLength(field: number): number {
    return this.#end[field]! - this.#start[field]! - this.#removed[field]!
  }

  /** Makes a field's text be in the buffer at its start. */
  decode(bytes: Uint8Array, field: number): void {
    if (this.#removed[field] === 0) return
    const end = this.#end[field]!
    const first = this.#isCsv ? QUOTE : BACKSLASH
    let to = this.#start[field]!
    for (let from = to; from < end; from++) {
      let byte = bytes[from]!
      if (byte === first && from + 1 < end) {
        if (this.#isCsv) from++
        else if (ESCAPES[bytes[from + 1]!] !== 0) byte = ESCAPES[bytes[++from]!]!
      }
      bytes[to++] = byte
    }
  }

  /** The texts of the fields that can be asked for. Decodes them, so that only once. */
  texts(bytes: Uint8Array): string[] {
    return Array.from({ length: this.known }, (_, field) => {
      this.decode(bytes, field)
      return asBuffer(bytes).toString('utf8', this.start(field), this.start(field) + this.decodedLength(field))
    })
  }

  #note(start: number, end: number, removed: number): void {
    const field = this.count
    if (field >= MAX_FIELDS) return
    this.#start[field] = start
    this.#end[field] = end
    this.#removed[field] = removed
  }

  /** A field without quotes around it; returns the offset after it, `length` when it may go on there. */
  #plain(bytes: Uint8Array, start: number, length: number): number {
    const delimiter = this.#delimiter
    const escape = this.#isCsv ? -1 : BACKSLASH
    let at = start
    let removed = 0
    for (; at < length; at++) {
      const byte = bytes[at]!
      if (byte === delimiter || byte === LINE_FEED) break
      if (byte === escape && at + 1 < length && ESCAPES[bytes[at + 1]!] !== 0) {
        removed++
        at++
      }
    }
    this.#note(start, at, removed)
    if (at === length) this.isEndless = at - start - removed > this.maxFieldBytes
    return at
  }

  /**
   * A quoted field, whose content begins at `start`; returns the offset after its line or closing quote, -1 when that
   * is not there.
   */
  #quoted(bytes: Uint8Array, start: number, length: number, final: boolean): number {
    let at = start
    let removed = 0
    for (; at < length; at++) {
      const byte = bytes[at]!
      if (byte === LINE_FEED) this.lineFeeds++
      if (byte !== QUOTE) continue
      // At the end of what is there, the quote may turn out to be the first of two.
      if (at + 1 === length && !final) return -1
      if (at + 1 === length || bytes[at + 1] !== QUOTE) break
      removed++
      at++
    }
    this.#note(start, Math.min(at, length), removed)
    if (at >= length) {
      this.isEndless = length - start - removed > this.maxFieldBytes
      if (!final) return -1
      this.fault = NOT_CLOSED
      return length
    }
    at++
    const isEnd =
      at === length ||
      bytes[at] === this.#delimiter ||
      bytes[at] === LINE_FEED ||
      (bytes[at] === CARRIAGE_RETURN && (at + 1 === length || bytes[at + 1] === LINE_FEED))
    if (!isEnd) this.fault ??= 'text after the closing quote of a field'
    while (at < length && bytes[at] !== this.#delimiter && bytes[at] !== LINE_FEED) at++
    return at
  }

  /** Ends the row with the field that ends at `end`. */
  #endRow(bytes: Uint8Array, end: number, length: number, isQuoted: boolean): number {
    const last = this.count - 1
    const hasReturn =
      end > 0 &&
      bytes[end - 1] === CARRIAGE_RETURN &&
      (isQuoted || last >= MAX_FIELDS || this.#end[last]! > this.#start[last]!)
    this.end = hasReturn ? end - 1 : end
    if (hasReturn && !isQuoted && last < MAX_FIELDS) this.#end[last]! -= 1
    return end < length ? end + 1 : end
  }
}
