/**
 * The id of the lease under which an entry expires, which kv chooses so that it says when: any reader of the entry knows that
 * without asking, and all entries of one second share a lease. From the highest bit: 0, 0, a mark (14 bits), the second since
 * 1970 (38), and a number (10) that tells several leases of one second apart.
 */
const MARK = 0x2b76n
const SECOND_BITS = 38n
const NUMBER_BITS = 10n
const MARK_BITS = Number(MARK)

/** The highest number of a lease. */
export const LAST_NUMBER = 2 ** Number(NUMBER_BITS) - 1

/** The id for entries that expire at a whole second, in milliseconds since 1970. */
export function leaseId(expires: number, number = 0): bigint {
  return (MARK << (SECOND_BITS + NUMBER_BITS)) | (BigInt(expires / 1000) << NUMBER_BITS) | BigInt(number)
}

/** When entries with a lease expire, in milliseconds since 1970; `undefined` for a lease that kv has not made. */
export function expiryOfLease(id: bigint): number | undefined {
  return expiryOfBits(Number(id >> 32n), Number(id & 0xffffffffn))
}

/** The same of the upper and the lower 32 bits of an id. */
export function expiryOfBits(high: number, low: number): number | undefined {
  return high >>> 16 === MARK_BITS ? ((high & 0xffff) * 2 ** 22 + (low >>> 10)) * 1000 : undefined
}
