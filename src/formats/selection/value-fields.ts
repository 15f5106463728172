import { isUtf8 } from 'node:buffer'
import { ByteArena } from '../../blocks/byte-arena.ts'
import type { Path } from '../path.ts'
import { ABSENT, ESCAPED_STRING, JsonFields, OTHER } from '../json/fields.ts'
import { JsonScanner } from '../json/scanner.ts'
import { decodeInPlace } from '../json/string.ts'

const OPEN_ARRAY = 0x5b
const OPEN_OBJECT = 0x7b
const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d
const BLANK = 0x20

/** What a value is to those who ask for its fields: no JSON text, JSON without fields, or an object or array. */
export type JsonKind = 'none' | 'scalar' | 'container'

/** Finds fields of one value after another; a value that is no JSON text (RFC 8259, valid UTF-8) has none. */
export class ValueFields {
  readonly #scanner = new JsonScanner()
  readonly #fields: JsonFields
  readonly #decoded = new ByteArena()
  #value: Uint8Array = new Uint8Array(0)

  /** @param paths which differ from each other; a field is known by its place among them */
  constructor(paths: readonly Path[]) {
    this.#fields = new JsonFields(paths, this.#scanner)
  }

  /** Goes on to a value. */
  read(value: Uint8Array): JsonKind {
    const scanner = this.#scanner
    this.#value = value
    scanner.reset(value, value.length)
    this.#fields.reset(value)
    const start = scanner.space(0)
    const first = scanner.at(start)
    const isContainer = first === OPEN_OBJECT || first === OPEN_ARRAY
    const end = isUtf8(value) ? this.#fields.read(start) : -1
    if (end >= 0 && scanner.space(end) === value.length) return isContainer ? 'container' : 'scalar'
    this.#fields.clear()
    return 'none'
  }

  /** Whether the value has a field. */
  has(field: number): boolean {
    return this.#fields.kind(field) !== ABSENT
  }

  /**
   * The text of a field: of a string what it stands for, of anything else its source; nothing where the value has no such field.
   * Good until the next call of a method.
   */
  text(field: number): Uint8Array | undefined {
    const fields = this.#fields
    const kind = fields.kind(field)
    if (kind === ABSENT) return undefined
    const content = this.#value.subarray(fields.start(field), fields.end(field))
    if (kind !== ESCAPED_STRING) return content
    const decoded = this.#decoded
    decoded.length = 0
    decoded.add(content)
    return decoded.bytes.subarray(0, decodeInPlace(decoded.bytes, 0, content.length))
  }

  /** Whether a field is null. */
  isNull(field: number): boolean {
    const fields = this.#fields
    // No other value but a string begins so.
    return fields.kind(field) === OTHER && this.#value[fields.start(field)] === 0x6e
  }

  /** The source of a field as JSON on one line: line ends between its parts are blanks. Good as long as the value. */
  source(field: number): Uint8Array | undefined {
    const fields = this.#fields
    const kind = fields.kind(field)
    if (kind === ABSENT) return undefined
    const quote = kind === OTHER ? 0 : 1
    const source = this.#value.subarray(fields.start(field) - quote, fields.end(field) + quote)
    const isOneLine = !source.includes(LINE_FEED) && !source.includes(CARRIAGE_RETURN)
    return isOneLine ? source : source.map((byte) => (byte === LINE_FEED || byte === CARRIAGE_RETURN ? BLANK : byte))
  }
}
