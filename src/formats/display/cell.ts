import { type Encoding, decodeUtf8, encode } from '../../bytes.ts'
import { binary, escapeLine } from '../../safe-text.ts'
import { cutToWidth } from '../../text-width.ts'
import { wholeSequences } from '../utf8.ts'

/** Bytes of a value that are looked at: more than any terminal line shows. */
const MAX_CELL = 4096

/** The beginning of bytes as one line, safe for a terminal; what is no text is summarized. */
export function cell(bytes: Uint8Array, encoding: Encoding): string {
  if (encoding !== 'utf8') return encode(bytes.subarray(0, MAX_CELL), encoding)
  // Not cut inside a character: a long text must not count as binary for that.
  return bytes.length > MAX_CELL
    ? safeLine(bytes.subarray(0, wholeSequences(bytes, MAX_CELL)), bytes.length)
    : safeLine(bytes)
}

/** The beginning of a value as one line of so many columns, safe for a terminal. */
export function preview(value: Uint8Array, width: number): string {
  return cutToWidth(cell(value, 'utf8'), width)
}

/** Bytes as one line, safe for a terminal, or what is shown in place of `size` bytes that are no text. */
export function safeLine(bytes: Uint8Array, size = bytes.length): string {
  const text = decodeUtf8(bytes)
  return text === undefined ? binary(size) : escapeLine(text)
}
