import { describe, expect, test } from 'vitest'
import { compare } from '../../src/bench/report/compare.ts'
import type { Report, StepReport } from '../../src/bench/report/report.ts'
import { reportOf } from './report.ts'

function step(rounds: readonly number[], operations = 1000): StepReport {
  return {
    name: 'read',
    operations,
    operations_per_second: rounds[0] ?? 100,
    rounds_per_second: rounds,
  } as unknown as StepReport
}

function report(only: StepReport, load = 0): Report {
  return reportOf(
    [
      {
        name: 'kv',
        engine: 'SQLite 3',
        how: 'library',
        durable: true,
        preload_seconds: 0,
        steps: [only],
        unsupported: [],
      },
    ],
    { machine: { load_average: load } },
  )
}

const verdictOf = (old: Report, now: Report): string => compare(old, now).steps[0]!.verdict

describe('a verdict', () => {
  const slow = step([100, 101, 99, 100, 102])
  test.for([
    ['faster', step([120, 121, 119, 120, 122])],
    ['slower', step([80, 81, 79, 80, 82])],
    ['within noise', step([105, 106, 107, 105, 106])],
    ['within noise', step([150, 150, 150, 150, 101])],
    ['too few to tell', step([200, 200, 200, 200])],
    ['too few to tell', step([200])],
    ['too few to tell', step([])],
    ['too few to tell', step([200, 200, 200, 200, 200], 19)],
  ] as const)('is %s', ([verdict, now]) => {
    expect(verdictOf(report(slow), report(now))).toBe(verdict)
  })

  test('is none when the machine was busy at either run', () => {
    const quick = step([200, 200, 200, 200, 200])
    expect(verdictOf(report(slow, 2.5), report(quick))).toBe('unsure: the machine was busy')
    expect(verdictOf(report(slow), report(quick, 2.5))).toBe('unsure: the machine was busy')
    expect(verdictOf(report(slow, 2), report(quick, 2))).toBe('faster')
  })

  test.for([
    ['faster', 1.05, 1],
    ['faster', 0.5, 1],
    ['faster', 1, 0.7],
    ['unsure: so did the machine', 1.95, 1],
    ['unsure: so did the machine', 1, 1.9],
    ['unsure: so did the machine', 1.4, 1.4],
    ['unsure: so did the machine', 3, 1],
  ] as const)(
    'of twice the rate is %s when the processor was %s and the disk %s times as quick',
    ([verdict, processor, disk]) => {
      const beside = (only: StepReport, by: number, and: number): StepReport => ({
        ...only,
        machine_per_second: { processor: [1, 2, 3].map((rate) => rate * by), disk: [7 * and] },
      })
      const twice = step([200, 202, 198, 200, 204])
      expect(verdictOf(report(beside(slow, 1, 1)), report(beside(twice, processor, disk)))).toBe(verdict)
      expect(verdictOf(report(beside(twice, processor, disk)), report(beside(slow, 1, 1)))).toBe(
        verdict === 'faster' ? 'slower' : verdict,
      )
      expect(verdictOf(report(slow), report(beside(twice, processor, disk)))).toBe('faster')
    },
  )

  test('compares medians', () => {
    expect(compare(report(slow), report(step([1, 300, 200, 250, 190]))).steps[0]).toMatchObject({
      old_per_second: 100,
      new_per_second: 200,
      ratio: 2,
      verdict: 'within noise',
      noise: true,
    })
  })
})

test('everything that figures depend on is named where it differs', () => {
  const old = report(step([100]))
  const now: Report = {
    ...old,
    kv: '2.0.0',
    settings: { ...old.settings, location: 'http://host/', durable: null, warmup_ms: 5, rounds: 6, seed: 2 },
    targets: [{ ...old.targets[0]!, engine: 'SQLite 4', how: 'over HTTP' }],
  }
  expect(compare(old, now).differences).toEqual([
    'kv: 1.0.0 then, 2.0.0 now',
    'engine: SQLite 3 then, SQLite 4 now',
    'how: library then, over HTTP now',
    'location: none then, http://host/ now',
    'durable: true then, none now',
    'warmup_ms: 0 then, 5 now',
    'rounds: 5 then, 6 now',
    'seed: 1 then, 2 now',
  ])
  expect(compare(old, old).differences).toEqual([])
})
