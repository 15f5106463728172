import { isUtf8 } from 'node:buffer'
import { type BytesEncoding, type Encoding, asBuffer, utf8 } from '../../bytes.ts'
import type { Change, Entry } from '../../store/driver/entry.ts'
import type { HistoryStatus, Version } from '../../store/driver/history.ts'
import type { Usage } from '../../store/driver/usage.ts'
import { JSON_STRING, type TextOutput } from '../byte-buffer.ts'
import { type EntryForm, type EntryWriter, type Output, type ValueForm, isPlain } from '../format.ts'
import { JsonScanner } from './scanner.ts'

/** Text as it is, values as JSON strings: how the API writes entries. */
export const PLAIN: ValueForm = { keyEncoding: 'utf8', valueEncoding: 'utf8', jsonValues: false }

/** JSON Lines: each entry an object, or with one field only, that as a string. */
export function jsonLinesWriter({ text: out }: Output, form: EntryForm): EntryWriter {
  return {
    text: isPlain(form) ? { form: 'jsonl' } : undefined,
    write(entry) {
      writeItem(out, entry, form)
      out.text('\n')
    },
  }
}

/** One JSON array of what {@link jsonLinesWriter} writes, a line each. */
export function jsonArrayWriter({ text: out }: Output, form: EntryForm): EntryWriter {
  let isFirst = true
  out.text('[')
  return {
    write(entry) {
      out.text(isFirst ? '\n' : ',\n')
      isFirst = false
      writeItem(out, entry, form)
    },
    end: () => out.text(isFirst ? ']\n' : '\n]\n'),
  }
}

/** JSON Lines of changes: `{"type":"put","key":"user:1","value":"Ada","position":"l8k2v9q4x0ab-7"}`. */
export function jsonChangeWriter({ text: out }: Output<TextOutput>, form: ValueForm): (change: Change) => void {
  return (change) => {
    writeJsonChange(out, change, form, 'typed')
    out.text('\n')
  }
}

function writeItem(out: TextOutput, entry: Entry, form: EntryForm): void {
  const { only } = form
  if (only === undefined) writeJsonEntry(out, entry, form)
  else if (only === 'value' && form.isJson === true) out.bytes(entry.value)
  else writeJsonBytes(out, only, entry[only], only === 'key' ? form.keyEncoding : form.valueEncoding)
}

/** What is written of an entry. */
type Written = Pick<Entry, 'key' | 'value'> & Partial<Pick<Entry, 'expires'>>

/**
 * Writes an entry as one JSON object: `{"key":"user:1","value":"Ada"}`. Bytes that are not UTF-8, or asked for so, go
 * under `key_base64`, `value_hex` and so on; an entry that expires carries `"expires"` (RFC 3339, UTC).
 */
export function writeJsonEntry(out: TextOutput, entry: Written, options: ValueForm): void {
  writeJsonField(out, KEY, entry.key, options.keyEncoding)
  rest(out, entry, options)
  out.bytes(CLOSE)
}

/**
 * Writes a change as one JSON object, `typed`: with its type before and its position at the end; or `revised`: with
 * neither, a put with its `"revision"`. Bytes and expiry stand as in entries.
 */
export function writeJsonChange(out: TextOutput, change: Change, options: ValueForm, form: 'typed' | 'revised'): void {
  writeJsonField(
    out,
    form === 'revised' ? KEY : change.type === 'put' ? PUT_KEY : DEL_KEY,
    change.key,
    options.keyEncoding,
  )
  if (change.type === 'put') {
    rest(out, change, options)
    if (form === 'revised') out.text(`,"revision":${change.revision}`)
  }
  if (form === 'typed') out.text(`,"position":${JSON.stringify(change.position)}`)
  out.bytes(CLOSE)
}

/**
 * Writes a version of a key as one JSON object: `{"type":"put","key":"k","time":"2030-01-31T12:00:00.000Z","revision":2,"value":"v"}`,
 * or of type `del` or `expired`. The time is null where it is from before the history began.
 */
export function writeJsonVersion(out: TextOutput, version: Version): void {
  const { type, key, time } = version
  writeJsonField(out, type === 'put' ? PUT_KEY : type === 'del' ? DEL_KEY : EXPIRED_KEY, key, 'utf8')
  out.text(`,"time":${JSON.stringify(isoOrNull(time))}`)
  if (version.type !== 'expired') out.text(`,"revision":${version.revision}`)
  if (version.type === 'put') rest(out, version, PLAIN)
  out.bytes(CLOSE)
}

function rest(out: TextOutput, entry: Omit<Written, 'key'>, options: ValueForm): void {
  const source = options.isJson === true ? entry.value : options.jsonValues ? jsonSource(entry.value) : undefined
  if (source !== undefined) {
    out.bytes(SOURCE)
    out.bytes(source)
  } else {
    writeJsonField(out, VALUE, entry.value, options.valueEncoding)
  }
  if (entry.expires !== undefined) out.text(`,"expires":"${new Date(entry.expires).toISOString()}"`)
}

/**
 * Writes the key or the value of an entry alone: a JSON string in the encoding asked for, and an object
 * `{"key_base64":"/w=="}` for bytes that are not UTF-8 where text is, so that nobody takes that for a text.
 */
export function writeJsonBytes(out: TextOutput, name: 'key' | 'value', bytes: Uint8Array, encoding: Encoding): void {
  if (encoding !== 'utf8') {
    out.bytes(QUOTE)
    out.encoded(bytes, encoding)
    out.bytes(QUOTE)
  } else if (!out.escaped(QUOTE, bytes, QUOTE, JSON_STRING)) {
    encodedField(out, name === 'key' ? KEY : ONLY_VALUE, bytes, 'base64')
    out.bytes(CLOSE)
  }
}

/** What stands before the string of a field: its name with what is before it, and the name up to that of an encoding. */
export interface JsonField {
  readonly plain: Uint8Array
  readonly encoded: string
}

/** A field by what stands before its string: `,"value`. */
export function jsonField(before: string): JsonField {
  return { plain: utf8(`${before}":"`), encoded: `${before}_` }
}

const KEY = jsonField('{"key')
const PUT_KEY = jsonField('{"type":"put","key')
const DEL_KEY = jsonField('{"type":"del","key')
const EXPIRED_KEY = jsonField('{"type":"expired","key')
const VALUE = jsonField(',"value')
const ONLY_VALUE = jsonField('{"value')
const SOURCE = utf8(',"value":')
const CLOSE = utf8('}')
const QUOTE = utf8('"')

/** Writes a field of bytes: as text, or where they are no UTF-8, or that is asked for, under the name of an encoding. */
export function writeJsonField(out: TextOutput, field: JsonField, bytes: Uint8Array, encoding: Encoding): void {
  if (encoding !== 'utf8') encodedField(out, field, bytes, encoding)
  else if (!out.escaped(field.plain, bytes, QUOTE, JSON_STRING)) encodedField(out, field, bytes, 'base64')
}

function encodedField(out: TextOutput, field: JsonField, bytes: Uint8Array, encoding: BytesEncoding): void {
  out.text(`${field.encoded}${encoding}":"`)
  out.encoded(bytes, encoding)
  out.bytes(QUOTE)
}

/**
 * The bytes of a value that may stand in JSON Lines as JSON and read back exactly, or `undefined`: text that is not
 * JSON, that spans lines, that has blanks around it, that escapes half a surrogate pair, or that is itself a JSON
 * string (which would read back without its quotes) is written as a string.
 */
function jsonSource(value: Uint8Array): Uint8Array | undefined {
  const first = value[0]
  const last = value[value.length - 1]
  if (first === undefined || first === 0x22 || first <= 0x20 || last === undefined || last <= 0x20) return undefined
  if (value.includes(0x0a) || value.includes(0x0d) || !isUtf8(value)) return undefined
  // What reads it back decides, not JSON.parse, which takes more and makes strings of it all.
  const scanner = new JsonScanner()
  scanner.reset(value, value.length)
  return scanner.value(0) === value.length ? value : undefined
}

/**
 * What a key, a folder or all keys take, as a record of JSON: `{"key":"a","bytes":2}`, `{"prefix":"user:","keys":2,"bytes":9}`,
 * and the total as that of its prefix, with `"total":true`.
 */
export function usageRecord({ type, name, keys, bytes }: Usage): Readonly<Record<string, unknown>> {
  if (type === 'key') return { ...textOrBase64('key', name), bytes }
  return { ...textOrBase64('prefix', name), keys, bytes, ...(type === 'total' && { total: true }) }
}

/** What is kept of the past, as a record of JSON. */
export function historyRecord({ keep, since, versions, bytes }: HistoryStatus): Readonly<Record<string, unknown>> {
  return { keep, versions, bytes, since: isoOrNull(since?.time), since_revision: since?.revision ?? null }
}

function isoOrNull(time: number | undefined): string | null {
  return time === undefined ? null : new Date(time).toISOString()
}

/** A field of JSON as records have it: base64 under a name of its own where bytes are not UTF-8. */
export function textOrBase64(name: string, bytes: Uint8Array): Record<string, string> {
  const buffer = asBuffer(bytes)
  return isUtf8(buffer) ? { [name]: buffer.toString() } : { [`${name}_base64`]: buffer.toString('base64') }
}
