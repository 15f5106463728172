import { type Encoding, decodeUtf8, encode } from '../../bytes.ts'
import { escapeLine, formatBytes } from '../../safe-text.ts'

/** Bytes of a value that are looked at: more than any terminal line shows. */
const MAX_CELL = 4096

/** The beginning of bytes as one line, safe for a terminal; what is no text is summarized. */
export function cell(bytes: Uint8Array, encoding: Encoding): string {
  if (encoding !== 'utf8') return encode(bytes.subarray(0, MAX_CELL), encoding)
  let end = Math.min(bytes.length, MAX_CELL)
  // Not inside a character: a long text must not count as binary for being cut.
  while (end < bytes.length && end > MAX_CELL - 4 && (bytes[end]! & 0xc0) === 0x80) end--
  const text = decodeUtf8(bytes.subarray(0, end))
  return text === undefined ? binary(bytes) : escapeLine(text)
}

/** What is shown in place of bytes that are no text. */
export function binary(bytes: Uint8Array): string {
  return `(binary, ${formatBytes(bytes.length)})`
}
