import { describe, expect, test } from 'vitest'
import { sparkline } from '../../src/bench/report/numbers.ts'
import { ROUNDS, type Plan, runSuite } from '../../src/bench/measure/suite.ts'
import type { Target } from '../../src/bench/targets/target.ts'
import { Timeline } from '../../src/bench/measure/timeline.ts'
import { workloadNamed } from '../../src/bench/workloads/index.ts'

/** A machine where time passes only in operations: each takes its own number of milliseconds. */
class FakeMachine {
  time = 1000
  turns = 0
  readonly patienceMs = 0
  readonly signal: AbortSignal
  readonly log: string[] = []

  constructor(signal = new AbortController().signal) {
    this.signal = signal
  }

  now = (): number => this.time
  turn = async (): Promise<void> => {
    this.turns++
  }
  gauge = (): { processor: number; disk: number } => ({ processor: this.time, disk: 5 })

  target(name: string, ms: { get: number; put: number }, later = false): Target {
    const stored = new Map<string, string>()
    const spend = <T>(operation: string, time: number, result: T): T | Promise<T> => {
      this.log.push(`${name} ${operation}`)
      this.time += time
      return later ? Promise.resolve(result) : result
    }
    return {
      name,
      how: 'pretended',
      durable: true,
      engine: () => 'fake',
      get: (key) => spend(`get ${key}`, ms.get, stored.get(key.toString())),
      put: (key, value) => spend(`put ${key}`, ms.put, void stored.set(key.toString(), value.toString())),
      putMany: (entries) => {
        for (const { key, value } of entries) stored.set(key.toString(), value.toString())
        return spend('batch', 50, undefined)
      },
      del: (key) => spend(`del ${key}`, ms.put, stored.delete(key.toString())),
      close: async () => {},
    }
  }
}

function plan(name: string, more: Partial<Plan> = {}): Plan {
  return {
    workload: workloadNamed(name),
    options: { records: 500, valueBytes: 8, batch: 1000, seed: 42 },
    concurrency: 1,
    durationMs: 100,
    ops: undefined,
    warmupMs: 10,
    ...more,
  }
}

const quiet = { onProgress: () => {}, onFailure: (_: Target, error: unknown) => expect.fail(String(error)) }

describe('the runner', () => {
  test('gives the same figures for the same seed and clock', async () => {
    const run = async (): Promise<unknown> => {
      const machine = new FakeMachine()
      return {
        reports: await runSuite(plan('ycsb-a'), [machine.target('one', { get: 0.5, put: 2 })], machine, quiet),
        log: machine.log,
      }
    }
    expect(await run()).toEqual(await run())
  })

  test('counts what the clock says: latencies, rates and rounds', async () => {
    const machine = new FakeMachine()
    const [report] = await runSuite(plan('classic'), [machine.target('one', { get: 0.5, put: 2 })], machine, quiet)
    const read = report!.steps.find(({ name }) => name === 'read')!
    expect(read).toMatchObject({
      operations: 200,
      entries: 200,
      seconds: 0.1,
      operations_per_second: 2000,
      missing: 0,
      rounds_per_second: [2000, 2000, 2000, 2000, 2000],
    })
    expect(read!.machine_per_second).toEqual({
      processor: read!.rounds_per_second.map(() => expect.any(Number)),
      disk: [5, 5, 5, 5, 5],
    })
    expect(read.latency_ns).toEqual({
      mean: 500_000,
      min: 500_000,
      p50: 500_000,
      p90: 500_000,
      p95: 500_000,
      p99: 500_000,
      p999: 500_000,
      max: 500_000,
    })
    expect(read.timeline).toMatchObject({ slot_ms: 10 })
    expect(read.timeline.operations.reduce((a, b) => a + b)).toBe(200)
    expect(report!.steps.find(({ name }) => name === 'put')).toMatchObject({
      operations: 50,
      operations_per_second: 500,
    })
    expect(report!.unsupported).toEqual(['range'])
  })

  test('stops after the operations asked for, however they divide into rounds', async () => {
    const machine = new FakeMachine()
    const [report] = await runSuite(
      plan('ycsb-a', { durationMs: undefined, ops: 13, warmupMs: 0 }),
      [machine.target('one', { get: 1, put: 1 })],
      machine,
      quiet,
    )
    expect(report!.steps[0]!.operations).toBe(13)
  })

  test('ends a step whose operations run out', async () => {
    const machine = new FakeMachine()
    const [report] = await runSuite(
      plan('classic', { durationMs: 4000, warmupMs: 0, options: { records: 30, valueBytes: 1, batch: 1000, seed: 1 } }),
      [machine.target('one', { get: 100, put: 100 })],
      machine,
      quiet,
    )
    expect(report!.steps.find(({ name }) => name === 'delete')!.operations).toBe(30)
  })

  test('runs the load workload to its end', async () => {
    const machine = new FakeMachine()
    const [report] = await runSuite(
      plan('load', { durationMs: undefined, options: { records: 6500, valueBytes: 1, batch: 1000, seed: 1 } }),
      [machine.target('one', { get: 1, put: 1 })],
      machine,
      quiet,
    )
    expect(report!.steps.map(({ name, operations, entries }) => [name, operations, entries])).toEqual([
      ['load_ordered', 7, 6500],
      ['load_random', 7, 6500],
    ])
  })

  test('keeps as many operations in flight as asked for', async () => {
    const machine = new FakeMachine()
    let flying = 0
    let most = 0
    const base = machine.target('one', { get: 1, put: 1 }, true)
    const slow: Target = {
      ...base,
      get: async (key) => {
        most = Math.max(most, ++flying)
        await Promise.resolve()
        flying--
        return base.get(key)
      },
    }
    await runSuite(plan('ycsb-c', { concurrency: 8, warmupMs: 0 }), [slow], machine, quiet)
    expect([most, flying]).toEqual([8, 0])
  })

  test('counts the entries that were read, not those that were asked for', async () => {
    const machine = new FakeMachine()
    const ranged = (name: string): Target => ({
      ...machine.target(name, { get: 1, put: 1 }),
      range: () => ((machine.time += 1), 7),
      scan: () => ((machine.time += 1), 11),
      count: () => ((machine.time += 1), 13),
    })
    for (const [workload, each] of [
      ['classic', [1, 1, 500, 7, 1]],
      ['scan', [11, 11, 11, 13]],
    ] as const) {
      const [report] = await runSuite(
        plan(workload, { options: { records: 500, valueBytes: 8, batch: 500, seed: 1 } }),
        [ranged('one')],
        machine,
        quiet,
      )
      expect(report!.steps.map(({ entries, operations }) => entries / operations)).toEqual(each)
    }
  })

  test('gives every target its turn in each round', async () => {
    const machine = new FakeMachine()
    const moments: string[] = []
    const targets = ['one', 'two'].map((name) => machine.target(name, { get: 1, put: 1 }))
    await runSuite(plan('ycsb-c'), targets, machine, {
      ...quiet,
      onProgress: ({ target, step }) => moments.push(`${target} ${step}`),
    })
    expect(moments.filter((moment) => moment.endsWith('ycsb-c'))).toEqual(
      Array.from({ length: ROUNDS }, () => ['one ycsb-c', 'two ycsb-c']).flat(),
    )
    const keysOf = (name: string): string[] =>
      machine.log.filter((line) => line.startsWith(`${name} get`)).map((line) => line.slice(name.length))
    expect(keysOf('one')).toEqual(keysOf('two'))
  })

  test('counts keys that should have been found', async () => {
    const machine = new FakeMachine()
    const forgetful: Target = {
      ...machine.target('one', { get: 1, put: 1 }),
      get: () => ((machine.time += 1), undefined),
    }
    const [report] = await runSuite(plan('ycsb-c'), [forgetful], machine, quiet)
    expect(report!.steps[0]!.missing).toBe(report!.steps[0]!.operations)
  })

  test('ends with the failure of the first target, and goes on without another that fails', async () => {
    const machine = new FakeMachine()
    const good = machine.target('good', { get: 1, put: 1 })
    const bad: Target = { ...machine.target('bad', { get: 1, put: 1 }), get: () => Promise.reject(new Error('broken')) }
    await expect(runSuite(plan('ycsb-c'), [bad, good], machine, quiet)).rejects.toThrow('broken')
    const failed: string[] = []
    const reports = await runSuite(plan('ycsb-c'), [good, bad], machine, {
      ...quiet,
      onFailure: ({ name }) => failed.push(name),
    })
    expect([reports.map(({ name }) => name), failed]).toEqual([['good'], ['bad']])
  })

  test('does not blame a peer that dies of the signal which is heard a moment later', async () => {
    const stop = new AbortController()
    const machine = new FakeMachine(stop.signal)
    const dies: Target = {
      ...machine.target('peer', { get: 1, put: 1 }),
      get: () => {
        machine.turn = async () => stop.abort(new Error('enough'))
        return Promise.reject(new Error('ended with null'))
      },
    }
    await expect(
      runSuite(plan('ycsb-c'), [machine.target('one', { get: 1, put: 1 }), dies], machine, quiet),
    ).rejects.toThrow('enough')
    const first = new FakeMachine(stop.signal)
    await expect(
      runSuite(plan('ycsb-c'), [{ ...dies, putMany: () => Promise.reject(new Error('broken')) }], first, quiet),
    ).rejects.toThrow('enough')
  })

  test('ends when it is told to, also while a target does not answer', async () => {
    const stop = new AbortController()
    const machine = new FakeMachine(stop.signal)
    const target: Target = {
      ...machine.target('one', { get: 1, put: 1 }),
      get: () => (stop.abort(new Error('enough')), new Promise(() => {})),
    }
    await expect(runSuite(plan('ycsb-c', { concurrency: 2 }), [target], machine, quiet)).rejects.toThrow('enough')
    const stop2 = new AbortController()
    const silent: Target = {
      ...machine.target('two', { get: 1, put: 1 }),
      putMany: () => (stop2.abort(new Error('enough')), new Promise(() => {})),
    }
    await expect(runSuite(plan('ycsb-c'), [silent], new FakeMachine(stop2.signal), quiet)).rejects.toThrow('enough')
  })

  test('ends when it is told to, with the reason it was given', async () => {
    const stop = new AbortController()
    const machine = new FakeMachine(stop.signal)
    const target: Target = {
      ...machine.target('one', { get: 1, put: 1 }),
      get: () => (stop.abort(new Error('enough')), (machine.time += 30)),
    }
    await expect(runSuite(plan('ycsb-c', { durationMs: 1e9 }), [target], machine, quiet)).rejects.toThrow('enough')
  })
})

test('a time line keeps every operation when it widens its slots', () => {
  const line = new Timeline()
  for (let i = 0; i < 10_000; i++) line.record(i, i)
  const { slot_ms: slot, operations, max_ns: slowest } = line.report()
  expect(operations.length).toBeLessThanOrEqual(120)
  expect(operations.slice(0, -1).every((count) => count === slot)).toBe(true)
  expect(operations.reduce((a, b) => a + b)).toBe(10_000)
  expect(slowest.at(-1)).toBe(9999)
})

test('a sparkline shows where the many are and that there are few', () => {
  expect(
    sparkline(
      [
        [100, 1000],
        [10_000, 10],
      ],
      100,
      10_000,
      4,
    ),
  ).toBe('█  ▁')
  expect(sparkline([[100, 5]], 100, 100, 3)).toHaveLength(3)
})
