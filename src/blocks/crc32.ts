type Crc32 = (data: Uint8Array, value?: number) => number

/** From this many bytes on, zlib's vectorized CRC makes up for the cost of the call. */
const NATIVE_FROM = 384

/**
 * `tables[256 * n + b]`: the CRC of byte `b` followed by `n` zero bytes. Made by the first write: a read needs none.
 */
let tables: Int32Array | undefined

let native: Crc32 | undefined

function makeTables(): Int32Array {
  const made = new Int32Array(256 * 8)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
    made[byte] = crc
  }
  for (let at = 256; at < made.length; at++) {
    const shorter = made[at - 256]!
    made[at] = (shorter >>> 8) ^ made[shorter & 0xff]!
  }
  return made
}

/**
 * CRC-32 as zlib computes it (RFC 1952, section 8; polynomial 0xEDB88320 reflected) of the `length`
 * bytes at `start`, going on from `crc` (0 to begin with). Returns an unsigned 32-bit number.
 *
 * Short inputs are done here, eight bytes a step ("slicing-by-8", Kounavis and Berry 2005): a call
 * of zlib costs more than it saves on a typical entry, and zlib itself a millisecond to load.
 */
export function crc32(bytes: Uint8Array, start: number, length: number, crc: number): number {
  if (length >= NATIVE_FROM) {
    native ??= process.getBuiltinModule('node:zlib').crc32
    return native(bytes.subarray(start, start + length), crc)
  }
  tables ??= makeTables()
  const table = tables
  let state = ~crc
  let at = start
  const end = start + length
  for (const last = end - 8; at <= last; at += 8) {
    state ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    state =
      table[1792 + (state & 0xff)]! ^
      table[1536 + ((state >>> 8) & 0xff)]! ^
      table[1280 + ((state >>> 16) & 0xff)]! ^
      table[1024 + (state >>> 24)]! ^
      table[768 + bytes[at + 4]!]! ^
      table[512 + bytes[at + 5]!]! ^
      table[256 + bytes[at + 6]!]! ^
      table[bytes[at + 7]!]!
  }
  for (; at < end; at++) state = (state >>> 8) ^ table[(state ^ bytes[at]!) & 0xff]!
  return ~state >>> 0
}
