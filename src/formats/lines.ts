import { isUtf8 } from 'node:buffer'
import type { BlockBuilder, Made } from '../blocks/block-builder.ts'
import type { ByteArena } from '../blocks/byte-arena.ts'
import { usageError } from '../errors.ts'
import { type FieldMapping, fieldMapping } from './mapping.ts'
import {
  EARLY_CHECK_BYTES,
  MAX_SKIPPED_BYTES,
  type ParserOptions,
  type RecordParser,
  lengthFault,
  reject,
} from './record-reader.ts'
import { type Fields, fill } from './template.ts'
import { INVALID_UTF8, columnOf, firstInvalidUtf8, markLength } from './utf8.ts'

const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d

/** The fields of a line. */
const FIELD_NAMES = ['line', 'number']

/**
 * Parses text of which each line is a record: its text is the field `line`, its number, from 1, the field `number`.
 * The line is the key, and the value empty, unless a mapping says otherwise; empty lines are no records then.
 */
export class LinesParser implements RecordParser, Fields {
  readonly makes: Omit<Made, 'arena'> | undefined
  readonly #options: ParserOptions
  readonly #mapping: FieldMapping
  /** Whether lines are keys. */
  readonly #isPlain: boolean
  readonly #fields: readonly number[]
  readonly #end: number
  #lines = 0
  #begun = false
  /** Whether what comes is the rest of a line that is too long. */
  #inBadLine = false
  #bytes: Uint8Array = new Uint8Array(0)
  #lineStart = 0
  #lineEnd = 0

  constructor(options: ParserOptions) {
    const { mapping = {}, nul } = options
    this.#options = options
    this.#end = nul === true ? 0 : LINE_FEED
    this.#isPlain = mapping.key === undefined
    this.#mapping = fieldMapping(mapping.key ?? 'line', mapping)
    this.#fields = this.#mapping.fields.names.map((name) => {
      const field = FIELD_NAMES.indexOf(name)
      if (field < 0) throw usageError(`a line has no field ${name}`, `its fields are ${FIELD_NAMES.join(' and ')}`)
      return field
    })
    const keys = !this.#isPlain || this.#mapping.prefix.length > 0
    if (keys) this.makes = { keys, values: this.#mapping.value !== undefined }
  }

  /** See {@link RecordParser.parse}. A record is complete with its line ending. */
  parse(into: BlockBuilder, length: number, final: boolean): number {
    const bytes = into.bytes
    this.#bytes = bytes
    let at = 0
    if (!this.#begun) {
      if (!final && length < 3) return 0
      this.#begun = true
      at = markLength(bytes, length)
    }
    while (at < length && !into.isFull) {
      const found = bytes.indexOf(this.#end, at)
      const hasEnd = found >= 0 && found < length
      if (!hasEnd && !final) {
        if (!this.#inBadLine && !this.#isTooLong(length - at)) break
        this.#tooLong(at, length)
        return length
      }
      const end = hasEnd ? found : length
      if (this.#inBadLine) this.#inBadLine = false
      else
        this.#line(into, at, this.#end === LINE_FEED && end > at && bytes[end - 1] === CARRIAGE_RETURN ? end - 1 : end)
      at = hasEnd ? end + 1 : length
    }
    return at
  }

  /** See {@link Fields.addText}. */
  addText(field: number, out: ByteArena): string | undefined {
    if (this.#fields[field] === 0) out.add(this.#bytes, this.#lineStart, this.#lineEnd)
    else out.add(Buffer.from(String(this.#lines)))
    return undefined
  }

  #line(into: BlockBuilder, start: number, end: number): void {
    this.#lines++
    if (end === start && this.#isPlain) return
    const reason = this.#add(into, start, end)
    if (reason !== undefined) this.#reject(reason, start, end)
  }

  /** Adds the entry of a line, or returns why it is bad. */
  #add(into: BlockBuilder, start: number, end: number): string | undefined {
    const bytes = this.#bytes
    if (!isUtf8(bytes.subarray(start, end)))
      return `${INVALID_UTF8} at column ${columnOf(bytes, start, firstInvalidUtf8(bytes, start, end))}`
    this.#lineStart = start
    this.#lineEnd = end
    const { prefix, key, value } = this.#mapping
    if (this.makes === undefined) {
      const fault = lengthFault(end - start, 0, this.#options)
      if (fault === undefined) this.#put(into, start, end - start, end, 0)
      return fault
    }
    const { arena } = into
    const keyStart = arena.length
    arena.add(prefix)
    let reason = fill(key, this, arena)
    const keyLength = arena.length - keyStart
    if (reason === undefined && value !== undefined) reason = fill(value, this, arena)
    const valueLength = arena.length - keyStart - keyLength
    reason ??= lengthFault(keyLength, valueLength, this.#options)
    if (reason === undefined)
      this.#put(into, keyStart, keyLength, value === undefined ? start : keyStart + keyLength, valueLength)
    else arena.length = keyStart
    return reason
  }

  #put(into: BlockBuilder, keyStart: number, keyLength: number, valueStart: number, valueLength: number): void {
    const { ttl } = this.#mapping
    if (ttl === undefined) into.add(keyStart, keyLength, valueStart, valueLength)
    else into.addExpiring(keyStart, keyLength, valueStart, valueLength, -ttl)
  }

  /** Whether a line that is not there to its end is longer than any can be, or need not be held. */
  #isTooLong(bytes: number): boolean {
    const { maxKeyBytes, maxValueBytes, skip } = this.#options
    const longest = Math.max(EARLY_CHECK_BYTES, this.#isPlain ? maxKeyBytes : maxKeyBytes + maxValueBytes)
    return bytes > (skip === undefined ? longest : Math.max(longest, MAX_SKIPPED_BYTES))
  }

  #tooLong(start: number, length: number): void {
    if (this.#inBadLine) return
    this.#inBadLine = true
    this.#lines++
    this.#reject('a line is longer than a key may be', start, length)
  }

  #reject(reason: string, start: number, end: number): void {
    reject({ line: this.#lines, record: this.#lines, reason, start, end }, this.#options)
  }
}

/** A parser for one input of lines. */
export function linesParser(options: ParserOptions): RecordParser {
  return new LinesParser(options)
}
