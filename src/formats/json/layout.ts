import { asBuffer } from '../../bytes.ts'
import { JsonScanner } from './scanner.ts'
import { EARLY_CHECK_BYTES, FIELDS } from '../record-reader.ts'
import { markLength } from '../utf8.ts'

const LINE_FEED = 0x0a
const QUOTE = 0x22
const COMMA = 0x2c
const OPEN_ARRAY = 0x5b
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

/** More bytes than the name of any field of a record has. */
const LONGEST_NAME = 20

/**
 * What JSON text holds: one document (an array of records, or an object that maps keys to values), a record a line, or
 * records one after another that take several lines each.
 */
export type JsonForm = 'document' | 'lines' | 'sequence'

/**
 * The form of JSON text that begins with the first `length` bytes, after a byte order mark perhaps; with `final`
 * nothing follows. `undefined` when more of it must be seen.
 *
 * A document never begins with a string in an array, which is a record `[K,V]`, nor is it followed by another text.
 * An object with `key` and `value` and nothing but the fields of a record is one.
 */
export function jsonForm(bytes: Uint8Array, length: number, final: boolean): JsonForm | undefined {
  const scanner = new JsonScanner()
  scanner.reset(bytes, length)
  const start = scanner.space(markLength(bytes, length))
  const first = scanner.at(start)
  /** The form by the end of the first record, which is negative when that is cut off or wrong. */
  const formOfRecord = (end: number): JsonForm | undefined => {
    if (end < 0 && scanner.failedAt >= length && !final) return undefined
    const lineEnd = bytes.indexOf(LINE_FEED, start)
    return lineEnd >= 0 && lineEnd < end ? 'sequence' : 'lines'
  }
  if (first === OPEN_ARRAY) {
    const element = scanner.space(start + 1)
    if (element === length && !final) return undefined
    return scanner.at(element) === QUOTE ? formOfRecord(scanner.value(start)) : 'document'
  }
  if (first !== OPEN_OBJECT) return (start === length || length < 3) && !final ? undefined : 'document'
  const { end, isRecord } = readObject(scanner, bytes, start)
  if (isRecord) return formOfRecord(end)
  if (end < 0) return scanner.failedAt >= length && !final && length < EARLY_CHECK_BYTES ? undefined : 'document'
  const next = scanner.space(end)
  if (next === length && !final && length < EARLY_CHECK_BYTES) return undefined
  const isFollowed = scanner.at(next) === OPEN_OBJECT || scanner.at(next) === OPEN_ARRAY
  return isFollowed ? formOfRecord(end) : 'document'
}

/**
 * Where the object at `at` ends, -1 when it does not or is wrong, and whether it is a record as far as it can be
 * seen.
 */
function readObject(scanner: JsonScanner, bytes: Uint8Array, at: number): { end: number; isRecord: boolean } {
  let hasKey = false
  let hasValue = false
  let isForeign = false
  at = scanner.space(at + 1)
  while (scanner.at(at) === QUOTE) {
    const nameEnd = scanner.string(at)
    if (nameEnd < 0) break
    const name = asBuffer(bytes).toString('latin1', at + 1, Math.min(nameEnd - 1, at + LONGEST_NAME))
    hasKey ||= name.startsWith('key')
    hasValue ||= name.startsWith('value')
    isForeign ||= !FIELDS.includes(name)
    const value = scanner.colon(nameEnd)
    const end = value < 0 ? -1 : scanner.value(value)
    if (end < 0) return { end, isRecord: hasKey && !isForeign }
    at = scanner.space(end)
    const next = scanner.at(at)
    if (next === CLOSE_OBJECT) return { end: at + 1, isRecord: hasKey && hasValue && !isForeign }
    if (next !== COMMA) {
      scanner.fail(at, '')
      break
    }
    at = scanner.space(at + 1)
  }
  if (scanner.at(at) === CLOSE_OBJECT) return { end: at + 1, isRecord: false }
  return { end: scanner.fail(Math.max(at, scanner.failedAt), ''), isRecord: hasKey && !isForeign }
}
