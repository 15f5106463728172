import { isUtf8 } from 'node:buffer'
import { type Encoding, encode } from '../bytes.ts'
import type { Entry } from '../store/driver.ts'
import type { ByteBuffer } from './byte-buffer.ts'
import { jsonSource } from './json-values.ts'

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
export function writeJsonEntry(out: ByteBuffer, entry: Entry, options: JsonOptions): void {
  out.text('{')
  field(out, 'key', entry.key, options.keyEncoding)
  out.text(',')
  const source = options.jsonValues ? jsonSource(entry.value) : undefined
  if (source !== undefined) {
    out.text('"value":')
    out.bytes(source)
  } else {
    field(out, 'value', entry.value, options.valueEncoding)
  }
  if (entry.expires !== undefined) out.text(`,"expires":"${new Date(entry.expires).toISOString()}"`)
  out.text('}')
}

/** Writes bytes as a JSON string in the encoding asked for; base64 when they are not UTF-8. */
export function writeJsonBytes(out: ByteBuffer, bytes: Uint8Array, encoding: Encoding): void {
  if (encoding === 'utf8' && isUtf8(bytes)) out.jsonString(bytes)
  else out.text(`"${encode(bytes, encoding === 'utf8' ? 'base64' : encoding)}"`)
}

function field(out: ByteBuffer, name: 'key' | 'value', bytes: Uint8Array, encoding: Encoding): void {
  if (encoding === 'utf8' && isUtf8(bytes)) {
    out.text(name === 'key' ? '"key":' : '"value":')
    out.jsonString(bytes)
  } else {
    const used = encoding === 'utf8' ? 'base64' : encoding
    out.text(`"${name}_${used}":"${encode(bytes, used)}"`)
  }
}
