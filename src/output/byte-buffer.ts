import { isUtf8 } from 'node:buffer'
import type { Sink } from '../io.ts'

/** Bytes collected before they go out in one write. */
const FLUSH_BYTES = 1 << 16

/** Collects output and hands it to a sink in large writes. */
export class ByteBuffer {
  readonly #sink: Pick<Sink, 'write'>
  #bytes = Buffer.allocUnsafe(FLUSH_BYTES * 2)
  #length = 0

  constructor(sink: Pick<Sink, 'write'>) {
    this.#sink = sink
  }

  /** Adds text. */
  text(text: string): void {
    this.#reserve(text.length * 3)
    this.#length += this.#bytes.write(text, this.#length)
  }

  /** Adds bytes. */
  bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  /**
   * Adds `name` and then bytes as a JSON string (RFC 8259, section 7), escaped as `JSON.stringify`
   * does it: quote, backslash and controls below 0x20. Adds nothing and returns false when the
   * bytes are not UTF-8.
   */
  jsonString(name: Uint8Array, bytes: Uint8Array): boolean {
    this.#reserve(name.length + bytes.length * 6 + 2)
    const out = this.#bytes
    let at = this.#length
    for (let i = 0; i < name.length; i++) out[at++] = name[i]!
    out[at++] = 0x22
    let isText = false
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i]!
      if (byte >= 0x80 && !isText) {
        if (!isUtf8(bytes)) return false
        isText = true
      }
      if (byte >= 0x20 && byte !== 0x22 && byte !== 0x5c) out[at++] = byte
      else for (const part of JSON_ESCAPES[byte]!) out[at++] = part
    }
    out[at++] = 0x22
    this.#length = at
    return true
  }

  /** Writes out what has been collected, if it is much. */
  flushIfFull(): void {
    if (this.#length >= FLUSH_BYTES) this.flush()
  }

  /** Writes out what has been collected. */
  flush(): void {
    const length = this.#length
    this.#length = 0
    if (length > 0) this.#sink.write(this.#bytes.subarray(0, length))
  }

  #reserve(length: number): void {
    if (this.#length + length <= this.#bytes.length) return
    const bytes = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + length))
    this.#bytes.copy(bytes, 0, 0, this.#length)
    this.#bytes = bytes
  }
}

/** For each byte that JSON escapes, its escape. */
const JSON_ESCAPES: readonly Uint8Array[] = Array.from({ length: 0x60 }, (_, byte) =>
  Buffer.from(JSON.stringify(String.fromCharCode(byte)).slice(1, -1)),
)
