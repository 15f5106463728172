import { asBuffer } from '../../bytes.ts'
import { JsonScanner } from './scanner.ts'
import { EARLY_CHECK_BYTES, type ParserOptions } from '../record-reader.ts'
import { RECORD_FIELDS } from './record-fields.ts'
import { markLength } from '../utf8.ts'

const LINE_FEED = 0x0a
const QUOTE = 0x22
const COMMA = 0x2c
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

/** More bytes than the name of any field of a record has. */
const LONGEST_NAME = 20

/** Stands before each text of a sequence (RFC 7464). */
export const RECORD_SEPARATOR = 0x1e

/**
 * What JSON text holds: one object that maps keys to values, a record a line, or documents of other forms one after
 * another: arrays of records, and records that take several lines.
 */
export type JsonForm = 'map' | 'lines' | 'documents'

/**
 * The form of JSON text that begins with the first `length` bytes, after a byte order mark perhaps; with `final`
 * nothing follows. `undefined` when more of it must be seen.
 *
 * A map is never followed by another text. An object with `key` and `value` and nothing but the fields of a record is
 * one; so is every object where a mapping chooses the key.
 */
export function jsonForm(
  bytes: Uint8Array,
  length: number,
  final: boolean,
  { mapping, at }: Pick<ParserOptions, 'mapping' | 'at'> = {},
): JsonForm | undefined {
  if (at !== undefined) return 'documents'
  const scanner = new JsonScanner()
  scanner.reset(bytes, length)
  const start = scanner.space(markLength(bytes, length))
  const first = scanner.at(start)
  /** The form by the end of the first record, which is negative when that is cut off or wrong. */
  const formOfRecord = (end: number): JsonForm | undefined => {
    const lineEnd = bytes.indexOf(LINE_FEED, start)
    if (end < 0 && scanner.failedAt >= length && !final) {
      if (mapping?.key === undefined || length < EARLY_CHECK_BYTES) return undefined
      return lineEnd >= 0 && lineEnd < length ? 'documents' : 'lines'
    }
    if (end < 0) return 'lines'
    // A record that takes several lines, or is followed by another on its last.
    const next = scanner.space(end)
    const lasts = lineEnd >= 0 && lineEnd < end
    const isFollowed = (lineEnd < 0 || next <= lineEnd) && [OPEN_OBJECT, OPEN_ARRAY].includes(scanner.at(next))
    return lasts || isFollowed ? 'documents' : 'lines'
  }
  if (first === OPEN_ARRAY) {
    const isRecord = arrayIsRecord(scanner, start, final, mapping)
    return isRecord === true ? formOfRecord(scanner.value(start)) : isRecord === false ? 'documents' : undefined
  }
  if (first !== OPEN_OBJECT) return (start === length || length < 3) && !final ? undefined : 'documents'
  if (mapping?.key !== undefined) return formOfRecord(scanner.value(start))
  const { end, isRecord } = readObject(scanner, bytes, start)
  if (isRecord) return formOfRecord(end)
  if (end < 0) return scanner.failedAt >= length && !final && length < EARLY_CHECK_BYTES ? undefined : 'map'
  const next = scanner.space(end)
  if (next === length && !final && length < EARLY_CHECK_BYTES) return undefined
  const isFollowed = scanner.at(next) === OPEN_OBJECT || scanner.at(next) === OPEN_ARRAY
  return isFollowed ? formOfRecord(end) : 'map'
}

/**
 * Whether the array at `at` is a record and not an array of records; `undefined` where that is to be seen (the scanner
 * has failed). It is a record when it begins with a string, or with a key that is chosen, with anything that is no
 * record.
 */
export function arrayIsRecord(
  scanner: JsonScanner,
  at: number,
  final: boolean,
  mapping: ParserOptions['mapping'],
): boolean | undefined {
  const element = scanner.space(at + 1)
  const byte = scanner.at(element)
  if (byte < 0 && !final) {
    scanner.fail(element, '')
    return undefined
  }
  if (mapping?.key === undefined) return byte === QUOTE
  return byte !== OPEN_ARRAY && byte !== OPEN_OBJECT && byte !== CLOSE_ARRAY
}

/**
 * Where the object at `at` ends, -1 when it does not or is wrong, and whether it is a record as far as it can be
 * seen: an entry with `key` and `value`, a change with its `type`, or a delete.
 */
function readObject(scanner: JsonScanner, bytes: Uint8Array, at: number): { end: number; isRecord: boolean } {
  const text = (start: number, end: number): string =>
    asBuffer(bytes).toString('latin1', start, Math.min(end, start + LONGEST_NAME))
  const has = { key: false, value: false, type: false, del: false }
  let members = 0
  let isForeign = false
  at = scanner.space(at + 1)
  while (scanner.at(at) === QUOTE) {
    const nameEnd = scanner.string(at)
    if (nameEnd < 0) break
    const name = text(at + 1, nameEnd - 1)
    const value = scanner.colon(nameEnd)
    const end = value < 0 ? -1 : scanner.value(value)
    members++
    has.key ||= name.startsWith('key')
    has.value ||= name.startsWith('value')
    has.del ||= name.startsWith('del') && members === 1
    has.type ||= name === 'type' && end >= 0 && /^"(?:put|del)"$/.test(text(value, end))
    isForeign ||= !RECORD_FIELDS.includes(name) || ((name === 'type' || name === 'position') && !has.type)
    if (end < 0) return { end, isRecord: has.key && !isForeign }
    at = scanner.space(end)
    const next = scanner.at(at)
    if (next === CLOSE_OBJECT) {
      const isRecord = !isForeign && ((has.key && (has.value || has.type)) || (has.del && members === 1))
      return { end: at + 1, isRecord }
    }
    if (next !== COMMA) {
      scanner.fail(at, '')
      break
    }
    at = scanner.space(at + 1)
  }
  if (scanner.at(at) === CLOSE_OBJECT) return { end: at + 1, isRecord: false }
  return { end: scanner.fail(Math.max(at, scanner.failedAt), ''), isRecord: has.key && !isForeign }
}
