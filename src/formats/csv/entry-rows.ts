import { asBuffer, decodeEncoded, encodedLength } from '../../bytes.ts'
import type { BlockBuilder, Made } from '../../blocks/block-builder.ts'
import { LONGEST_TIME, expiryOf } from '../time.ts'
import { type ParserOptions, lengthFault } from '../record-reader.ts'
import { type Column, type Columns, EXPECTED_HEADER, type Fault, columnsOf } from './columns.ts'
import type { Row } from './row.ts'

/** Makes entries of rows; one for each input. */
export interface RowEntries {
  /** As of {@link RecordParser.makes}. */
  readonly makes: Omit<Made, 'arena'> | undefined
  /** Names of the columns where the input has none; empty: they are numbered. */
  readonly names: readonly string[]
  /** Takes the names of the columns, once, before any row; returns what is wrong with them. */
  columns(names: readonly string[]): Fault | undefined
  /** How many times as long as the value a field may be. */
  readonly widest: number
  /** Adds the entry of a row that has as many fields as there are columns; returns why it is bad, and changed nothing. */
  add(into: BlockBuilder, row: Row): string | undefined
}

/**
 * Rows with the columns of an entry, in any order and no others: its key, its value, perhaps when it expires. An empty
 * value is the empty value, an empty `ttl` or `expires` none.
 */
export class EntryRows implements RowEntries {
  readonly makes: RowEntries['makes']
  readonly names = EXPECTED_HEADER.split(',')
  readonly #options: ParserOptions
  readonly #prefix: Uint8Array
  /** When entries expire that bring nothing of it, as blocks tell it. */
  readonly #expires: number | undefined
  #columns: Columns | undefined

  constructor(options: ParserOptions) {
    const { prefix = new Uint8Array(), ttl } = options.mapping ?? {}
    this.#options = options
    this.#prefix = prefix
    this.#expires = ttl === undefined ? undefined : -ttl
    this.makes = prefix.length === 0 ? undefined : { keys: true, values: false }
  }

  get widest(): number {
    // Hex takes two characters a byte.
    return this.#columns?.key.encoding === undefined && this.#columns?.value.encoding === undefined ? 1 : 2
  }

  columns(names: readonly string[]): Fault | undefined {
    const columns = columnsOf(names)
    if (typeof columns === 'string') return { reason: columns, expected: EXPECTED_HEADER }
    this.#columns = columns
    return undefined
  }

  add(into: BlockBuilder, row: Row): string | undefined {
    const { key, value, ttl, expires: timestamp } = this.#columns!
    const { bytes } = into
    const prefix = this.#prefix
    const length = fieldLength(bytes, row, key)
    if (length < 0) return `${key.name} is not ${key.encoding}`
    const keyLength = prefix.length + length
    const valueLength = fieldLength(bytes, row, value)
    if (valueLength < 0) return `${value.name} is not ${value.encoding}`
    const fault = lengthFault(keyLength, valueLength, this.#options)
    if (fault !== undefined) return fault
    const own = expiryOf(timeText(bytes, row, ttl), timeText(bytes, row, timestamp), this.#options.now)
    if (typeof own === 'string') return own
    decodeField(bytes, row, key)
    decodeField(bytes, row, value)
    let keyStart = row.start(key.field)
    if (this.makes !== undefined) {
      const { arena } = into
      arena.add(prefix)
      arena.add(bytes, keyStart, keyStart + length)
      keyStart = arena.length - keyLength
    }
    const expires = own ?? this.#expires
    if (expires === undefined) into.add(keyStart, keyLength, row.start(value.field), valueLength)
    else into.addExpiring(keyStart, keyLength, row.start(value.field), valueLength, expires)
    return undefined
  }
}

/** How many bytes a field stands for; -1 when it is not in its encoding. */
function fieldLength(bytes: Uint8Array, row: Row, { field, encoding }: Column): number {
  return encoding === undefined
    ? row.decodedLength(field)
    : encodedLength(bytes, row.start(field), row.fieldEnd(field), encoding)
}

/** Makes the bytes a field stands for be in the buffer at its start. */
function decodeField(bytes: Uint8Array, row: Row, { field, encoding }: Column): void {
  if (encoding === undefined) row.decode(bytes, field)
  else decodeEncoded(bytes, row.start(field), row.fieldEnd(field), encoding)
}

/** The text of a time to live or a timestamp; `undefined` when there is none. */
function timeText(bytes: Uint8Array, row: Row, field: number): string | undefined {
  if (field < 0) return undefined
  const start = row.start(field)
  const end = Math.min(start + LONGEST_TIME, row.fieldEnd(field))
  return asBuffer(bytes).toString('latin1', start, end) || undefined
}
