import { isUtf8 } from 'node:buffer'
import { encodeParts } from '../bytes.ts'
import type { Sink } from '../io.ts'

/** Bytes collected before they go out in one write. */
const FLUSH_BYTES = 1 << 16

/** Strings longer than this are written in parts. */
const LONG = 1 << 16

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

  /** Adds the text of bytes in an encoding, however long. */
  encoded(bytes: Uint8Array, encoding: 'hex' | 'base64'): void {
    for (const part of encodeParts(bytes, encoding)) {
      this.text(part)
      this.flushIfFull()
    }
  }

  /**
   * Adds `name` and then bytes as a JSON string (RFC 8259, section 7), escaped as `JSON.stringify`
   * does it: quote, backslash and controls below 0x20. Adds nothing and returns false when the
   * bytes are not UTF-8.
   */
  jsonString(name: Uint8Array, bytes: Uint8Array): boolean {
    const isLong = bytes.length > LONG
    if (isLong && !isUtf8(bytes)) return false
    this.#reserve(name.length + Math.min(bytes.length, LONG) * 6 + 2)
    const begin = this.#length
    for (let i = 0; i < name.length; i++) this.#bytes[this.#length++] = name[i]!
    this.#bytes[this.#length++] = 0x22
    if (!isLong) {
      if (!this.#escape(bytes, 0, bytes.length, false)) {
        this.#length = begin
        return false
      }
    } else {
      for (let at = 0; at < bytes.length; ) {
        let end = Math.min(at + LONG, bytes.length)
        // Whole characters, for a terminal that is written to in between.
        while (end < bytes.length && (bytes[end]! & 0xc0) === 0x80) end--
        this.flush()
        this.#reserve((end - at) * 6 + 2)
        this.#escape(bytes, at, end, true)
        at = end
      }
    }
    this.#bytes[this.#length++] = 0x22
    return true
  }

  /** Adds escaped bytes; false when they turn out not to be UTF-8. There must be room. */
  #escape(bytes: Uint8Array, start: number, end: number, isKnownText: boolean): boolean {
    const out = this.#bytes
    let at = this.#length
    let isText = isKnownText
    for (let i = start; i < end; i++) {
      const byte = bytes[i]!
      if (byte >= 0x80 && !isText) {
        if (!isUtf8(bytes)) return false
        isText = true
      }
      if (byte >= 0x20 && byte !== 0x22 && byte !== 0x5c) out[at++] = byte
      else for (const part of JSON_ESCAPES[byte]!) out[at++] = part
    }
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
