import { hexDigit } from '../../bytes.ts'

/** What the byte after a backslash stands for (RFC 8259, section 7); `u` is not in it. */
const ESCAPES = new Uint8Array(256)
for (const [letter, byte] of Object.entries({ '"': 0x22, '\\': 0x5c, '/': 0x2f, b: 8, f: 12, n: 10, r: 13, t: 9 })) {
  ESCAPES[letter.charCodeAt(0)] = byte
}

/**
 * Replaces the JSON string content between `start` and `end` (without its quotes, validated by
 * `JsonScanner`) by the UTF-8 text it stands for, in place: never longer, since an escape is at
 * least as long as its character. Returns the length in bytes.
 */
export function decodeInPlace(bytes: Uint8Array, start: number, end: number): number {
  let from = start
  let to = start
  while (from < end) {
    const byte = bytes[from]!
    if (byte !== 0x5c) {
      bytes[to++] = byte
      from++
    } else if (bytes[from + 1] !== 0x75) {
      bytes[to++] = ESCAPES[bytes[from + 1]!]!
      from += 2
    } else {
      const point = codePoint(bytes, from)
      from += point > 0xffff ? 12 : 6
      to = writeUtf8(bytes, to, point)
    }
  }
  return to - start
}

/** The length in bytes `decodeInPlace` would return; changes nothing. */
export function decodedLength(bytes: Uint8Array, start: number, end: number): number {
  let length = 0
  for (let from = start; from < end;) {
    if (bytes[from] !== 0x5c) {
      length++
      from++
    } else if (bytes[from + 1] !== 0x75) {
      length++
      from += 2
    } else {
      const point = codePoint(bytes, from)
      from += point > 0xffff ? 12 : 6
      length += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4
    }
  }
  return length
}

/** The code point of the `\u` escape or the pair of them at `at`. */
function codePoint(bytes: Uint8Array, at: number): number {
  const unit = hex4(bytes, at + 2)
  if (unit < 0xd800 || unit > 0xdbff) return unit
  return 0x10000 + ((unit - 0xd800) << 10) + (hex4(bytes, at + 8) - 0xdc00)
}

function hex4(bytes: Uint8Array, at: number): number {
  return (
    (hexDigit(bytes[at]!) << 12) |
    (hexDigit(bytes[at + 1]!) << 8) |
    (hexDigit(bytes[at + 2]!) << 4) |
    hexDigit(bytes[at + 3]!)
  )
}

/** Writes a code point in UTF-8 (RFC 3629); returns the offset after it. */
function writeUtf8(bytes: Uint8Array, at: number, point: number): number {
  if (point < 0x80) {
    bytes[at] = point
    return at + 1
  }
  if (point < 0x800) {
    bytes[at] = 0xc0 | (point >> 6)
    bytes[at + 1] = 0x80 | (point & 0x3f)
    return at + 2
  }
  if (point < 0x10000) {
    bytes[at] = 0xe0 | (point >> 12)
    bytes[at + 1] = 0x80 | ((point >> 6) & 0x3f)
    bytes[at + 2] = 0x80 | (point & 0x3f)
    return at + 3
  }
  bytes[at] = 0xf0 | (point >> 18)
  bytes[at + 1] = 0x80 | ((point >> 12) & 0x3f)
  bytes[at + 2] = 0x80 | ((point >> 6) & 0x3f)
  bytes[at + 3] = 0x80 | (point & 0x3f)
  return at + 4
}
