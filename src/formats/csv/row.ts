import { asBuffer, utf8 } from '../../bytes.ts'
import { ByteArena } from '../../blocks/byte-arena.ts'
import type { Delimiters } from '../record-reader.ts'

const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d
const BACKSLASH = 0x5c

/** Fields of a row that are remembered where its width is not known: more than any table has columns. */
const MAX_FIELDS = 1 << 20

/** What the letter after a backslash stands for in TSV; 0: nothing, so both are text. */
const ESCAPES = new Uint8Array(256)
for (const [letter, byte] of Object.entries({ t: 0x09, n: LINE_FEED, r: CARRIAGE_RETURN, '\\': BACKSLASH }))
  ESCAPES[letter.charCodeAt(0)] = byte

/** The fault of a row that takes all that is left of the input. */
export const NOT_CLOSED = 'a quoted field is not closed'

/** How fields are written. */
export interface Dialect {
  /** The byte between them. */
  readonly delimiter: number
  /** The byte around those that need it; -1: none. */
  readonly quote: number
  /** Whether `\t`, `\n`, `\r` and `\\` stand for other bytes. */
  readonly hasEscapes: boolean
}

/** CSV as RFC 4180 has it, and TSV without quotes and with escapes, as jq and Miller write it. */
export const DIALECTS = {
  csv: { delimiter: 0x2c, quote: 0x22, hasEscapes: false },
  tsv: { delimiter: 0x09, quote: -1, hasEscapes: true },
} satisfies Record<string, Dialect>

/** The name of one. */
export type DialectName = keyof typeof DIALECTS

/** A dialect with other bytes, where they are given. */
export function dialectWith(dialect: Dialect, { delimiter, quote }: Delimiters): Dialect {
  return { ...dialect, delimiter: delimiter ?? dialect.delimiter, quote: quote ?? dialect.quote }
}

/**
 * Finds the fields of one row of CSV or TSV, and decodes them in place. Lines end in LF or CRLF. A field that begins
 * with a quote ends with one, with two for a quote in it; any other quote is text.
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
  /** The byte between fields. */
  delimiter: number
  /** Fields that are remembered; the others are counted. */
  maxFields = MAX_FIELDS
  readonly #quote: number
  /** What a backslash is; -1: text. */
  readonly #escape: number
  #start = new Uint32Array(64)
  #end = new Uint32Array(64)
  /** Bytes of each field that go when it is decoded. */
  #removed = new Uint32Array(64)

  constructor({ delimiter, quote, hasEscapes }: Dialect, maxFieldBytes: number) {
    this.delimiter = delimiter
    this.#quote = quote
    this.#escape = hasEscapes ? BACKSLASH : -1
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
      const isQuoted = at < length && bytes[at] === this.#quote
      const end = isQuoted ? this.#quoted(bytes, at + 1, length, final) : this.#plain(bytes, at, length)
      if (end < 0 || (end >= length && !final)) return -1
      this.count++
      if (end < length && bytes[end] === this.delimiter) at = end + 1
      else return this.#endRow(bytes, end, length, isQuoted)
    }
  }

  /** How many fields can be asked for: all of a right row. */
  get known(): number {
    return Math.min(this.count, this.maxFields)
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

  /** Whether a field's text is not what lies in the input. */
  isEncoded(field: number): boolean {
    return this.#removed[field] !== 0
  }

  /** Makes a field's text be in the buffer at its start. Only once. */
  decode(bytes: Uint8Array, field: number): void {
    if (this.#removed[field] !== 0) this.#decode(bytes, field, bytes, this.#start[field]!)
  }

  /** Adds a field's text to an arena. */
  addText(bytes: Uint8Array, field: number, out: ByteArena): void {
    if (this.#removed[field] === 0) return out.add(bytes, this.#start[field], this.#end[field])
    out.reserve(this.decodedLength(field))
    out.length = this.#decode(bytes, field, out.bytes, out.length)
  }

  #decode(bytes: Uint8Array, field: number, out: Uint8Array, to: number): number {
    const end = this.#end[field]!
    const escape = this.#escape
    // Either a quote is two, or a backslash escapes.
    const first = escape < 0 ? this.#quote : escape
    for (let from = this.#start[field]!; from < end; from++) {
      let byte = bytes[from]!
      if (byte === first && from + 1 < end) {
        if (escape < 0) from++
        else if (ESCAPES[bytes[from + 1]!] !== 0) byte = ESCAPES[bytes[++from]!]!
      }
      out[to++] = byte
    }
    return to
  }

  /** The texts of the fields that can be asked for. */
  texts(bytes: Uint8Array): string[] {
    const text = new ByteArena()
    return Array.from({ length: this.known }, (_, field) => {
      text.length = 0
      this.addText(bytes, field, text)
      return asBuffer(text.bytes).toString('utf8', 0, text.length)
    })
  }

  /** Whether a field without quotes has a CR in it, as where lines end in CR alone. */
  hasBareReturn(bytes: Uint8Array): boolean {
    for (let field = 0; field < this.known; field++) {
      const start = this.#start[field]!
      if (start > 0 && bytes[start - 1] === this.#quote) continue
      if (bytes.subarray(start, this.#end[field]).includes(CARRIAGE_RETURN)) return true
    }
    return false
  }

  #note(start: number, end: number, removed: number): void {
    const field = this.count
    if (field >= this.maxFields) return
    if (field === this.#start.length) this.#grow()
    this.#start[field] = start
    this.#end[field] = end
    this.#removed[field] = removed
  }

  #grow(): void {
    const larger = (array: Uint32Array): Uint32Array<ArrayBuffer> => {
      const grown = new Uint32Array(array.length * 2)
      grown.set(array)
      return grown
    }
    this.#start = larger(this.#start)
    this.#end = larger(this.#end)
    this.#removed = larger(this.#removed)
  }

  /** A field without quotes around it; returns the offset after it, `length` when it may go on there. */
  #plain(bytes: Uint8Array, start: number, length: number): number {
    const delimiter = this.delimiter
    const escape = this.#escape
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
    const quote = this.#quote
    let at = start
    let removed = 0
    for (; at < length; at++) {
      const byte = bytes[at]!
      if (byte === LINE_FEED) this.lineFeeds++
      if (byte !== quote) continue
      // At the end of what is there, the quote may turn out to be the first of two.
      if (at + 1 === length && !final) return -1
      if (at + 1 === length || bytes[at + 1] !== quote) break
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
      bytes[at] === this.delimiter ||
      bytes[at] === LINE_FEED ||
      (bytes[at] === CARRIAGE_RETURN && (at + 1 === length || bytes[at + 1] === LINE_FEED))
    if (!isEnd) this.fault ??= 'text after the closing quote of a field'
    while (at < length && bytes[at] !== this.delimiter && bytes[at] !== LINE_FEED) at++
    return at
  }

  /** Ends the row with the field that ends at `end`. */
  #endRow(bytes: Uint8Array, end: number, length: number, isQuoted: boolean): number {
    const last = this.count - 1
    const hasReturn =
      end > 0 &&
      bytes[end - 1] === CARRIAGE_RETURN &&
      (isQuoted || last >= this.maxFields || this.#end[last]! > this.#start[last]!)
    this.end = hasReturn ? end - 1 : end
    if (hasReturn && !isQuoted && last < this.maxFields) this.#end[last]! -= 1
    return end < length ? end + 1 : end
  }
}

/** The fields of text that is one row; `undefined` when they cannot be told, or more rows follow. */
export function fieldsOf(text: string, dialect: Dialect): string[] | undefined {
  const bytes = utf8(text)
  const row = new Row(dialect, bytes.length)
  const end = row.read(bytes, 0, bytes.length, true)
  return row.fault === undefined && end === bytes.length ? row.texts(bytes) : undefined
}
