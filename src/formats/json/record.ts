import { asBuffer, decodeEncoded, encodedLength } from '../../bytes.ts'
import type { BlockBuilder, Made } from '../../blocks/block-builder.ts'
import { LONGEST_TIME, expiryOf } from '../time.ts'
import { type ParserOptions, lengthFault } from '../record-reader.ts'
import { ABSENT, ESCAPED_STRING, OTHER } from './fields.ts'
import {
  DEL_FORMS,
  ENCODINGS,
  EXPIRES,
  KEY_FORMS,
  POSITION,
  RECORD_FIELDS,
  RecordFields,
  TTL,
  TYPE,
  VALUE_FORMS,
} from './record-fields.ts'
import { JsonScanner } from './scanner.ts'
import { decodedLength, decodeInPlace } from './string.ts'

/** What reads records of JSON one by one, and makes entries of them. Reading changes no byte of the text. */
export interface RecordReader {
  /** See {@link RecordParser.makes}. */
  readonly makes: Omit<Made, 'arena'> | undefined
  /** Where and why the text was no JSON, after a method returned -1. */
  readonly scanner: JsonScanner
  /** Why the record read last is bad although it is JSON; `undefined` when it is accepted. */
  readonly reason: string | undefined
  /** Whether `commit` will change bytes of the buffer. */
  readonly decodes: boolean
  /** Reads from `bytes` from now on, and nothing from `end` on. The bytes up to there are valid UTF-8. */
  reset(bytes: Uint8Array, end: number): void
  /** Reads the record that begins at `at`. Returns the offset after it, or -1 when it is not JSON. */
  record(at: number): number
  /** Reads the member of a map of records that begins at `at`. Returns the offset after it, or -1 when it is not JSON. */
  member(at: number): number
  /** Why the record read last, whose text goes on after `end`, is bad whatever follows, if that is known. */
  badAlready(end: number): string | undefined
  /**
   * Adds the entry of the record read last, which must have been accepted. Returns why there is none, and has changed
   * nothing then.
   */
  commit(into: BlockBuilder): string | undefined
}

const [DEL = 0] = DEL_FORMS
const [KEY = 0] = KEY_FORMS

/**
 * Reads one record in JSON: `{"key":K,"value":V}` in any order of the fields, `[K,V]`, or a member
 * `K:V` of an object that maps keys to values. `commit` decodes in place.
 *
 * Fields: `key` (a string), `value` (a string stands for its text, anything else for its source
 * bytes), `key_base64`, `key_hex` and so on instead of these, `ttl` in seconds or as `"10m"`, or `expires` as an RFC
 * 3339 timestamp; null is none. A delete is `{"del":K}`. What `kv watch` writes is read, too: the same with a `type`,
 * `put` or `del`, and perhaps a `position`, which says nothing about the entry. Any other field is refused: a misspelt `ttl` must not make an entry immortal.
 */
export class JsonRecordReader implements RecordReader {
  readonly makes: Omit<Made, 'arena'> | undefined
  readonly scanner = new JsonScanner()
  reason: string | undefined
  readonly #options: ParserOptions
  readonly #prefix: Uint8Array
  readonly #fields = new RecordFields(this.scanner)
  #bytes: Uint8Array = new Uint8Array(0)
  /** Which of its forms the key came in, and the value; no value (-1): it is a delete. */
  #keyField = -1
  #valueField = -1
  #expiry: number | undefined

  constructor(options: ParserOptions) {
    this.#options = options
    this.#prefix = options.mapping?.prefix ?? new Uint8Array()
    this.makes = this.#prefix.length > 0 ? { keys: true, values: false } : undefined
  }

  reset(bytes: Uint8Array, end: number): void {
    this.#bytes = bytes
    this.#fields.reset(bytes)
    this.scanner.reset(bytes, end)
  }

  get decodes(): boolean {
    return this.#isDecoded(this.#keyField) || (this.#valueField >= 0 && this.#isDecoded(this.#valueField))
  }

  record(at: number): number {
    return this.#checked(this.#fields.record(at))
  }

  /** See {@link RecordReader.member}: the name is the key. */
  member(at: number): number {
    return this.#checked(this.#fields.member(at))
  }

  badAlready(end: number): string | undefined {
    const { reason, kind } = this.#fields
    return reason ?? (kind[KEY] === OTHER ? 'key is not a string' : this.#overlong(end))
  }

  commit(into: BlockBuilder): undefined {
    const keyStart = this.#fields.start[this.#keyField]!
    const keyLength = this.#decode(this.#keyField)
    if (this.#valueField < 0) {
      const start = this.#prefixed(into, keyStart, keyLength)
      into.addDelete(start, keyLength + this.#prefix.length)
      return
    }
    const valueStart = this.#fields.start[this.#valueField]!
    this.add(into, keyStart, keyLength, valueStart, this.#decode(this.#valueField), this.#expiry)
  }

  /**
   * Adds an entry whose key and value lie in the buffer as they stand, with an expiry as {@link BlockBuilder} takes it,
   * if it has one of its own.
   */
  add(
    into: BlockBuilder,
    keyStart: number,
    keyLength: number,
    valueStart: number,
    valueLength: number,
    expiry?: number,
  ): void {
    const start = this.#prefixed(into, keyStart, keyLength)
    const length = keyLength + this.#prefix.length
    const ttl = this.#options.mapping?.ttl
    if (expiry !== undefined) into.addExpiring(start, length, valueStart, valueLength, expiry)
    else if (ttl !== undefined) into.addExpiring(start, length, valueStart, valueLength, -ttl)
    else into.add(start, length, valueStart, valueLength)
  }

  /** Where a key lies with its prefix. */
  #prefixed(into: BlockBuilder, keyStart: number, keyLength: number): number {
    if (this.makes === undefined) return keyStart
    const { arena, bytes } = into
    const start = arena.length
    arena.add(this.#prefix)
    arena.add(bytes, keyStart, keyStart + keyLength)
    return start
  }

  /** Checks what was read up to an offset, which it returns; -1: nothing. */
  #checked(after: number): number {
    this.reason = after < 0 ? undefined : (this.#fields.reason ?? this.#check())
    return after
  }

  /** Why the field whose value goes on after `end` is longer than any can be, if it is. */
  #overlong(end: number): string | undefined {
    const { cutField: field, kind, start } = this.#fields
    const isKey = KEY_FORMS.includes(field) || DEL_FORMS.includes(field)
    if (field < 0 || (!isKey && !VALUE_FORMS.includes(field))) return undefined
    const max = isKey ? this.#options.maxKeyBytes : this.#options.maxValueBytes
    // Hex takes two characters a byte, and an escape six for one.
    const longest = max * (ENCODINGS[field] === undefined ? 1 : 2) * (kind[field] === ESCAPED_STRING ? 6 : 1)
    return end - start[field]! > longest ? `${isKey ? 'key' : 'value'} is longer than ${max} bytes` : undefined
  }

  /** Why the record is bad, if it is. */
  #check(): string | undefined {
    const { maxKeyBytes, maxValueBytes, maxEntryBytes = Infinity } = this.#options
    const { kind, count } = this.#fields
    this.#expiry = undefined
    this.#valueField = -1
    let isDelete = DEL_FORMS.some((field) => kind[field] !== ABSENT)
    if (isDelete && (count > 1 || kind[DEL] === OTHER)) return 'a delete is {"del":KEY} and nothing else'
    const forms = isDelete ? DEL_FORMS : KEY_FORMS
    if (kind[TYPE] !== ABSENT) {
      const type = this.#text(TYPE)
      if (type !== 'put' && type !== 'del') return 'type is neither put nor del'
      isDelete = type === 'del'
      const others = kind[POSITION] === ABSENT ? 1 : 2
      if (isDelete && count > others + 1) return 'a change of type del has a key and nothing else'
    } else if (kind[POSITION] !== ABSENT) return 'a position without a type: that is no change'
    const keyField = this.#form(forms)
    if (typeof keyField === 'string') return keyField
    if (kind[KEY] === OTHER) return 'key is not a string'
    this.#keyField = keyField
    const keyLength = this.#length(keyField, maxEntryBytes === Infinity ? maxKeyBytes - this.#prefix.length : 0)
    if (keyLength < 0) return notEncoded(keyField)
    const prefixed = keyLength + this.#prefix.length
    if (isDelete) return lengthFault(prefixed, 0, this.#options)
    const valueField = this.#form(VALUE_FORMS)
    if (typeof valueField === 'string') return valueField
    this.#valueField = valueField
    const valueLength = this.#length(valueField, Math.min(maxValueBytes, maxEntryBytes - prefixed))
    if (valueLength < 0) return notEncoded(valueField)
    const fault = lengthFault(prefixed, valueLength, this.#options)
    if (fault !== undefined) return fault
    if (kind[TTL] === ABSENT && kind[EXPIRES] === ABSENT) return undefined
    const expiry = expiryOf(this.#text(TTL), this.#text(EXPIRES), this.#options.now)
    if (typeof expiry === 'string') return expiry
    this.#expiry = expiry
    return undefined
  }

  /** In which of its forms a field of bytes is there, or why the record is bad. */
  #form(forms: readonly number[]): number | string {
    let found = -1
    for (const field of forms) {
      if (this.#fields.kind[field] === ABSENT) continue
      if (found >= 0) return `both ${RECORD_FIELDS[found]} and ${RECORD_FIELDS[field]}`
      found = field
    }
    return found < 0 ? `no ${RECORD_FIELDS[forms[0]!]}` : found
  }

  /**
   * The text of a time to live, a timestamp or a type, of anything but a string its source; `undefined` when there is
   * none, or null. Not more of it than any has that is right.
   */
  #text(field: number): string | undefined {
    const { kind, start, end } = this.#fields
    if (kind[field] === ABSENT) return undefined
    const length = Math.min(end[field]! - start[field]!, LONGEST_TIME)
    if (kind[field] === ESCAPED_STRING && length < LONGEST_TIME) return this.#fields.text(field)
    const text = asBuffer(this.#bytes).toString('latin1', start[field], start[field]! + length)
    return kind[field] === OTHER && text === 'null' ? undefined : text
  }

  /**
   * How many bytes a field of a key or value stands for, -1 when it is not in the encoding that it names. Of the plain
   * form exact only when that matters, which is when it is over `max` or 0.
   */
  #length(field: number, max: number): number {
    const start = this.#fields.start[field]!
    const end = this.#fields.end[field]!
    const isEscaped = this.#fields.kind[field] === ESCAPED_STRING
    const encoding = ENCODINGS[field]
    if (encoding === undefined)
      return end - start > max && isEscaped ? decodedLength(this.#bytes, start, end) : end - start
    if (this.#fields.kind[field] === OTHER) return -1
    if (!isEscaped) return encodedLength(this.#bytes, start, end, encoding)
    // Some writers escape the slash of base64.
    const text = new Uint8Array(this.#bytes.subarray(start, end))
    return encodedLength(text, 0, decodeInPlace(text, 0, text.length), encoding)
  }

  #isDecoded(field: number): boolean {
    return this.#fields.kind[field] === ESCAPED_STRING || ENCODINGS[field] !== undefined
  }

  /** Makes the bytes a field of a key or value stands for be in the buffer at its start; returns how many. */
  #decode(field: number): number {
    const start = this.#fields.start[field]!
    const end = this.#fields.end[field]!
    const length = this.#fields.kind[field] === ESCAPED_STRING ? decodeInPlace(this.#bytes, start, end) : end - start
    const encoding = ENCODINGS[field]
    return encoding === undefined ? length : decodeEncoded(this.#bytes, start, start + length, encoding)
  }
}

function notEncoded(field: number): string {
  return `${RECORD_FIELDS[field]} is not ${ENCODINGS[field]}`
}
