/**
 * Where UTF-8 goes wrong, and positions in it for people. Whether it is right at all is asked of
 * `isUtf8` of node:buffer, which is many times faster.
 */

/** With which the reason of a record that is not UTF-8 begins. */
export const INVALID_UTF8 = 'invalid UTF-8'

/**
 * The offset of the first byte between `start` and `end` that cannot be part of well-formed UTF-8,
 * as a sequence's first byte; `end` when there is none. Follows table 3-7 of the Unicode Standard
 * (no overlong forms, no surrogates, nothing above U+10FFFF).
 */
export function firstInvalidUtf8(bytes: Uint8Array, start: number, end: number): number {
  let at = start
  while (at < end) {
    const length = sequenceLength(bytes, at, end)
    if (length === 0) return at
    at += length
  }
  return end
}

/** The length of a byte order mark at the start of the first `length` bytes; 0 when there is none. */
export function markLength(bytes: Uint8Array, length: number): number {
  return length >= 3 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0
}

/** The 1-based column of an offset in the line that begins at `start`, in code points. */
export function columnOf(bytes: Uint8Array, start: number, offset: number): number {
  return countCodePoints(bytes, start, offset) + 1
}

/**
 * How many code points begin between `start` and `end` (of valid UTF-8, or counting each stray byte that is no
 * continuation).
 */
export function countCodePoints(bytes: Uint8Array, start: number, end: number): number {
  let count = 0
  for (let at = start; at < end; at++) if ((bytes[at]! & 0xc0) !== 0x80) count++
  return count
}

/**
 * The largest length up to `length` that does not cut a sequence of UTF-8 in two. Looks at the last three bytes only.
 */
export function wholeSequences(bytes: Uint8Array, length: number): number {
  for (let back = 1; back <= 3 && back <= length; back++) {
    const byte = bytes[length - back]!
    if ((byte & 0xc0) === 0x80) continue
    const needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1
    return needed > back ? length - back : length
  }
  return length
}

/** The length in bytes of the well-formed sequence at `at`; 0 when there is none. */
function sequenceLength(bytes: Uint8Array, at: number, end: number): number {
  const lead = bytes[at]!
  if (lead < 0x80) return 1
  if (lead < 0xc2 || lead > 0xf4) return 0
  const length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4
  if (at + length > end) return 0
  // Only the second byte's range depends on the first byte.
  const second = bytes[at + 1]!
  const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
  const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
  if (second < low || second > high) return 0
  for (let n = 2; n < length; n++) if ((bytes[at + n]! & 0xc0) !== 0x80) return 0
  return length
}
