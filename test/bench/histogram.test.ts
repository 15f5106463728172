import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Histogram } from '../../src/bench/measure/histogram.ts'
import { Random } from '../../src/bench/random/random.ts'

function filled(values: readonly number[]): Histogram {
  const histogram = new Histogram()
  for (const value of values) histogram.record(value)
  return histogram
}

const latencies = fc.array(
  fc.oneof(
    fc.nat(300),
    fc.nat(100_000),
    fc.nat(2 ** 31 - 1),
    fc.maxSafeNat().map((n) => n % 2 ** 41),
  ),
  { minLength: 1, maxLength: 300 },
)

describe('the histogram', () => {
  test('gives percentiles that are those of the sorted values, at most 1/128 above', () => {
    fc.assert(
      fc.property(latencies, fc.constantFrom(1, 25, 50, 90, 95, 99, 99.9, 100), (values, percent) => {
        const sorted = values.toSorted((a, b) => a - b)
        const exact = sorted[Math.max(1, Math.ceil((percent / 100) * sorted.length)) - 1]!
        const found = filled(values).percentile(percent)
        expect(found).toBeGreaterThanOrEqual(exact)
        expect(found).toBeLessThanOrEqual(exact + exact / 128)
      }),
    )
  })

  test('keeps count, sum, least and greatest exactly', () => {
    fc.assert(
      fc.property(latencies, (values) => {
        const histogram = filled(values)
        expect([histogram.count, histogram.sum, histogram.min, histogram.max]).toEqual([
          values.length,
          values.reduce((a, b) => a + b),
          Math.min(...values),
          Math.max(...values),
        ])
      }),
    )
  })

  test('of two parts added up is the histogram of all', () => {
    fc.assert(
      fc.property(latencies, latencies, (a, b) => {
        const sum = filled(a)
        sum.add(filled(b))
        const all = filled([...a, ...b])
        expect([sum.coarse(), sum.percentile(95), sum.mean, sum.min, sum.max]).toEqual([
          all.coarse(),
          all.percentile(95),
          all.mean,
          all.min,
          all.max,
        ])
      }),
    )
  })

  test('has coarse buckets in ascending order that hold every value under their ends', () => {
    const random = new Random(7)
    const values = Array.from({ length: 5000 }, () => Math.floor(10 ** (random.fraction() * 9)))
    const coarse = filled(values).coarse()
    let below = -1
    for (const [upTo, count] of coarse) {
      expect(values.filter((value) => value > below && value <= upTo)).toHaveLength(count)
      below = upTo
    }
    expect(coarse.reduce((sum, [, count]) => sum + count, 0)).toBe(5000)
  })

  test('without values is all zeros, never NaN', () => {
    const empty = new Histogram()
    expect([empty.mean, empty.min, empty.max, empty.percentile(50), empty.coarse()]).toEqual([0, 0, 0, 0, []])
  })
})
