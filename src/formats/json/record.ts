import { type BytesEncoding, asBuffer, decodeEncoded, encodedLength, utf8 } from '../../bytes.ts'
import type { BlockBuilder } from '../../blocks/block-builder.ts'
import { LONGEST_TIME, expiryOf } from '../expiry.ts'
import { JsonScanner } from './scanner.ts'
import { decodedLength, decodeInPlace } from './string.ts'
import { FIELDS, type ParserOptions, lengthFault } from '../record-reader.ts'

const NAMES = FIELDS.map((name) => utf8(name))
const KEY = 0
const VALUE = 1
const TTL = 6
const EXPIRES = 7
/** From `key` or `value` to its base64 and its hex form. */
const BASE64 = 2
const HEX = 4

/** Longest source of a field's name that is looked at as text: more than any that is right. */
const LONGEST_NAME = 200

/** Kinds of a field's value. */
const ABSENT = 0
const PLAIN_STRING = 1
const ESCAPED_STRING = 2
const OTHER = 3

/**
 * Reads one record in JSON: `{"key":K,"value":V}` in any order of the fields, `[K,V]`, or a member
 * `K:V` of an object that maps keys to values. Reading changes no byte, so a bad record can
 * still be copied; `commit` decodes in place and adds the entry.
 *
 * Fields: `key` (a string), `value` (a string stands for its text, anything else for its source
 * bytes), `key_base64`, `key_hex` and so on instead of these, `ttl` in seconds or as `"10m"`, or `expires` as an RFC
 * 3339 timestamp; null is none. Any other field is refused: a misspelt `ttl` must not make an entry immortal.
 */
export class JsonRecordReader {
  /** Where and why the text was no JSON, after a method returned -1. */
  readonly scanner = new JsonScanner()
  /** Why the record read last is bad although it is JSON; `undefined` when it is accepted. */
  reason: string | undefined
  readonly #options: ParserOptions
  #bytes: Uint8Array = new Uint8Array(0)
  /** The same memory as `#bytes`. */
  #buffer: Buffer = Buffer.alloc(0)
  readonly #kind = new Uint8Array(FIELDS.length)
  /** Of each field's value; of a string, without the quotes. */
  readonly #start = new Uint32Array(FIELDS.length)
  readonly #end = new Uint32Array(FIELDS.length)
  /** Which of its forms the key came in, and the value. */
  #keyField = KEY
  #valueField = VALUE
  #expiry: number | undefined
  /** The field whose value the text ended in; -1: none. */
  #cutField = -1

  constructor(options: ParserOptions) {
    this.#options = options
  }

  /** Reads from `bytes` from now on, and nothing from `end` on. The bytes up to there are valid UTF-8. */
  reset(bytes: Uint8Array, end: number): void {
    if (this.#bytes !== bytes) {
      this.#bytes = bytes
      this.#buffer = asBuffer(bytes)
    }
    this.scanner.reset(bytes, end)
  }

  /** Whether `commit` will change bytes of the buffer. */
  get decodes(): boolean {
    const kind = this.#kind
    return (
      kind[KEY] === ESCAPED_STRING ||
      kind[VALUE] === ESCAPED_STRING ||
      this.#keyField !== KEY ||
      this.#valueField !== VALUE
    )
  }

  /** Reads the record that begins at `at`. Returns the offset after it, or -1 when it is not JSON. */
  record(at: number): number {
    this.#clear()
    const first = this.scanner.at(at)
    if (first === 0x7b) at = this.#object(at)
    else if (first === 0x5b) at = this.#pair(at)
    else {
      at = this.scanner.value(at)
      this.reason = 'record is neither an object nor [key, value]'
    }
    if (at >= 0) this.reason ??= this.#check()
    return at
  }

  /** Reads the member `K:V` that begins at `at`. Returns the offset after it, or -1 when it is not JSON. */
  member(at: number): number {
    this.#clear()
    if (this.scanner.at(at) !== 0x22) return this.scanner.fail(at, 'a string')
    at = this.#fieldValue(KEY, at)
    if (at >= 0) at = this.scanner.colon(at)
    if (at >= 0) at = this.#fieldValue(VALUE, at)
    if (at >= 0) this.reason = this.#check()
    return at
  }

  /** Why the record read last, whose text goes on after `end`, is bad whatever follows, if that is known. */
  badAlready(end: number): string | undefined {
    return this.reason ?? (this.#kind[KEY] === OTHER ? 'key is not a string' : this.#overlong(end))
  }

  /** Why the field whose value goes on after `end` is longer than any can be, if it is. */
  #overlong(end: number): string | undefined {
    const field = this.#cutField
    const isKey = field % BASE64 === KEY
    if (field < 0 || field >= TTL) return undefined
    const max = isKey ? this.#options.maxKeyBytes : this.#options.maxValueBytes
    // Hex takes two characters a byte, and an escape six for one.
    const longest = max * (field >= BASE64 ? 2 : 1) * (this.#kind[field] === ESCAPED_STRING ? 6 : 1)
    return end - this.#start[field]! > longest ? `${isKey ? 'key' : 'value'} is longer than ${max} bytes` : undefined
  }

  /** Adds the entry of the record read last, which must have been accepted. */
  commit(into: BlockBuilder): void {
    const keyStart = this.#start[this.#keyField]!
    const keyLength = this.#decode(this.#keyField)
    const valueStart = this.#start[this.#valueField]!
    const valueLength = this.#decode(this.#valueField)
    if (this.#expiry === undefined) into.add(keyStart, keyLength, valueStart, valueLength)
    else into.addExpiring(keyStart, keyLength, valueStart, valueLength, this.#expiry)
  }

  #clear(): void {
    this.reason = undefined
    // A call of fill() would take longer than these few.
    for (let field = 0; field < FIELDS.length; field++) this.#kind[field] = ABSENT
    this.#keyField = KEY
    this.#valueField = VALUE
    this.#expiry = undefined
    this.#cutField = -1
  }

  #object(at: number): number {
    const scanner = this.scanner
    at = scanner.space(at + 1)
    if (scanner.at(at) === 0x7d) return at + 1
    for (;;) {
      if (scanner.at(at) !== 0x22) return scanner.fail(at, 'a string')
      const nameEnd = scanner.string(at)
      if (nameEnd < 0) return -1
      const field = this.#field(at, nameEnd)
      at = scanner.colon(nameEnd)
      if (at >= 0) at = field < 0 ? scanner.value(at) : this.#fieldValue(field, at)
      if (at < 0) return -1
      at = scanner.space(at)
      const next = scanner.at(at)
      if (next === 0x7d) return at + 1
      if (next !== 0x2c) return scanner.fail(at, "',' or '}'")
      at = scanner.space(at + 1)
    }
  }

  #pair(at: number): number {
    const scanner = this.scanner
    at = scanner.space(at + 1)
    if (scanner.at(at) === 0x5d) return at + 1
    for (let element = 0; ; element++) {
      if (element === 2) this.reason = 'record has more than [key, value]'
      at = element < 2 ? this.#fieldValue(element === 0 ? KEY : VALUE, at) : scanner.value(at)
      if (at < 0) return -1
      at = scanner.space(at)
      const next = scanner.at(at)
      if (next === 0x5d) return at + 1
      if (next !== 0x2c) return scanner.fail(at, "',' or ']'")
      at = scanner.space(at + 1)
    }
  }

  /** Which field the name (with its quotes) between two offsets is; -1, with a reason, when it must not be there. */
  #field(start: number, end: number): number {
    let field = -1
    const isShort = end - start <= LONGEST_NAME
    if (this.scanner.escaped && isShort) field = FIELDS.indexOf(this.#text(start, end))
    else {
      for (let n = 0; n < NAMES.length && field < 0; n++) {
        if (NAMES[n]!.length === end - start - 2 && this.#isAt(start + 1, NAMES[n]!)) field = n
      }
    }
    if (field >= 0 && this.#kind[field] === ABSENT) return field
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

  #fieldValue(field: number, at: number): number {
    const scanner = this.scanner
    const isString = scanner.at(at) === 0x22
    const end = isString ? scanner.string(at) : scanner.value(at)
    this.#kind[field] = !isString ? OTHER : scanner.escaped ? ESCAPED_STRING : PLAIN_STRING
    this.#start[field] = isString ? at + 1 : at
    this.#end[field] = isString ? end - 1 : end
    if (end < 0) this.#cutField = field
    return end
  }

  /** Why the record is bad, if it is. */
  #check(): string | undefined {
    const { maxKeyBytes, maxValueBytes, maxEntryBytes = Infinity } = this.#options
    const keyField = this.#form(KEY)
    if (typeof keyField === 'string') return keyField
    const valueField = this.#form(VALUE)
    if (typeof valueField === 'string') return valueField
    if (keyField === KEY && this.#kind[KEY] === OTHER) return 'key is not a string'
    this.#keyField = keyField
    this.#valueField = valueField
    const keyLength = this.#length(keyField, maxEntryBytes === Infinity ? maxKeyBytes : 0)
    if (keyLength < 0) return `${FIELDS[keyField]} is not ${encodingOf(keyField)}`
    const valueLength = this.#length(valueField, Math.min(maxValueBytes, maxEntryBytes - keyLength))
    if (valueLength < 0) return `${FIELDS[valueField]} is not ${encodingOf(valueField)}`
    const fault = lengthFault(keyLength, valueLength, this.#options)
    if (fault !== undefined) return fault
    const kind = this.#kind
    if (kind[TTL] === ABSENT && kind[EXPIRES] === ABSENT) return undefined
    const expiry = expiryOf(this.#time(TTL), this.#time(EXPIRES), this.#options.now)
    if (typeof expiry === 'string') return expiry
    this.#expiry = expiry
    return undefined
  }

  /** In which of its forms `key` or `value` is there, or why the record is bad. */
  #form(plain: number): number | string {
    let found = -1
    for (let field = plain; field <= plain + HEX; field += BASE64) {
      if (this.#kind[field] === ABSENT) continue
      if (found >= 0) return `both ${FIELDS[found]} and ${FIELDS[field]}`
      found = field
    }
    return found < 0 ? `no ${FIELDS[plain]}` : found
  }

  /**
   * The text of a time to live or a timestamp, of anything but a string its source; `undefined` when there is none,
   * or null.
   */
  #time(field: number): string | undefined {
    if (this.#kind[field] === ABSENT) return undefined
    const start = this.#start[field]!
    const end = this.#end[field]!
    const isShort = end - start <= LONGEST_TIME
    if (this.#kind[field] === ESCAPED_STRING && isShort) return this.#text(start - 1, end + 1)
    const text = this.#buffer.toString('latin1', start, isShort ? end : start + LONGEST_TIME)
    return this.#kind[field] === OTHER && text === 'null' ? undefined : text
  }

  /**
   * How many bytes a field of a key or value stands for, -1 when it is not in the encoding that it names. Of the plain
   * form exact only when that matters, which is when it is over `max` or 0.
   */
  #length(field: number, max: number): number {
    const start = this.#start[field]!
    const end = this.#end[field]!
    const isEscaped = this.#kind[field] === ESCAPED_STRING
    const encoding = encodingOf(field)
    if (encoding === undefined)
      return end - start > max && isEscaped ? decodedLength(this.#bytes, start, end) : end - start
    if (this.#kind[field] === OTHER) return -1
    if (!isEscaped) return encodedLength(this.#bytes, start, end, encoding)
    // Some writers escape the slash of base64.
    const text = new Uint8Array(this.#bytes.subarray(start, end))
    return encodedLength(text, 0, decodeInPlace(text, 0, text.length), encoding)
  }

  /** Makes the bytes a field of a key or value stands for be in the buffer at its start; returns how many. */
  #decode(field: number): number {
    const start = this.#start[field]!
    const length =
      this.#kind[field] === ESCAPED_STRING
        ? decodeInPlace(this.#bytes, start, this.#end[field]!)
        : this.#end[field]! - start
    const encoding = encodingOf(field)
    return encoding === undefined ? length : decodeEncoded(this.#bytes, start, start + length, encoding)
  }
}

function encodingOf(field: number): BytesEncoding | undefined {
  return field < BASE64 ? undefined : field < HEX ? 'base64' : 'hex'
}
