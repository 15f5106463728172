import { hexDigit } from '../../bytes.ts'

/** What can be wrong with JSON text whose bytes are valid UTF-8. */
export type JsonFault = 'invalid JSON' | 'lone surrogate'

/** Bytes that end the plain part of a string: the control characters, `"` and `\`. */
const SPECIAL = new Uint8Array(256)
SPECIAL.fill(1, 0, 0x20)
SPECIAL[0x22] = 1
SPECIAL[0x5c] = 1

const IN_ARRAY = 0
const IN_OBJECT = 1

const TRUE = Uint8Array.of(0x74, 0x72, 0x75, 0x65)
const FALSE = Uint8Array.of(0x66, 0x61, 0x6c, 0x73, 0x65)
const NULL = Uint8Array.of(0x6e, 0x75, 0x6c, 0x6c)

/**
 * Validates JSON text (RFC 8259) in a byte buffer without making values of it. Every method takes
 * an offset and returns the one after what it found, or -1 after setting {@link failedAt},
 * {@link fault} and {@link expected}. Text that ends too early fails at `end`.
 *
 * The bytes up to `end` must be valid UTF-8; the caller asks that of `isUtf8`, many bytes at once.
 * Stricter than the grammar in one point: an escaped surrogate without its partner is refused,
 * since it stands for no text (RFC 8259, section 8.2). Nesting is limited by memory only.
 */
export class JsonScanner {
  /** Offset of the byte that cannot stand where it stands. */
  failedAt = -1
  /** What is wrong there. */
  fault: JsonFault = 'invalid JSON'
  /** What would have been right there, for people. */
  expected = ''
  /** Whether the last string has an escape. */
  escaped = false
  /** Where a string that failed can be taken up again with more text: after what is right of it. */
  resumeAt = -1
  #bytes: Uint8Array = new Uint8Array(0)
  #end = 0
  #containers = new Uint8Array(64)

  /** Scans `bytes` from now on, and nothing from `end` on. */
  reset(bytes: Uint8Array, end: number): void {
    this.#bytes = bytes
    this.#end = end
  }

  /** The offset of the first byte from `at` on that is no JSON whitespace. Never fails. */
  space(at: number): number {
    const bytes = this.#bytes
    const end = this.#end
    while (at < end) {
      const byte = bytes[at]!
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break
      at++
    }
    return at
  }

  /** The byte at an offset, -1 at the end. */
  at(offset: number): number {
    return offset < this.#end ? this.#bytes[offset]! : -1
  }

  /** A string, whose opening quote is at `at`; or the rest of one, which begins after `at`. */
  string(at: number): number {
    const bytes = this.#bytes
    const end = this.#end
    this.escaped = false
    at++
    for (;;) {
      while (at < end && SPECIAL[bytes[at]!] === 0) at++
      this.resumeAt = at
      if (at >= end) return this.fail(at, "'\"'")
      const byte = bytes[at]!
      if (byte === 0x22) return at + 1
      if (byte !== 0x5c) return this.fail(at, 'no control character (it must be escaped)')
      this.escaped = true
      at = this.#escape(at)
      if (at < 0) return -1
    }
  }

  /** A colon with whitespace around it, as between the name and the value of a member. */
  colon(at: number): number {
    at = this.space(at)
    return this.at(at) === 0x3a ? this.space(at + 1) : this.fail(at, "':'")
  }

  /** Any value, which begins at `at`. */
  value(at: number): number {
    let depth = 0
    for (;;) {
      const first = this.at(at)
      if (first === 0x7b || first === 0x5b) {
        const closing = first + 2
        at = this.space(at + 1)
        if (this.at(at) !== closing) {
          this.#enter(depth++, first === 0x7b ? IN_OBJECT : IN_ARRAY)
          if (first === 0x7b) at = this.#memberName(at, "a string or '}'")
          if (at < 0) return -1
          continue
        }
        at++
      } else {
        at = this.#scalar(at, first)
        if (at < 0) return -1
      }
      // A value is complete, and with it perhaps some of the containers around it.
      for (;;) {
        if (depth === 0) return at
        at = this.space(at)
        const next = this.at(at)
        const inObject = this.#containers[depth - 1] === IN_OBJECT
        if (next === 0x2c) {
          at = this.space(at + 1)
          if (inObject) at = this.#memberName(at, 'a string')
          if (at < 0) return -1
          break
        }
        if (next !== (inObject ? 0x7d : 0x5d)) return this.fail(at, inObject ? "',' or '}'" : "',' or ']'")
        depth--
        at++
      }
    }
  }

  /** Notes a failure; returns -1. */
  fail(at: number, expected: string, fault: JsonFault = 'invalid JSON'): -1 {
    this.failedAt = at
    this.expected = expected
    this.fault = fault
    return -1
  }

  #enter(depth: number, container: number): void {
    if (depth === this.#containers.length) {
      const larger = new Uint8Array(depth * 2)
      larger.set(this.#containers)
      this.#containers = larger
    }
    this.#containers[depth] = container
  }

  #memberName(at: number, expected: string): number {
    if (this.at(at) !== 0x22) return this.fail(at, expected)
    at = this.string(at)
    return at < 0 ? -1 : this.colon(at)
  }

  #scalar(at: number, first: number): number {
    if (first === 0x22) return this.string(at)
    if (first === 0x2d || isDigit(first)) return this.#number(at, first)
    if (first === 0x74) return this.#literal(at, TRUE)
    if (first === 0x66) return this.#literal(at, FALSE)
    if (first === 0x6e) return this.#literal(at, NULL)
    return this.fail(at, 'a value')
  }

  #literal(at: number, text: Uint8Array): number {
    for (let n = 1; n < text.length; n++) {
      if (this.at(at + n) !== text[n]) return this.fail(at + n, `'${String.fromCharCode(...text)}'`)
    }
    return at + text.length
  }

  #number(at: number, first: number): number {
    if (first === 0x2d) at++
    // After a leading zero the integer part is over; a digit there is refused by whoever comes next.
    if (this.at(at) === 0x30) at++
    else if ((at = this.#digits(at)) < 0) return -1
    if (this.at(at) === 0x2e && (at = this.#digits(at + 1)) < 0) return -1
    const exponent = this.at(at)
    if (exponent !== 0x65 && exponent !== 0x45) return at
    const sign = this.at(at + 1)
    return this.#digits(sign === 0x2b || sign === 0x2d ? at + 2 : at + 1)
  }

  #digits(at: number): number {
    if (!isDigit(this.at(at))) return this.fail(at, 'a digit')
    do at++
    while (isDigit(this.at(at)))
    return at
  }

  /** An escape, whose backslash is at `at`; a surrogate pair counts as one. */
  #escape(at: number): number {
    switch (this.at(at + 1)) {
      case 0x22:
      case 0x5c:
      case 0x2f:
      case 0x62:
      case 0x66:
      case 0x6e:
      case 0x72:
      case 0x74:
        return at + 2
      case 0x75:
        return this.#unicodeEscape(at)
      default:
        return this.fail(at + 1, 'one of " \\ / b f n r t u')
    }
  }

  #unicodeEscape(at: number): number {
    const unit = this.#hex4(at + 2)
    if (unit < 0) return -1
    if (unit < 0xd800 || unit > 0xdfff) return at + 6
    if (unit > 0xdbff) return this.fail(at, 'a high surrogate before it', 'lone surrogate')
    for (const [offset, byte] of [
      [6, 0x5c],
      [7, 0x75],
    ] as const) {
      const found = this.at(at + offset)
      // At the end of the text, more of it may make a pair.
      if (found !== byte) return this.fail(found < 0 ? at + offset : at, 'a low surrogate after it', 'lone surrogate')
    }
    const low = this.#hex4(at + 8)
    if (low < 0) return -1
    return low >= 0xdc00 && low <= 0xdfff ? at + 12 : this.fail(at, 'a low surrogate after it', 'lone surrogate')
  }

  #hex4(at: number): number {
    let value = 0
    for (let n = 0; n < 4; n++) {
      const digit = hexDigit(this.at(at + n))
      if (digit < 0) return this.fail(at + n, 'a hexadecimal digit')
      value = (value << 4) | digit
    }
    return value
  }
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39
}
