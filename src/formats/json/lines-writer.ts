import { type Encoding, utf8 } from '../../bytes.ts'
import type { Change, Entry } from '../../store/entry.ts'
import { Escaping, type TextOutput } from '../byte-buffer.ts'
import { jsonSource } from './json-value.ts'

/** How an entry is written as JSON. */
export interface JsonOptions {
  readonly keyEncoding: Encoding
  readonly valueEncoding: Encoding
  /** Write values that are JSON text as JSON. */
  readonly jsonValues: boolean
}

/**
 * Writes an entry as one JSON object: `{"key":"user:1","value":"Ada"}`. Bytes that are not UTF-8,
 * or asked for so, go under `key_base64`, `value_hex` and so on; an entry that expires carries
 * `"expires"` (RFC 3339, UTC).
 */
export function writeJsonEntry(out: TextOutput, entry: Entry, options: JsonOptions): void {
  field(out, KEY, entry.key, options.keyEncoding)
  rest(out, entry, options)
  out.bytes(CLOSE)
}

/**
 * Writes a change as one JSON object, `typed`: `{"type":"put","key":"user:1","value":"Ada"}`,
 * `{"type":"del","key":"user:1"}`; or `revised`: without its type, a put with its `"revision"`. Bytes and
 * expiry stand as in entries.
 */
export function writeJsonChange(
  out: TextOutput,
  change: Change,
  options: JsonOptions,
  form: 'typed' | 'revised',
): void {
  field(out, form === 'revised' ? KEY : change.type === 'put' ? PUT_KEY : DEL_KEY, change.key, options.keyEncoding)
  if (change.type === 'put') {
    rest(out, change, options)
    if (form === 'revised') out.text(`,"revision":${change.revision}`)
  }
  out.bytes(CLOSE)
}

function rest(out: TextOutput, entry: Pick<Entry, 'value' | 'expires'>, options: JsonOptions): void {
  const source = options.jsonValues ? jsonSource(entry.value) : undefined
  if (source !== undefined) {
    out.bytes(SOURCE)
    out.bytes(source)
  } else {
    field(out, VALUE, entry.value, options.valueEncoding)
  }
  if (entry.expires !== undefined) out.text(`,"expires":"${new Date(entry.expires).toISOString()}"`)
}

/**
 * Writes the key or the value of an entry alone: a JSON string in the encoding asked for, and an object
 * `{"key_base64":"/w=="}` for bytes that are not UTF-8 where text is, so that nobody takes that for a text.
 */
export function writeJsonBytes(out: TextOutput, name: 'key' | 'value', bytes: Uint8Array, encoding: Encoding): void {
  if (encoding === 'utf8') {
    if (!out.escaped(QUOTE, bytes, QUOTE, JSON_STRING)) encodedField(out, ALONE[name], bytes, 'base64', CLOSE)
    return
  }
  out.bytes(QUOTE)
  out.encoded(bytes, encoding)
  out.bytes(QUOTE)
}

/**
 * How a JSON string is written: RFC 8259, section 7, as `JSON.stringify` does it: quote, backslash and controls below
 * 0x20.
 */
export const JSON_STRING = new Escaping(
  Object.fromEntries(
    [...Array.from({ length: 0x20 }, (_, code) => String.fromCharCode(code)), '"', '\\'].map((char) => [
      char,
      JSON.stringify(char).slice(1, -1),
    ]),
  ),
)

/** What stands before a field's string, its opening quote included, and before the name of an encoding. */
interface Field {
  readonly plain: Uint8Array
  readonly encoded: string
}

const KEY: Field = { plain: utf8('{"key":"'), encoded: '{"key_' }
const PUT_KEY: Field = { plain: utf8('{"type":"put","key":"'), encoded: '{"type":"put","key_' }
const DEL_KEY: Field = { plain: utf8('{"type":"del","key":"'), encoded: '{"type":"del","key_' }
const VALUE: Field = { plain: utf8(',"value":"'), encoded: ',"value_' }
const ALONE = { key: '{"key_', value: '{"value_' }
const SOURCE = utf8(',"value":')
const CLOSE = utf8('}')
const QUOTE = utf8('"')
const NOTHING = new Uint8Array()

function field(out: TextOutput, name: Field, bytes: Uint8Array, encoding: Encoding): void {
  if (encoding !== 'utf8') encodedField(out, name.encoded, bytes, encoding, NOTHING)
  else if (!out.escaped(name.plain, bytes, QUOTE, JSON_STRING))
    encodedField(out, name.encoded, bytes, 'base64', NOTHING)
}

function encodedField(
  out: TextOutput,
  name: string,
  bytes: Uint8Array,
  encoding: 'hex' | 'base64',
  after: Uint8Array,
): void {
  out.text(`${name}${encoding}":"`)
  out.encoded(bytes, encoding)
  out.bytes(QUOTE)
  out.bytes(after)
}
