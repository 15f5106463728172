import { crc32 } from './crc32.ts'

const EXPIRY = new Uint8Array(8)
const EXPIRY_VIEW = new DataView(EXPIRY.buffer)

/**
 * CRC-32 of key, value and, when there is one, expiry: an unsigned 32-bit number. The expiry counts
 * as 8 bytes, little-endian, so a flipped byte of any of the three is seen.
 */
export function checksum(key: Uint8Array, value: Uint8Array, expires: number | undefined): number {
  const sum = crc32(value, 0, value.length, crc32(key, 0, key.length, 0))
  return expires === undefined ? sum : withExpiry(sum, expires)
}

/** The checksum of an entry that expires, from that of its key and value. */
export function withExpiry(sum: number, expires: number): number {
  EXPIRY_VIEW.setBigInt64(0, BigInt(expires), true)
  return crc32(EXPIRY, 0, EXPIRY.length, sum)
}
