import { isUtf8 } from 'node:buffer'
import type { BlockBuilder, Made } from '../blocks/block-builder.ts'
import type { ByteArena } from '../blocks/byte-arena.ts'
import { utf8 } from '../bytes.ts'
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
import { INVALID_UTF8, columnOf, firstInvalidUtf8, markLength, mayBeMark, wholeSequences } from './utf8.ts'

const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d

/** The fields of a line, and which of them its text is. */
const FIELD_NAMES = ['line', 'number']
const LINE = 0

/**
 * Parses text of which each line is a record: its text is the field `line`, its number, from 1, the field `number`.
 * The line is the key, unless a mapping says otherwise. Where the key has the line in it, empty lines are no records,
 * and the value is empty if nothing else; otherwise it is the line.
 */
export class LinesParser implements RecordParser, Fields {
  readonly makes: Omit<Made, 'arena'> | undefined
  readonly #options: ParserOptions
  readonly #mapping: FieldMapping
  /** For each field of the mapping which one of a line it is. */
  readonly #fields: readonly number[]
  /** Whether the line is a part of its key. */
  readonly #isInKey: boolean
  /** The byte that ends a line. */
  readonly #end: number
  #lines = 0
  #begun = false
  /** Whether what comes is the rest of a line that is too long. */
  #inBadLine = false
  #bytes: Uint8Array = new Uint8Array(0)
  #lineStart = 0
  #lineEnd = 0

  /** Throws `KV_USAGE` for a wrong template, and for fields that a line does not have. */
  constructor(options: ParserOptions) {
    const { mapping = {}, nul } = options
    const { key = 'line' } = mapping
    this.#options = options
    this.#end = nul === true ? 0 : LINE_FEED
    this.#isInKey = hasLine(fieldMapping(key, {}))
    this.#mapping = fieldMapping(key, { ...mapping, value: mapping.value ?? (this.#isInKey ? undefined : 'line') })
    this.#fields = fieldsOf(this.#mapping)
    const isMade = mapping.key !== undefined || this.#mapping.prefix.length > 0 || this.#mapping.value !== undefined
    if (isMade) this.makes = { keys: true, values: this.#mapping.value !== undefined }
  }

  /** See {@link RecordParser.parse}. A record is complete with its line ending. */
  parse(into: BlockBuilder, length: number, final: boolean): number {
    const bytes = into.bytes
    this.#bytes = bytes
    let at = 0
    if (!this.#begun) {
      if (!final && mayBeMark(bytes, length)) return 0
      this.#begun = true
      at = markLength(bytes, length)
    }
    const isText = isUtf8(bytes.subarray(0, final ? length : wholeSequences(bytes, length)))
    while (at < length && !into.isFull) {
      const found = bytes.indexOf(this.#end, at)
      const hasEnd = found >= 0 && found < length
      if (!hasEnd && !final) {
        if (!this.#inBadLine) {
          if (!this.#isTooLong(length - at)) break
          this.#tooLong(at, length)
        }
        return length
      }
      const end = hasEnd ? found : length
      const hasReturn = this.#end === LINE_FEED && end > at && bytes[end - 1] === CARRIAGE_RETURN
      if (this.#inBadLine) this.#inBadLine = false
      else this.#line(into, at, hasReturn ? end - 1 : end, isText)
      at = hasEnd ? end + 1 : length
    }
    return at
  }

  /** See {@link Fields.addText}. */
  addText(field: number, out: ByteArena): string | undefined {
    if (this.#fields[field] === LINE) out.add(this.#bytes, this.#lineStart, this.#lineEnd)
    else out.add(utf8(String(this.#lines)))
    return undefined
  }

  #line(into: BlockBuilder, start: number, end: number, isText: boolean): void {
    this.#lines++
    if (end === start && this.#isInKey) return
    const reason = this.#add(into, start, end, isText)
    if (reason !== undefined) this.#reject(reason, start, end)
  }

  /** Adds the entry of a line, or returns why it is bad. */
  #add(into: BlockBuilder, start: number, end: number, isText: boolean): string | undefined {
    const bytes = this.#bytes
    if (!isText && !isUtf8(bytes.subarray(start, end)))
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

  /** The most bytes of a line that can be a record. */
  get #longest(): number {
    const { maxKeyBytes, maxValueBytes } = this.#options
    return this.#mapping.value === undefined ? maxKeyBytes : Math.max(maxKeyBytes, maxValueBytes)
  }

  /** Whether a line that is not there to its end is longer than any can be, and need not be held. */
  #isTooLong(bytes: number): boolean {
    const longest = Math.max(EARLY_CHECK_BYTES, this.#longest + 1)
    return bytes > (this.#options.skip === undefined ? longest : Math.max(longest, MAX_SKIPPED_BYTES))
  }

  #tooLong(start: number, length: number): void {
    this.#inBadLine = true
    this.#lines++
    this.#reject(`a line is longer than ${this.#longest} bytes`, start, length)
  }

  #reject(reason: string, start: number, end: number): void {
    reject({ line: this.#lines, record: this.#lines, reason, start, end }, this.#options)
  }
}

/** A parser for one input of lines. */
export function linesParser(options: ParserOptions): RecordParser {
  return new LinesParser(options)
}

/** For each field of a mapping which one of a line it is. Throws `KV_USAGE` for others. */
function fieldsOf({ fields }: FieldMapping): number[] {
  return fields.paths.map((path, n) => {
    const field = path.length === 1 ? FIELD_NAMES.indexOf(path[0]!) : -1
    if (field < 0)
      throw usageError(`a line has no field ${fields.names[n]}`, `its fields are ${FIELD_NAMES.join(' and ')}`)
    return field
  })
}

function hasLine(mapping: FieldMapping): boolean {
  return fieldsOf(mapping).includes(LINE)
}
