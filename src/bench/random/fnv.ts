/** The 64-bit FNV offset basis, in halves. */
const BASIS_HIGH = 0xcbf29ce4
const BASIS_LOW = 0x84222325
/** The low part of the 64-bit FNV prime, 2^40 + 0x1b3. */
const PRIME_LOW = 0x1b3

const view = new DataView(new ArrayBuffer(8))

/** A 64-bit hash in two halves. */
export interface Hash64 {
  readonly high: number
  readonly low: number
}

/**
 * The 64-bit FNV-1a hash (Fowler, Noll, Vo) of a whole number of up to 2^53, taken as eight bytes,
 * lowest first: what YCSB spreads record numbers with.
 */
export function fnv64(number: number): Hash64 {
  let high = BASIS_HIGH
  let low = BASIS_LOW
  let rest = number
  for (let byte = 0; byte < 8; byte++) {
    low = (low ^ (rest % 256)) >>> 0
    rest = Math.floor(rest / 256)
    // Times 2^40 + 0x1b3: shifting the low half by 40 moves it 8 into the high half.
    const product = low * PRIME_LOW
    high = (Math.imul(high, PRIME_LOW) + Math.floor(product / 2 ** 32) + (low << 8)) >>> 0
    low = product >>> 0
  }
  return { high, low }
}

/** The hash as YCSB uses it: a signed number made positive. */
export function fnv64Positive(number: number): Hash64 {
  const hash = fnv64(number)
  if (hash.high < 2 ** 31) return hash
  const low = -hash.low >>> 0
  return { high: (~hash.high + (low === 0 ? 1 : 0)) >>> 0, low }
}

/** The remainder of a hash divided by a whole number of up to 2^32. */
export function remainder({ high, low }: Hash64, divisor: number): number {
  const first = ((high % divisor) * 0x10000 + (low >>> 16)) % divisor
  return (first * 0x10000 + (low & 0xffff)) % divisor
}

/** The decimal digits of a hash. */
export function decimal({ high, low }: Hash64): string {
  view.setUint32(0, high)
  view.setUint32(4, low)
  return view.getBigUint64(0).toString()
}

/** The 16 hexadecimal digits of a hash. */
export function hexadecimal({ high, low }: Hash64): string {
  return high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0')
}
