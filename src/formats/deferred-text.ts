import { isUtf8 } from 'node:buffer'
import { type BytesEncoding, asBuffer, encodeParts, textSlices } from '../bytes.ts'
import { ByteBuffer, type Escaping, LONG, type TextOutput } from './byte-buffer.ts'

const NOTHING = new Uint8Array()

/**
 * Collects output like {@link ByteBuffer}, but makes the text of long bytes only as its parts are taken: whoever
 * sends them one by one, and waits for the reader between two, holds the bytes and no more.
 */
export class DeferredText implements TextOutput {
  #parts: (Buffer | (() => Iterable<Buffer | string>))[] = []
  readonly #collected = new ByteBuffer({ write: (data) => void this.#parts.push(Buffer.from(data as Uint8Array)) })

  text(text: string): void {
    this.#collected.text(text)
    this.#collected.flushIfFull()
  }

  bytes(bytes: Uint8Array): void {
    if (bytes.length > LONG) this.#defer(() => [asBuffer(bytes)])
    else this.#collected.bytes(bytes)
  }

  encoded(bytes: Uint8Array, encoding: BytesEncoding): void {
    if (bytes.length > LONG) this.#defer(() => encodeParts(bytes, encoding))
    else this.#collected.encoded(bytes, encoding)
  }

  escaped(before: Uint8Array, bytes: Uint8Array, after: Uint8Array, escaping: Escaping): boolean {
    if (bytes.length <= LONG) return this.#collected.escaped(before, bytes, after, escaping)
    if (!isUtf8(bytes)) return false
    this.#collected.bytes(before)
    this.#defer(() => escapedParts(bytes, escaping))
    this.#collected.bytes(after)
    return true
  }

  /**
   * What was collected, in order and in parts that are not long, none of which ends inside a character. To be taken
   * to the end before more is added.
   */
  *take(): Generator<Buffer, void, void> {
    this.#collected.flush()
    const parts = this.#parts
    this.#parts = []
    for (const part of parts) {
      if (typeof part !== 'function') yield part
      else for (const made of part()) yield typeof made === 'string' ? Buffer.from(made) : made
    }
  }

  #defer(parts: () => Iterable<Buffer | string>): void {
    this.#collected.flush()
    this.#parts.push(parts)
  }
}

function* escapedParts(bytes: Uint8Array, escaping: Escaping): Generator<Buffer, void, void> {
  const out = new DeferredText()
  for (const slice of textSlices(bytes)) {
    out.escaped(NOTHING, slice, NOTHING, escaping)
    yield* out.take()
  }
}
