import type { ByteArena } from '../../blocks/byte-arena.ts'
import { utf8 } from '../../bytes.ts'
import { JSON_STRING } from '../byte-buffer.ts'
import type { Row } from './row.ts'

/** Bytes of a field up to which each is taken for one that needs the longest escape, and not looked at before. */
const SHORT = 4096

const QUOTE = 0x22
const CLOSE_OBJECT = 0x7d

/** Writes rows as compact JSON objects: `{"name":"text",...}`, columns in order, each value a string. */
export class ObjectOfColumns {
  /** What stands before each value. */
  readonly #before: readonly Uint8Array[]
  /** Bytes of all that is not values. */
  readonly #ownBytes: number

  /** @param names of the columns; they differ */
  constructor(names: readonly string[]) {
    this.#before = names.map((name, at) => utf8(`${at === 0 ? '{' : '",'}${JSON.stringify(name)}:"`))
    this.#ownBytes = this.#before.reduce((sum, before) => sum + before.length, 2)
  }

  /** Adds the object of a row that has as many fields; returns why not, where it is longer than `maxBytes` for certain. */
  add(bytes: Uint8Array, row: Row, out: ByteArena, maxBytes: number): string | undefined {
    const before = this.#before
    const width = before.length
    if (this.#ownBytes + row.fieldEnd(width - 1) - row.start(0) > maxBytes) {
      let least = this.#ownBytes
      for (let field = 0; field < width; field++) least += row.decodedLength(field)
      if (least > maxBytes) return `value is longer than ${maxBytes} bytes`
    }
    for (let field = 0; field < width; field++) {
      out.add(before[field]!)
      addEscaped(bytes, row, field, out)
    }
    out.byte(QUOTE)
    out.byte(CLOSE_OBJECT)
    return undefined
  }
}

/** Adds the text of a field as it stands within a JSON string. */
function addEscaped(bytes: Uint8Array, row: Row, field: number, out: ByteArena): void {
  const { isPlain, escapes } = JSON_STRING
  let from = row.start(field)
  let end = row.fieldEnd(field)
  const more = (JSON_STRING.longest - 1) * (end - from <= SHORT ? end - from : escapesIn(bytes, from, end))
  out.reserve(more + end - from)
  let at = out.length
  let source = bytes
  if (row.isEncoded(field)) {
    // Decoded so far behind that what is written does not reach what is still to be read.
    out.length = from = at + more
    row.addText(bytes, field, out)
    end = out.length
    source = out.bytes
  }
  const to = out.bytes
  for (; from < end; from++) {
    const byte = source[from]!
    if (isPlain[byte] === 1) {
      to[at++] = byte
      continue
    }
    const escape = escapes[byte]!
    for (let n = 0; n < escape.length; n++) to[at++] = escape[n]!
  }
  out.length = at
}

/** How many bytes are escaped in a JSON string. */
function escapesIn(bytes: Uint8Array, start: number, end: number): number {
  const { isPlain } = JSON_STRING
  let count = 0
  for (let at = start; at < end; at++) count += 1 - isPlain[bytes[at]!]!
  return count
}
