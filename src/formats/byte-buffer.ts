import { isUtf8 } from 'node:buffer'
import { type BytesEncoding, encodeParts, textSlices } from '../bytes.ts'
import type { Sink } from '../io.ts'

/** Bytes collected before they go out in one write. */
const FLUSH_BYTES = 1 << 16

/** Text and bytes longer than this are written in parts, in bytes. */
export const LONG = 1 << 16

/** How the bytes of a text are written in a form: most as they are, for some another text. */
export class Escaping {
  /** For each byte, 1 when it stands for itself. */
  readonly isPlain = new Uint8Array(256).fill(1)
  /** For each byte that does not, what stands for it. */
  readonly escapes: readonly (Uint8Array | undefined)[]
  /** The length of the longest of these. */
  readonly longest: number

  /** @param escapes by the characters that do not stand for themselves, all ASCII */
  constructor(escapes: Readonly<Record<string, string>>) {
    const all: (Uint8Array | undefined)[] = []
    for (const [char, escape] of Object.entries(escapes)) {
      all[char.charCodeAt(0)] = Buffer.from(escape)
      this.isPlain[char.charCodeAt(0)] = 0
    }
    this.escapes = all
    this.longest = Math.max(...Object.values(escapes).map(({ length }) => length))
  }
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

/** Where text is put together; see {@link ByteBuffer}. */
export type TextOutput = Pick<ByteBuffer, 'text' | 'bytes' | 'encoded' | 'escaped'>

/** Collects output and hands it to a sink in large writes. */
export class ByteBuffer {
  readonly #sink: Pick<Sink, 'write'>
  #bytes = Buffer.allocUnsafe(FLUSH_BYTES * 2)
  #length = 0

  constructor(sink: Pick<Sink, 'write'>) {
    this.#sink = sink
  }

  /** Adds text, however long. */
  text(text: string): void {
    if (text.length > LONG) {
      this.flush()
      this.#sink.write(text)
      return
    }
    this.#reserve(text.length * 3)
    this.#length += this.#bytes.write(text, this.#length)
  }

  /** Adds bytes, however many. */
  bytes(bytes: Uint8Array): void {
    if (bytes.length > LONG) {
      // The sink takes them before this returns, so they need not be copied.
      this.flush()
      this.#sink.write(bytes)
      return
    }
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  /** Adds the text of bytes in an encoding, however long. */
  encoded(bytes: Uint8Array, encoding: BytesEncoding): void {
    for (const part of encodeParts(bytes, encoding)) {
      this.text(part)
      this.flushIfFull()
    }
  }

  /**
   * Adds `before`, then UTF-8 text with some of it escaped, then `after`, however long; nothing of it,
   * and false, when the bytes are not UTF-8.
   */
  escaped(before: Uint8Array, bytes: Uint8Array, after: Uint8Array, escaping: Escaping): boolean {
    const isLong = bytes.length > LONG
    if (isLong && !isUtf8(bytes)) return false
    const begin = this.#length
    this.#reserve(before.length + Math.min(bytes.length, LONG) * escaping.longest + after.length)
    this.#append(before)
    for (const slice of isLong ? textSlices(bytes) : [bytes]) {
      if (isLong) this.flush()
      this.#reserve(slice.length * escaping.longest + after.length)
      if (!this.#escape(slice, escaping, isLong)) {
        this.#length = begin
        return false
      }
    }
    this.#append(after)
    return true
  }

  /** Adds a few bytes, for which there is room. */
  #append(bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length; i++) this.#bytes[this.#length++] = bytes[i]!
  }

  /** Adds escaped bytes, for which there is room; false when they turn out not to be UTF-8. */
  #escape(bytes: Uint8Array, { isPlain, escapes }: Escaping, isText: boolean): boolean {
    const out = this.#bytes
    let at = this.#length
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i]!
      if (byte >= 0x80 && !isText) {
        if (!isUtf8(bytes)) return false
        isText = true
      }
      if (isPlain[byte] === 1) out[at++] = byte
      else {
        const escape = escapes[byte]!
        for (let n = 0; n < escape.length; n++) out[at++] = escape[n]!
      }
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
