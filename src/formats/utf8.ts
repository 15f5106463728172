import { isUtf8 } from 'node:buffer'

/** With which the reason of a record that is not UTF-8 begins. */
export const INVALID_UTF8 = 'invalid UTF-8'

/**
 * The offset of the first byte between `start` and `end` that begins no well-formed sequence; `end` when there is none.
 */
export function firstInvalidUtf8(bytes: Uint8Array, start: number, end: number): number {
  const text = bytes.subarray(start, end)
  if (isUtf8(text)) return end
  // Of the lengths up to which it is well-formed, but for a sequence cut off, the greatest.
  let right = 0
  for (let wrong = text.length + 1; wrong - right > 1;) {
    const middle = (right + wrong) >>> 1
    if (isUtf8(text.subarray(0, wholeSequences(text, middle)))) right = middle
    else wrong = middle
  }
  return start + wholeSequences(text, right)
}

/** The length of a byte order mark at the start of the first `length` bytes; 0 when there is none. */
export function markLength(bytes: Uint8Array, length: number): number {
  return length >= 3 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0
}

/** Whether the first `length` bytes are the beginning of a byte order mark, so that more tells whether one is there. */
export function mayBeMark(bytes: Uint8Array, length: number): boolean {
  return length < 3 && (length < 1 || bytes[0] === 0xef) && (length < 2 || bytes[1] === 0xbb)
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

/** A line and a column, both 1-based, the column in code points. */
export interface Place {
  readonly line: number
  readonly column: number
}

/** The place of an offset that only ever goes forward. */
export class Position {
  line = 1
  column = 1
  #offset = 0

  /** Moves on to `offset` in `bytes`; stays when that lies behind. Returns where that is. */
  advance(bytes: Uint8Array, offset: number): Place {
    let { line, column } = this
    for (let at = this.#offset; at < offset; at++) {
      const byte = bytes[at]!
      if (byte === 0x0a) {
        line++
        column = 1
      } else if ((byte & 0xc0) !== 0x80) column++
    }
    this.line = line
    this.column = column
    this.#offset = Math.max(this.#offset, offset)
    return { line, column }
  }

  /** The byte at `offset` is the first one of the next buffer, or of the text after a mark that counts as nothing. */
  rebase(offset: number): void {
    this.#offset -= offset
  }
}
