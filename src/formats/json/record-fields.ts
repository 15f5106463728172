import { type BytesEncoding, asBuffer, utf8 } from '../../bytes.ts'
import { FIELDS } from '../record-reader.ts'
import { ABSENT, ESCAPED_STRING, OTHER, PLAIN_STRING } from './fields.ts'
import type { JsonScanner } from './scanner.ts'

/** The fields of a record in JSON: those of an entry, and those of a change. */
export const RECORD_FIELDS: readonly string[] = [...FIELDS, 'del', 'del_base64', 'del_hex', 'type', 'position']
export const TTL = RECORD_FIELDS.indexOf('ttl')
export const EXPIRES = RECORD_FIELDS.indexOf('expires')
export const TYPE = RECORD_FIELDS.indexOf('type')
export const POSITION = RECORD_FIELDS.indexOf('position')

/** The forms in which the bytes of a key, of a value and of the key of a delete come; the plain one first. */
export const KEY_FORMS = formsOf('key')
export const VALUE_FORMS = formsOf('value')
export const DEL_FORMS = formsOf('del')

/** The encoding that each field of bytes names; `undefined`: it is plain. */
export const ENCODINGS: readonly (BytesEncoding | undefined)[] = RECORD_FIELDS.map((name) =>
  name.endsWith('_base64') ? 'base64' : name.endsWith('_hex') ? 'hex' : undefined,
)

const NAMES = RECORD_FIELDS.map((name) => utf8(name))
const [KEY = 0] = KEY_FORMS
const [VALUE = 0] = VALUE_FORMS

/** Longest source of a field's name that is looked at as text: more than any that is right. */
const LONGEST_NAME = 200

const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d
const QUOTE = 0x22
const COMMA = 0x2c

/** Where the fields of one record with the fields of kv lie, see {@link RECORD_FIELDS}. Reading changes no byte. */
export class RecordFields {
  /** Of each field, what its value is. */
  readonly kind = new Uint8Array(RECORD_FIELDS.length)
  /** Of each field's value; of a string, without the quotes. */
  readonly start = new Uint32Array(RECORD_FIELDS.length)
  readonly end = new Uint32Array(RECORD_FIELDS.length)
  /** How many there are. */
  count = 0
  /** The field whose value the text ended in; -1: none. */
  cutField = -1
  /** Why these are not the fields of a record, if they are not. */
  reason: string | undefined
  readonly #scanner: JsonScanner
  #bytes: Uint8Array = new Uint8Array(0)
  /** The same memory as `#bytes`. */
  #buffer: Buffer = Buffer.alloc(0)

  /** @param scanner what goes through the text; whoever resets it resets this, too */
  constructor(scanner: JsonScanner) {
    this.#scanner = scanner
  }

  /** Reads from `bytes` from now on: the same as the scanner does. */
  reset(bytes: Uint8Array): void {
    if (this.#bytes === bytes) return
    this.#bytes = bytes
    this.#buffer = asBuffer(bytes)
  }

  /** Reads the record at `at`, an object or a pair. Returns the offset after it, or -1 like the scanner. */
  record(at: number): number {
    this.#clear()
    const first = this.#scanner.at(at)
    if (first === OPEN_OBJECT) return this.#object(at)
    if (first === OPEN_ARRAY) return this.#pair(at)
    this.reason = 'record is neither an object nor [key, value]'
    return this.#scanner.value(at)
  }

  /** Reads the member `K:V` at `at`. Returns the offset after it, or -1 like the scanner. */
  member(at: number): number {
    this.#clear()
    if (this.#scanner.at(at) !== QUOTE) return this.#scanner.fail(at, 'a string')
    at = this.#value(KEY, at)
    if (at >= 0) at = this.#scanner.colon(at)
    return at < 0 ? -1 : this.#value(VALUE, at)
  }

  /** The text of a string's field. */
  text(field: number): string {
    return this.#text(this.start[field]! - 1, this.end[field]! + 1)
  }

  #clear(): void {
    this.reason = undefined
    // A call of fill() would take longer than these few.
    for (let field = 0; field < this.kind.length; field++) this.kind[field] = ABSENT
    this.count = 0
    this.cutField = -1
  }

  #object(at: number): number {
    const scanner = this.#scanner
    at = scanner.space(at + 1)
    if (scanner.at(at) === CLOSE_OBJECT) return at + 1
    for (;;) {
      if (scanner.at(at) !== QUOTE) return scanner.fail(at, 'a string')
      const nameEnd = scanner.string(at)
      if (nameEnd < 0) return -1
      const field = this.#field(at, nameEnd)
      at = scanner.colon(nameEnd)
      if (at >= 0) at = field < 0 ? scanner.value(at) : this.#value(field, at)
      if (at < 0) return -1
      at = scanner.space(at)
      const next = scanner.at(at)
      if (next === CLOSE_OBJECT) return at + 1
      if (next !== COMMA) return scanner.fail(at, "',' or '}'")
      at = scanner.space(at + 1)
    }
  }

  #pair(at: number): number {
    const scanner = this.#scanner
    at = scanner.space(at + 1)
    if (scanner.at(at) === CLOSE_ARRAY) return at + 1
    for (let element = 0; ; element++) {
      if (element === 2) this.reason = 'record has more than [key, value]'
      at = element < 2 ? this.#value(element === 0 ? KEY : VALUE, at) : scanner.value(at)
      if (at < 0) return -1
      at = scanner.space(at)
      const next = scanner.at(at)
      if (next === CLOSE_ARRAY) return at + 1
      if (next !== COMMA) return scanner.fail(at, "',' or ']'")
      at = scanner.space(at + 1)
    }
  }

  /** Which field the name (with its quotes) between two offsets is; -1, with a reason, when it must not be there. */
  #field(start: number, end: number): number {
    let field = -1
    const isShort = end - start <= LONGEST_NAME
    if (this.#scanner.escaped && isShort) field = RECORD_FIELDS.indexOf(this.#text(start, end))
    else {
      for (let n = 0; n < NAMES.length && field < 0; n++) {
        if (NAMES[n]!.length === end - start - 2 && this.#isAt(start + 1, NAMES[n]!)) field = n
      }
    }
    if (field >= 0 && this.kind[field] === ABSENT) return field
    const name = isShort ? this.#text(start, end) : this.#buffer.toString('utf8', start + 1, start + LONGEST_NAME)
    const shown = JSON.stringify(name.length > 40 ? `${name.slice(0, 40).toWellFormed()}...` : name)
    this.reason ??= field < 0 ? `unknown field ${shown}` : `field ${shown} is there twice`
    return -1
  }

  #isAt(start: number, name: Uint8Array): boolean {
    for (let n = 0; n < name.length; n++) if (this.#bytes[start + n] !== name[n]) return false
    return true
  }

  /** The text of the JSON string (with its quotes) between two offsets. */
  #text(start: number, end: number): string {
    return JSON.parse(this.#buffer.toString('utf8', start, end)) as string
  }

  #value(field: number, at: number): number {
    const scanner = this.#scanner
    const isString = scanner.at(at) === QUOTE
    const end = isString ? scanner.string(at) : scanner.value(at)
    this.kind[field] = !isString ? OTHER : scanner.escaped ? ESCAPED_STRING : PLAIN_STRING
    this.start[field] = isString ? at + 1 : at
    this.end[field] = isString ? end - 1 : end
    this.count++
    if (end < 0) this.cutField = field
    return end
  }
}

function formsOf(name: string): readonly number[] {
  return [name, `${name}_base64`, `${name}_hex`].map((form) => RECORD_FIELDS.indexOf(form))
}
