type Crc32 = (data: Uint8Array, value?: number) => number

let native: Crc32 | undefined

/**
 * CRC-32 (the one of zlib, RFC 1952) of key, value and, when there is one, expiry: an
 * unsigned 32-bit number. The expiry counts as 8 bytes, little-endian, so a flipped byte
 * of any of the three is seen.
 */
export function checksum(key: Uint8Array, value: Uint8Array, expires: number | undefined): number {
  // zlib costs a millisecond to load, and a read needs none.
  native ??= (process.getBuiltinModule('node:zlib') as unknown as { crc32: Crc32 }).crc32
  // SQLite hands out empty values without memory behind them, of which crc32 gives 0.
  const sum = value.length === 0 ? native(key) : native(value, native(key))
  if (expires === undefined) return sum
  const tail = new DataView(new ArrayBuffer(8))
  tail.setBigInt64(0, BigInt(expires), true)
  return native(new Uint8Array(tail.buffer), sum)
}
