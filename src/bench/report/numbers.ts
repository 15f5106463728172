/** A number with at most six digits that count: no measurement here is better. */
export function round(value: number): number {
  return Number(value.toPrecision(6))
}

/** How many a second, of `count` in some milliseconds. */
export function perSecond(count: number, ms: number): number {
  return round((count / Math.max(ms, 1e-6)) * 1000)
}

/** The median of some numbers, at least one. */
export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** A time for people, from nanoseconds: `312 ns`, `5.1 µs`, `1.25 ms`, `2.03 s`. */
export function formatNs(ns: number): string {
  const units = ['ns', 'µs', 'ms', 's']
  let value = ns
  let unit = 0
  for (; value >= 999.5 && unit < units.length - 1; unit++) value /= 1000
  return `${unit === 0 || value >= 99.5 ? Math.round(value) : value.toFixed(value >= 9.95 ? 1 : 2)} ${units[unit]}`
}

/** A rate for people: whole, with separators; one digit behind the point below 10. */
export function formatRate(rate: number): string {
  return rate < 10 ? rate.toFixed(1) : Math.round(rate).toLocaleString('en')
}

/** A ratio for people: `0.043`, `0.85`, `1.00`, `3.2`, `12`. */
export function formatRatio(ratio: number): string {
  if (ratio >= 10) return Math.round(ratio).toLocaleString('en')
  return ratio.toFixed(ratio < 0.1 ? 3 : ratio < 2 ? 2 : 1)
}

const LEVELS = '▁▂▃▄▅▆▇█'

/**
 * A distribution as one line of blocks: pairs of a bucket's greatest value and its count, drawn over
 * `width` cells of a logarithmic scale from `from` to `to`; what lies beyond falls into the last.
 */
export function sparkline(
  buckets: readonly (readonly [number, number])[],
  from: number,
  to: number,
  width: number,
): string {
  const cells = Array.from({ length: width }, () => 0)
  const low = Math.log(Math.max(1, from))
  const span = Math.max(Math.log(Math.max(1, to)) - low, 1e-9)
  for (const [upTo, count] of buckets) {
    const cell = Math.floor(((Math.log(Math.max(1, upTo)) - low) / span) * width)
    cells[Math.min(width - 1, Math.max(0, cell))]! += count
  }
  const most = Math.max(...cells)
  // Square roots, so that a tail of one in a hundred is still seen.
  const level = (count: number): number => Math.floor(Math.sqrt(count / most) * LEVELS.length)
  return cells.map((count) => (count === 0 ? ' ' : LEVELS[Math.min(LEVELS.length - 1, level(count))])).join('')
}
