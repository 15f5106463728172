/** Large texts in JSON, made while the client takes them. */
import { asBuffer, utf8 } from '../../bytes.ts'

/** Bytes of a value that are made into text at a time, and of texts that go out together. */
const CHUNK_BYTES = 1 << 16

/** A JSON string of bytes that are UTF-8, as `JSON.stringify` writes it, in parts of which none is long. */
export function* jsonString(bytes: Uint8Array): Generator<string, void, void> {
  const buffer = asBuffer(bytes)
  if (bytes.length <= CHUNK_BYTES) {
    yield JSON.stringify(buffer.toString())
    return
  }
  yield '"'
  for (let at = 0; at < bytes.length;) {
    let end = Math.min(at + CHUNK_BYTES, bytes.length)
    // No character is cut.
    while (end < bytes.length && (bytes[end]! & 0xc0) === 0x80) end--
    yield JSON.stringify(buffer.toString('utf8', at, end)).slice(1, -1)
    at = end
  }
  yield '"'
}

/** A list of texts in JSON, in parts of which none is long. */
export function* jsonList(texts: readonly string[]): Generator<string, void, void> {
  yield '['
  for (const [i, text] of texts.entries()) {
    if (i > 0) yield ','
    if (text.length <= CHUNK_BYTES) yield JSON.stringify(text)
    else yield* jsonString(utf8(text))
  }
  yield ']'
}

/** Gathers parts into chunks that are worth sending. */
export function* gathered(parts: Iterable<string>): Generator<Buffer, void, void> {
  let text = ''
  for (const part of parts) {
    text += part
    if (text.length < CHUNK_BYTES) continue
    yield Buffer.from(text)
    text = ''
  }
  if (text !== '') yield Buffer.from(text)
}
