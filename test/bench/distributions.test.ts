import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decimal, fnv64, fnv64Positive, hexadecimal, remainder } from '../../src/bench/random/fnv.ts'
import { Random } from '../../src/bench/random/random.ts'
import type { Target } from '../../src/bench/targets/target.ts'
import { workloadNamed } from '../../src/bench/workloads/index.ts'
import type { Operation } from '../../src/bench/workloads/workload.ts'
import { Latest, ScrambledZipfian, Zipfian } from '../../src/bench/random/zipfian.ts'

const DRAWS = 200_000

function shares(draw: () => number, items: number): number[] {
  const counts = Array.from({ length: items }, () => 0)
  for (let i = 0; i < DRAWS; i++) counts[draw()]! += 1
  return counts.map((count) => count / DRAWS)
}

/** The published share of each rank: 1/rank^0.99 over their sum. */
function zipf(items: number): number[] {
  const weights = Array.from({ length: items }, (_, i) => 1 / (i + 1) ** 0.99)
  const sum = weights.reduce((a, b) => a + b)
  return weights.map((weight) => weight / sum)
}

describe('the 64-bit FNV-1a hash', () => {
  const oracle = (number: number): bigint => {
    let hash = 0xcbf29ce484222325n
    for (let byte = 0n; byte < 8n; byte++)
      hash = BigInt.asUintN(64, (hash ^ ((BigInt(number) >> (byte * 8n)) & 0xffn)) * 1099511628211n)
    return hash
  }

  test('is what arithmetic on big integers gives, in all its forms', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.integer({ min: 1, max: 2 ** 32 }), (number, divisor) => {
        const hash = oracle(number)
        const signed = BigInt.asIntN(64, hash)
        const positive = signed < 0n ? -signed : signed
        expect(hexadecimal(fnv64(number))).toBe(hash.toString(16).padStart(16, '0'))
        expect(decimal(fnv64Positive(number))).toBe(positive.toString())
        expect(remainder(fnv64Positive(number), divisor)).toBe(Number(positive % BigInt(divisor)))
      }),
    )
  })

  test('makes the keys that YCSB makes of the first records', () => {
    // Seen in every YCSB load: the first record is user6284781860667377211.
    expect(workloadNamed('ycsb-a').key(0).toString()).toBe('kv-bench:user6284781860667377211')
    expect(workloadNamed('ycsb-a').key(1).toString()).toBe('kv-bench:user8517097267634966620')
  })
})

describe('the zipfian distribution', () => {
  test('gives each rank its published share', () => {
    const zipfian = new Zipfian(new Random(1), 1000)
    const expected = zipf(1000)
    const found = shares(() => zipfian.next(), 1000)
    // The first two ranks are exact, the others an approximation of the method itself.
    for (const rank of [0, 1]) expect(Math.abs(found[rank]! - expected[rank]!)).toBeLessThan(0.004)
    const upTo = (all: readonly number[], rank: number): number => all.slice(0, rank).reduce((a, b) => a + b)
    for (const rank of [5, 10, 50, 100, 500])
      expect(Math.abs(upTo(found, rank) - upTo(expected, rank))).toBeLessThan(0.02)
  })

  test('is the same whether it began with its items or grew to them', () => {
    const grown = new Zipfian(new Random(3), 10)
    const whole = new Zipfian(new Random(3), 5000)
    for (let i = 0; i < 1000; i++) expect(grown.next(5000)).toBe(whole.next())
  })

  test('of one item always draws it', () => {
    const zipfian = new Zipfian(new Random(1), 1)
    for (let i = 0; i < 100; i++) expect(zipfian.next()).toBe(0)
  })

  test('scrambled has its most popular item at the hash of rank 0, with the share of ten billion items', () => {
    const scrambled = new ScrambledZipfian(new Random(1), 1000)
    const found = shares(() => scrambled.next(), 1000)
    const top = found.indexOf(Math.max(...found))
    expect(top).toBe(remainder(fnv64Positive(0), 1000))
    // 1/26.469 by the constant, and what other ranks add by falling on the same item.
    expect(found[top]).toBeGreaterThan(1 / 26.469 - 0.003)
    expect(found[top]).toBeLessThan(1 / 26.469 + 0.005)
  })

  test('of the latest draws the highest number most often, then the one below', () => {
    const latest = new Latest(new Random(1), 1000)
    const found = shares(() => latest.next(1000), 1000)
    const expected = zipf(1000)
    expect(Math.abs(found[999]! - expected[0]!)).toBeLessThan(0.004)
    expect(Math.abs(found[998]! - expected[1]!)).toBeLessThan(0.004)
  })
})

describe('a YCSB workload', () => {
  function drawn(name: string, count = 40_000): Operation[] {
    const workload = workloadNamed(name)
    const next = workload.steps[0]!.operations({ records: 1000, valueBytes: 1000, batch: 1000, seed: 5 })
    return Array.from({ length: count }, () => {
      const operation = next()!
      operation.done?.()
      return operation
    })
  }

  test.for([
    ['ycsb-a', { read: 0.5, update: 0.5 }],
    ['ycsb-b', { read: 0.95, update: 0.05 }],
    ['ycsb-c', { read: 1 }],
    ['ycsb-d', { read: 0.95, insert: 0.05 }],
    ['ycsb-e', { scan: 0.95, insert: 0.05 }],
    ['ycsb-f', { read: 0.5, read_modify_write: 0.5 }],
  ] as const)('%s has the published mix of operations', ([name, mix]) => {
    const operations = drawn(name)
    for (const [kind, share] of Object.entries(mix)) {
      expect(
        Math.abs(operations.filter((operation) => operation.name === kind).length / operations.length - share),
      ).toBeLessThan(0.01)
    }
    expect(new Set(operations.map((operation) => operation.name))).toEqual(new Set(Object.keys(mix)))
  })

  test('E scans 1 to 100 records, all lengths alike', () => {
    const lengths: number[] = []
    const target = { range: (_: Buffer, limit: number) => lengths.push(limit) } as unknown as Target
    for (const operation of drawn('ycsb-e')) if (operation.name === 'scan') void operation.run(target)
    expect([Math.min(...lengths), Math.max(...lengths)]).toEqual([1, 100])
    expect(Math.abs(lengths.reduce((a, b) => a + b) / lengths.length - 50.5)).toBeLessThan(0.8)
    const counts = Array.from(
      { length: 100 },
      (_, i) => lengths.filter((length) => length === i + 1).length / lengths.length,
    )
    for (const share of counts) expect(Math.abs(share - 0.01)).toBeLessThan(0.003)
  })

  test('D inserts new keys one after the other and reads only keys that are there', () => {
    const workload = workloadNamed('ycsb-d')
    const there = new Set(Array.from({ length: 1000 }, (_, i) => workload.key(i).toString()))
    const target = {
      get: (key: Buffer) => expect(there).toContain(key.toString()),
      put: (key: Buffer) => {
        expect(there).not.toContain(key.toString())
        there.add(key.toString())
      },
    } as unknown as Target
    const next = workload.steps[0]!.operations({ records: 1000, valueBytes: 10, batch: 1000, seed: 5 })
    for (let i = 0; i < 5000; i++) {
      const operation = next()!
      void operation.run(target)
      operation.done?.()
    }
    expect(there.size).toBeGreaterThan(1200)
  })

  test('D reads no record before it is there, in whatever order inserts are acknowledged', () => {
    const workload = workloadNamed('ycsb-d')
    const there = new Set(Array.from({ length: 100 }, (_, i) => workload.key(i).toString()))
    const target = {
      get: (key: Buffer) => expect(there).toContain(key.toString()),
      put: () => {},
    } as unknown as Target
    const next = workload.steps[0]!.operations({ records: 100, valueBytes: 10, batch: 100, seed: 5 })
    // Each fourth insert is acknowledged at once, the three before it much later and backwards.
    const held: (() => void)[] = []
    let inserts = 0
    for (let i = 0; i < 5000; i++) {
      const operation = next()!
      void operation.run(target)
      if (operation.name !== 'insert') continue
      const key = workload.key(100 + inserts++).toString()
      const acknowledge = (): void => {
        there.add(key)
        operation.done!()
      }
      if (inserts % 4 === 0) acknowledge()
      else held.push(acknowledge)
      if (held.length > 8) for (const late of held.splice(0).toReversed()) late()
    }
    expect(inserts).toBeGreaterThan(200)
  })

  test('draws the same operations for the same seed, others for another', () => {
    const keysOf = (seed: number): string[] => {
      const next = workloadNamed('ycsb-a').steps[0]!.operations({ records: 1000, valueBytes: 10, batch: 1000, seed })
      const log: string[] = []
      const note = (key: Buffer, value?: Buffer): void => void log.push(`${key} ${value}`)
      for (let i = 0; i < 200; i++) void next()!.run({ get: note, put: note } as unknown as Target)
      return log
    }
    expect(keysOf(1)).toEqual(keysOf(1))
    expect(keysOf(1)).not.toEqual(keysOf(2))
  })
})
