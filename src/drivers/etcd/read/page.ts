import type { RangePage } from '../wire/range-page.ts'
import { expiryOfBits } from '../lease/lease-id.ts'
import type { ForeignLeases } from '../lease/foreign-leases.ts'

/** A key of a page as the cluster has it, a view. */
export function keyAt({ bytes, keyStart, keyLength }: RangePage, i: number): Uint8Array {
  return bytes.subarray(keyStart[i], keyStart[i]! + keyLength[i]!)
}

/** Removes the entries from a page that expired at a moment, in milliseconds since 1970, or before. */
export function dropExpired(page: RangePage, now: number): RangePage {
  const { lease } = page
  if (lease === undefined) return page
  let kept = 0
  for (let i = 0; i < page.count; i++) {
    const expires = expiryOfBits(lease.high[i]!, lease.low[i]!)
    if (expires !== undefined && expires <= now) continue
    if (kept < i) {
      for (const column of columnsOf(page)) column[kept] = column[i]!
    }
    kept++
  }
  page.count = kept
  return page
}

/** The last entries of a page, in the same memory. */
export function lastOf(page: RangePage, count: number): RangePage {
  const from = page.count - count
  if (from <= 0) return page
  return {
    ...page,
    count,
    keyStart: page.keyStart.subarray(from),
    keyLength: page.keyLength.subarray(from),
    valueStart: page.valueStart.subarray(from),
    valueLength: page.valueLength.subarray(from),
    revision: page.revision.subarray(from),
    lease: page.lease && { high: page.lease.high.subarray(from), low: page.lease.low.subarray(from) },
  }
}

/**
 * When the entries of a page expire, in milliseconds since 1970, `NaN` for those that do not; `undefined` when none does.
 */
export async function expiriesOf(
  { count, lease }: RangePage,
  foreign: ForeignLeases,
  signal: AbortSignal | undefined,
): Promise<Float64Array | undefined> {
  if (lease === undefined) return undefined
  const expiries = new Float64Array(count)
  const others = new Set<bigint>()
  for (let i = 0; i < count; i++) {
    const [high, low] = [lease.high[i]!, lease.low[i]!]
    const isLeased = high !== 0 || low !== 0
    const expires = isLeased ? expiryOfBits(high, low) : Number.NaN
    if (expires === undefined) others.add(idOf(high, low))
    else expiries[i] = expires
  }
  if (others.size === 0) return expiries
  const told = await foreign.expiriesOf(others, signal)
  for (let i = 0; i < count; i++) if (expiries[i] === 0) expiries[i] = told.get(idOf(lease.high[i]!, lease.low[i]!))!
  return expiries
}

/** How many entries of a page have a lease. */
export function leasedIn({ count, lease }: RangePage): number {
  let leased = 0
  if (lease !== undefined) for (let i = 0; i < count; i++) if (lease.high[i] !== 0 || lease.low[i] !== 0) leased++
  return leased
}

function idOf(high: number, low: number): bigint {
  return (BigInt(high) << 32n) | BigInt(low)
}

function* columnsOf(page: RangePage): Generator<Uint32Array | Float64Array, void, void> {
  yield page.keyStart
  yield page.keyLength
  yield page.valueStart
  yield page.valueLength
  yield page.revision
  yield page.lease!.high
  yield page.lease!.low
}
