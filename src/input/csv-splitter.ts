const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d
const QUOTE = 0x22

/** The most records found by one call. */
const BATCH_RECORDS = 4096

/**
 * Finds where the records of CSV end (RFC 4180: a line feed inside quotes does not end one) and in
 * which lines they lie. Whether the quoting of a record is right is not decided here; a quote counts
 * as opening only at the start of a field, so a stray one elsewhere does not swallow what follows.
 */
export class CsvSplitter {
  /** Of each record found: offset of its first byte. */
  readonly start = new Uint32Array(BATCH_RECORDS)
  /** Of each record found: offset after its last byte, before the line ending. */
  readonly end = new Uint32Array(BATCH_RECORDS)
  /** Of each record found: 1-based number of its first line. */
  readonly line = new Float64Array(BATCH_RECORDS)
  /** Offset after the last record or blank line found, and its line ending. */
  consumed = 0
  readonly #delimiter: number
  /** Of the line at `consumed`. */
  #nextLine = 1

  /** `delimiter`: the byte between fields. */
  constructor(delimiter: number) {
    this.#delimiter = delimiter
  }

  /**
   * Finds records from `from` on in the first `length` bytes, until `budget` bytes are passed (at least
   * one record if there is one). With `final`, the last record needs no line ending. Returns how many;
   * blank lines are none.
   */
  split(bytes: Uint8Array, from: number, length: number, final: boolean, budget: number): number {
    let count = 0
    let at = from
    while (at < length && count < BATCH_RECORDS && (count === 0 || at - from < budget)) {
      const end = this.#recordEnd(bytes, at, length)
      if (end === length && !final) break
      const contentEnd = end > at && bytes[end - 1] === CARRIAGE_RETURN ? end - 1 : end
      if (contentEnd > at) {
        this.start[count] = at
        this.end[count] = contentEnd
        this.line[count] = this.#nextLine
        count++
      }
      this.#nextLine += countLineFeeds(bytes, at, end) + 1
      at = end === length ? end : end + 1
    }
    this.consumed = at
    return count
  }

  /** The offset of the line feed that ends the record at `at`, or `length`. */
  #recordEnd(bytes: Uint8Array, at: number, length: number): number {
    const delimiter = this.#delimiter
    let isFieldStart = true
    while (at < length) {
      const byte = bytes[at]!
      if (byte === LINE_FEED) return at
      if (byte === QUOTE && isFieldStart) {
        at = afterQuoted(bytes, at + 1, length)
        isFieldStart = false
      } else {
        isFieldStart = byte === delimiter
        at++
      }
    }
    return length
  }
}

/** The offset after the quote that closes the field whose content begins at `at`, or `length`. */
function afterQuoted(bytes: Uint8Array, at: number, length: number): number {
  for (; at < length; at++) {
    if (bytes[at] !== QUOTE) continue
    if (bytes[at + 1] !== QUOTE || at + 1 >= length) return at + 1
    at++
  }
  return length
}

function countLineFeeds(bytes: Uint8Array, start: number, end: number): number {
  let count = 0
  for (let at = start; at < end; at++) if (bytes[at] === LINE_FEED) count++
  return count
}
