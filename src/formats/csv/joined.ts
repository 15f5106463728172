import type { DialectName } from './row.ts'

/** Ends every field of a row but the last. No UTF-8 text has this byte. */
export const FIELD_END = 0xfe
/** Ends a row. No UTF-8 text has this byte. */
export const ROW_END = 0xff

/** What a byte is to a field; in TSV a mark is told by its letter. */
const PLAIN = 0
const MARK = 1
const END = 2

const QUOTE = 0x22
const BACKSLASH = 0x5c
const LINE_FEED = 0x0a
const COMMA = 0x2c
const TAB = 0x09

/** For each byte of CSV, whether a field that has it is quoted, or it ends one. */
const CSV_BYTES = bytesOf({ ',': MARK, '"': MARK, '\r': MARK, '\n': MARK })
/** The marks that are no controls, four times each. */
const CSV_MARKS = [0x2c2c2c2c, 0x22222222] as const
const TSV_MARKS = [0x5c5c5c5c, 0x5c5c5c5c] as const
const FOUR_BLANKS = 0x20202020
const HIGHEST_BITS = 0x80808080

/** For each byte of TSV the letter that stands for it behind a backslash, 0 for most; or that it ends a field. */
const TSV_BYTES = bytesOf({ '\t': 0x74, '\n': 0x6e, '\r': 0x72, '\\': BACKSLASH })

/** Lines of text, and how many. */
export interface JoinedText {
  /** New memory. */
  readonly text: Uint8Array
  readonly rows: number
}

/**
 * Writes rows as CSV or TSV, as `csvWriter` and `tsvWriter` write entries, but many at once: their fields lie one behind
 * the other, each ended by {@link FIELD_END} or {@link ROW_END}.
 */
export class JoinedRows {
  readonly #isCsv: boolean
  readonly #columns: number
  #out = new Uint8Array(0)
  #length = 0

  /** @param columns fields of each row */
  constructor(dialect: DialectName, columns: number) {
    this.#isCsv = dialect === 'csv'
    this.#columns = columns
  }

  /**
   * The text of whole rows; `undefined` when these have more or fewer fields, since a field has a byte that ends one.
   * Whether the text is UTF-8, and as many rows as there should be, is for the caller to check.
   */
  text(bytes: Uint8Array): JoinedText | undefined {
    if (bytes[bytes.length - 1] !== ROW_END) return undefined
    // What ends a field becomes three bytes at most: the closing quote, the separator, and a quote that opens the next.
    const longest = 3 * bytes.length + 1
    if (this.#out.length < longest) this.#out = new Uint8Array(longest)
    const rows = this.#isCsv ? this.#csv(bytes) : this.#tsv(bytes)
    return rows === undefined ? undefined : { text: this.#out.slice(0, this.#length), rows }
  }

  #csv(bytes: Uint8Array): number | undefined {
    const out = this.#out
    const source = viewOf(bytes)
    const view = viewOf(out)
    const { length } = bytes
    let to = 0
    let fields = 0
    let rows = 0
    for (let from = 0; from < length;) {
      const fieldFrom = from
      const fieldTo = to
      const copied = copyPlain(source, from, view, to, CSV_MARKS)
      from += copied
      to += copied
      let byte = bytes[from++]!
      let kind = CSV_BYTES[byte]!
      while (kind === PLAIN) {
        out[to++] = byte
        byte = bytes[from++]!
        kind = CSV_BYTES[byte]!
      }
      if (kind === MARK) {
        from = fieldFrom
        to = fieldTo
        out[to++] = QUOTE
        for (;;) {
          byte = bytes[from++]!
          if (byte >= FIELD_END) break
          out[to++] = byte
          if (byte === QUOTE) out[to++] = QUOTE
        }
        out[to++] = QUOTE
      }
      fields++
      if (byte === ROW_END) {
        out[to++] = LINE_FEED
        rows++
      } else out[to++] = COMMA
    }
    this.#length = to
    return fields === rows * this.#columns ? rows : undefined
  }

  #tsv(bytes: Uint8Array): number | undefined {
    const out = this.#out
    const source = viewOf(bytes)
    const view = viewOf(out)
    const { length } = bytes
    let to = 0
    let fields = 0
    let rows = 0
    for (let from = 0; from < length;) {
      const copied = copyPlain(source, from, view, to, TSV_MARKS)
      from += copied
      to += copied
      let byte = bytes[from++]!
      let kind = TSV_BYTES[byte]!
      while (kind === PLAIN) {
        out[to++] = byte
        byte = bytes[from++]!
        kind = TSV_BYTES[byte]!
      }
      if (kind !== END) {
        out[to++] = BACKSLASH
        out[to++] = kind
      } else {
        fields++
        if (byte === ROW_END) {
          out[to++] = LINE_FEED
          rows++
        } else out[to++] = TAB
      }
    }
    this.#length = to
    return fields === rows * this.#columns ? rows : undefined
  }
}

function viewOf({ buffer, byteOffset, length }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, length)
}

/** Copies four bytes at a time while all are ASCII that stands for itself; returns how many. It leaves some of these. */
function copyPlain(
  source: DataView,
  from: number,
  out: DataView,
  to: number,
  marks: readonly [number, number],
): number {
  const [one, other] = marks
  const begin = from
  for (const last = source.byteLength - 4; from <= last; from += 4, to += 4) {
    const word = source.getInt32(from, true)
    // Its highest bit is set in a byte that is not ASCII, and after the subtraction in one below the blank.
    if (((word | (word - FOUR_BLANKS) | zeros(word ^ one) | zeros(word ^ other)) & HIGHEST_BITS) !== 0) break
    out.setInt32(to, word, true)
  }
  return from - begin
}

/** Sets the highest bit of each byte that is zero, and perhaps of some above it. */
function zeros(word: number): number {
  return (word - 0x01010101) & ~word
}

function bytesOf(marks: Readonly<Record<string, number>>): Uint8Array {
  const kinds = new Uint8Array(256)
  for (const [char, kind] of Object.entries(marks)) kinds[char.charCodeAt(0)] = kind
  kinds[FIELD_END] = END
  kinds[ROW_END] = END
  return kinds
}
