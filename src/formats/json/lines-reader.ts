import { isUtf8 } from 'node:buffer'
import type { BlockBuilder } from '../../blocks/block-builder.ts'
import { JsonDocumentParser } from './document.ts'
import { recordReader } from './mapped-record.ts'
import { JsonRecordReader, type RecordReader } from './record.ts'
import {
  type BadRecord,
  EARLY_CHECK_BYTES,
  MAX_SKIPPED_BYTES,
  type ParserOptions,
  type RecordParser,
  reject,
} from '../record-reader.ts'
import { INVALID_UTF8, columnOf, firstInvalidUtf8, markLength, wholeSequences } from '../utf8.ts'

const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d
const QUOTE = 0x22

/** `1`: may stand in the JSON string of the most common line, that is anything but a control character, `"` and `\`. */
const PLAIN = new Uint8Array(256).fill(1, 0x20)
PLAIN[QUOTE] = 0
PLAIN[0x5c] = 0

/**
 * Parses JSON Lines: one record a line, `{"key":K,"value":V}` or `[K,V]` (see {@link JsonRecordReader}).
 * Lines end in LF or CRLF; a byte order mark at the very start, lines of nothing but blanks, and a
 * missing last line ending are fine.
 */
export class JsonLinesParser implements RecordParser {
  readonly makes: RecordParser['makes']
  readonly #options: ParserOptions
  readonly #reader: RecordReader
  /** The same, where the records have the fields of kv. */
  readonly #plainReader: JsonRecordReader | undefined
  /** Lines and records done with, over all buffers. */
  #lines = 0
  #records = 0
  #begun = false
  /** Whether what comes is the rest of a bad line. */
  #inBadLine = false
  /** Bytes of a line that is not there to its end which have been checked. */
  #checked = 0

  constructor(options: ParserOptions) {
    this.#options = options
    const reader = recordReader(options)
    this.#reader = reader
    this.#plainReader = reader instanceof JsonRecordReader ? reader : undefined
    this.makes = reader.makes
  }

  /** See {@link RecordParser.parse}. Complete records are those of whole lines. */
  parse(into: BlockBuilder, length: number, final: boolean): number {
    const bytes = into.bytes
    const end = final ? length : endOfLastLine(bytes, length)
    if (end === 0) return this.#inBadLine || this.#isBadAlready(bytes, length) ? length : 0
    this.#checked = 0
    const allUtf8 = isUtf8(bytes.subarray(0, end))
    let at = 0
    if (this.#inBadLine) {
      const feed = bytes.indexOf(LINE_FEED)
      if (feed < 0 || feed >= end) return end
      this.#inBadLine = false
      at = feed + 1
    }
    if (!this.#begun) {
      this.#begun = true
      at = markLength(bytes, end)
    }
    while (at < end && !into.isFull) {
      if (allUtf8 && this.#plainReader !== undefined) {
        at = this.#commonLines(into, this.#plainReader, at, end)
        if (at >= end || into.isFull) break
      }
      let lineEnd = bytes.indexOf(LINE_FEED, at)
      if (lineEnd < 0 || lineEnd > end) lineEnd = end
      this.#lines++
      const isCrlf = lineEnd > at && bytes[lineEnd - 1] === CARRIAGE_RETURN
      this.#line(into, at, isCrlf ? lineEnd - 1 : lineEnd, allUtf8)
      at = lineEnd + 1
    }
    // Without its last line ending.
    return Math.min(at, end)
  }

  /**
   * Parses lines of exactly the form `{"key":"K","value":"V"}` (perhaps with a blank after each colon
   * and comma) without escapes, as nearly all real lines are. Returns the start of the first line
   * that is not of it, or is bad.
   */
  #commonLines(into: BlockBuilder, reader: JsonRecordReader, at: number, end: number): number {
    const bytes = into.bytes
    const { mapping, maxValueBytes, maxEntryBytes = Infinity } = this.#options
    const prefixLength = mapping?.prefix?.length ?? 0
    const maxKeyBytes = this.#options.maxKeyBytes - prefixLength
    const asItStands = prefixLength === 0 && mapping?.ttl === undefined
    // The shortest such line, `{"key":"k","value":""}`, has 22 bytes: reading so far ahead stays inside.
    const last = end - 22
    let line = at
    let parsed = 0
    while (line <= last) {
      at = line
      // {"key":
      if (bytes[at] !== 0x7b || bytes[at + 1] !== QUOTE || bytes[at + 2] !== 0x6b || bytes[at + 3] !== 0x65) break
      if (bytes[at + 4] !== 0x79 || bytes[at + 5] !== QUOTE || bytes[at + 6] !== 0x3a) break
      at += bytes[at + 7] === 0x20 ? 8 : 7
      if (bytes[at] !== QUOTE) break
      const keyStart = ++at
      while (at < end && PLAIN[bytes[at]!] === 1) at++
      const keyLength = at - keyStart
      // Room for `", "value": `, so that reading on stays inside.
      if (at + 12 > end || keyLength === 0 || keyLength > maxKeyBytes) break
      if (bytes[at] !== QUOTE || bytes[at + 1] !== 0x2c) break
      at += bytes[at + 2] === 0x20 ? 3 : 2
      // "value":
      if (bytes[at] !== QUOTE || bytes[at + 1] !== 0x76 || bytes[at + 2] !== 0x61 || bytes[at + 3] !== 0x6c) break
      if (bytes[at + 4] !== 0x75 || bytes[at + 5] !== 0x65 || bytes[at + 6] !== QUOTE || bytes[at + 7] !== 0x3a) break
      at += bytes[at + 8] === 0x20 ? 9 : 8
      if (bytes[at] !== QUOTE) break
      const valueStart = ++at
      while (at < end && PLAIN[bytes[at]!] === 1) at++
      const valueLength = at - valueStart
      if (prefixLength + keyLength + valueLength > maxEntryBytes) break
      if (at + 2 > end || valueLength > maxValueBytes || bytes[at] !== QUOTE || bytes[at + 1] !== 0x7d) break
      at += 2
      if (at < end) {
        if (bytes[at] === CARRIAGE_RETURN && at + 1 < end) at++
        if (bytes[at] !== LINE_FEED) break
        at++
      }
      if (asItStands) into.add(keyStart, keyLength, valueStart, valueLength)
      else reader.add(into, keyStart, keyLength, valueStart, valueLength)
      parsed++
      line = at
      if (!asItStands && into.isFull) break
    }
    this.#lines += parsed
    this.#records += parsed
    return line
  }

  /**
   * Whether a line that is not there to its end is bad by its first `length` bytes, so that it need not be held until
   * its end is there.
   */
  #isBadAlready(bytes: Uint8Array, length: number): boolean {
    if (length < Math.max(EARLY_CHECK_BYTES, 2 * this.#checked)) return false
    this.#checked = length
    const start = this.#begun ? 0 : markLength(bytes, length)
    const fault = this.#fault(bytes, start, wholeSequences(bytes, length), false, true)
    if (fault === undefined || (this.#options.skip !== undefined && length < MAX_SKIPPED_BYTES)) return false
    this.#begun = true
    this.#inBadLine = true
    this.#lines++
    this.#records++
    this.#reject(fault, start, length)
    return true
  }

  /** Parses any line, from `start` up to its line ending at `end`. */
  #line(into: BlockBuilder, start: number, end: number, isKnownUtf8: boolean): void {
    this.#reader.reset(into.bytes, end)
    if (this.#reader.scanner.space(start) === end) return
    this.#records++
    const fault = this.#fault(into.bytes, start, end, isKnownUtf8, false)
    const reason = fault === undefined ? this.#reader.commit(into) : undefined
    if (reason !== undefined) this.#reject({ reason }, start, end)
    else if (fault !== undefined) this.#reject(fault, start, end)
  }

  /** Reads the record of a line. Returns why it is bad: where it `goesOn` after `end`, whatever follows. */
  #fault(
    bytes: Uint8Array,
    start: number,
    end: number,
    isKnownUtf8: boolean,
    goesOn: boolean,
  ): Pick<BadRecord, 'reason' | 'expected'> | undefined {
    const reader = this.#reader
    const scanner = reader.scanner
    if (!isKnownUtf8 && !isUtf8(bytes.subarray(start, end)))
      return { reason: `${INVALID_UTF8} at column ${columnOf(bytes, start, firstInvalidUtf8(bytes, start, end))}` }
    reader.reset(bytes, end)
    const first = scanner.space(start)
    if (first === end) return undefined
    const after = reader.record(first)
    if (after < 0 && !(goesOn && scanner.failedAt >= end)) {
      const reason = `${scanner.fault} at column ${columnOf(bytes, start, scanner.failedAt)}`
      return { reason, expected: scanner.expected || undefined }
    }
    const rest = after < 0 ? end : scanner.space(after)
    const reason =
      rest < end
        ? `text after the record at column ${columnOf(bytes, start, rest)}`
        : after < 0
          ? reader.badAlready(end)
          : reader.reason
    return reason === undefined ? undefined : { reason }
  }

  #reject({ reason, expected }: Pick<BadRecord, 'reason' | 'expected'>, start: number, end: number): void {
    reject({ line: this.#lines, record: this.#records, reason, expected, start, end }, this.#options)
  }
}

/** A parser for one input of JSON Lines. With a path, each line is a document that has its records there. */
export function jsonLinesParser(options: ParserOptions): RecordParser {
  return options.at === undefined ? new JsonLinesParser(options) : new JsonDocumentParser(options, 'documents')
}

/** The offset after the last line feed in the first `length` bytes; 0 when there is none. */
function endOfLastLine(bytes: Uint8Array, length: number): number {
  return length === 0 ? 0 : bytes.lastIndexOf(LINE_FEED, length - 1) + 1
}
