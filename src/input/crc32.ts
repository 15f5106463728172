import { crc32 as native } from 'node:zlib'

/** From this many bytes on, zlib's vectorized CRC makes up for the cost of the call. */
const NATIVE_FROM = 384

/** `TABLES[256 * n + b]`: the CRC of byte `b` followed by `n` zero bytes. */
const TABLES = new Int32Array(256 * 8)
for (let byte = 0; byte < 256; byte++) {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  TABLES[byte] = crc
}
for (let at = 256; at < TABLES.length; at++) {
  const shorter = TABLES[at - 256]!
  TABLES[at] = (shorter >>> 8) ^ TABLES[shorter & 0xff]!
}

/**
 * CRC-32 as zlib computes it (RFC 1952, section 8; polynomial 0xEDB88320 reflected) of the `length`
 * bytes at `start`, going on from `crc` (0 to begin with). Returns an unsigned 32-bit number.
 *
 * Short inputs are done here, eight bytes a step ("slicing-by-8", Kounavis and Berry 2005): a call
 * of zlib costs more than it saves on a typical entry.
 */
export function crc32(bytes: Uint8Array, start: number, length: number, crc: number): number {
  if (length >= NATIVE_FROM) return native(bytes.subarray(start, start + length), crc)
  let state = ~crc
  let at = start
  const end = start + length
  for (const last = end - 8; at <= last; at += 8) {
    state ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    state =
      TABLES[1792 + (state & 0xff)]! ^
      TABLES[1536 + ((state >>> 8) & 0xff)]! ^
      TABLES[1280 + ((state >>> 16) & 0xff)]! ^
      TABLES[1024 + (state >>> 24)]! ^
      TABLES[768 + bytes[at + 4]!]! ^
      TABLES[512 + bytes[at + 5]!]! ^
      TABLES[256 + bytes[at + 6]!]! ^
      TABLES[bytes[at + 7]!]!
  }
  for (; at < end; at++) state = (state >>> 8) ^ TABLES[(state ^ bytes[at]!) & 0xff]!
  return ~state >>> 0
}
