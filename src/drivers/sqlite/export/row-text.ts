import { isUtf8 } from 'node:buffer'
import { asBuffer } from '../../../bytes.ts'
import { FIELD_END, JoinedRows, ROW_END } from '../../../formats/csv/joined.ts'
import type { TextForm } from '../../../store/driver/text-form.ts'
import type { Layout, ValuesSql } from '../layout/layout.ts'
import { EXPIRES, LONG_VALUE } from '../read/range.ts'

/** Stands on both sides of the key of an entry that is left out, in hexadecimal digits. No UTF-8 text has this byte. */
const LEFT_OUT = 0xfd

const LINE_FEED = 0x0a

/** As `Date.prototype.toISOString` writes it. */
const EXPIRES_TEXT = `strftime('%Y-%m-%dT%H:%M:%fZ', cast(${EXPIRES} as integer) / 1000.0, 'unixepoch')`

/** Lines of text, and the key of an entry with a long value, which is to be written in that place. */
export type TextPart = { readonly text: Uint8Array } | { readonly key: Uint8Array }

/** The text of pages in one form: what the engine writes of each row, and what becomes of it. */
export class RowText {
  /** An expression of SQL: the rows of a page, joined. */
  readonly sql: string
  /** Whether entries that expire have a place in this form. */
  readonly hasExpires: boolean
  readonly #rowEnd: number
  /** Makes lines of joined fields; `undefined` where the engine writes lines. */
  readonly #fields: JoinedRows | undefined

  constructor({ form = 'jsonl', expires = false }: TextForm, { withValues }: Layout) {
    const isJson = form === 'jsonl'
    this.hasExpires = isJson || expires
    this.#rowEnd = isJson ? LINE_FEED : ROW_END
    this.#fields = isJson ? undefined : new JoinedRows(form, expires ? 3 : 2)
    const row = isJson ? jsonRow(withValues) : fieldsRow(withValues, expires)
    const leftOut = `when ${withValues.length} > ${LONG_VALUE} then ${blob(LEFT_OUT)} || hex(key) || ${blob(LEFT_OUT)}`
    const rowEnd = blob(this.#rowEnd)
    this.sql = `cast(group_concat(case ${leftOut} ${row} end, ${rowEnd}) || ${rowEnd} as blob)`
  }

  /**
   * The parts of a page of which {@link sql} gave `rows`; `undefined` when some bytes are not UTF-8, so that its entries
   * are to be written one by one.
   *
   * @param count how many rows there are, of which `long` have a long value
   */
  parts(rows: Uint8Array, count: number, long: number): TextPart[] | undefined {
    const parts: TextPart[] = []
    let written = 0
    const add = (part: Uint8Array): boolean => {
      if (part.length === 0) return true
      const made = this.#fields === undefined ? { text: part, rows: 0 } : this.#fields.text(part)
      // The bytes around each string are ASCII, so one check tells of all.
      if (made === undefined || !isUtf8(made.text)) return false
      parts.push({ text: made.text })
      written += made.rows
      return true
    }
    let from = 0
    let keys = 0
    for (let at = rows.indexOf(LEFT_OUT); at !== -1; at = rows.indexOf(LEFT_OUT, from)) {
      const end = rows.indexOf(LEFT_OUT, at + 1)
      const isRow = (at === 0 || rows[at - 1] === this.#rowEnd) && rows[end + 1] === this.#rowEnd
      if (end === -1 || !isRow || !add(rows.subarray(from, at))) return undefined
      parts.push({ key: new Uint8Array(Buffer.from(asBuffer(rows).toString('latin1', at + 1, end), 'hex')) })
      keys++
      from = end + 2
    }
    if (!add(rows.subarray(from))) return undefined
    // Bytes that are not UTF-8 may look like the end of a row, and like a row that was left out.
    return keys === long && (this.#fields === undefined || written === count - long) ? parts : undefined
  }
}

/** SQLite escapes strings as `JSON.stringify` does, and passes invalid UTF-8 through. */
function jsonRow({ value }: ValuesSql): string {
  const entry = `'key', cast(key as text), 'value', cast(${value} as text)`
  return `when expires is null then json_object(${entry}) else json_object(${entry}, 'expires', ${EXPIRES_TEXT})`
}

function fieldsRow({ value }: ValuesSql, expires: boolean): string {
  const fields = ['key', value, ...(expires ? [`coalesce(${EXPIRES_TEXT}, '')`] : [])]
  return `else ${fields.join(` || ${blob(FIELD_END)} || `)}`
}

function blob(byte: number): string {
  return `x'${byte.toString(16).padStart(2, '0')}'`
}
