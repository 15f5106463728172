import { untilAborted } from '../../async.ts'
import type { Gauged } from './gauge.ts'
import { Histogram } from './histogram.ts'
import { perSecond, round } from '../report/numbers.ts'
import type { MeasureReport, StepReport } from '../report/report.ts'
import type { Target } from '../targets/target.ts'
import { Timeline } from './timeline.ts'
import type { Operation, Operations } from '../workloads/workload.ts'

/** Time without a turn of the event loop after which one is made, in milliseconds: Ctrl-C must be heard. */
const TURN_MS = 20

/** How a step is run. */
export interface Pace {
  /** Operations under way at once. */
  readonly concurrency: number
  /** A round ends after this many milliseconds; `Infinity`: not by time. */
  readonly roundMs: number
  /** Operations of all rounds together; `Infinity`: not limited. */
  readonly ops: number
  /** Milliseconds of the warm-up. */
  readonly warmupMs: number
}

/** What a measurement needs from outside: a clock, turns of the event loop, a way to stop. */
export interface Environment {
  /** Milliseconds from any fixed moment, with fractions. */
  now(): number
  /** Settles after a turn of the event loop. */
  turn(): Promise<void>
  /** How fast the machine is now. */
  gauge(): Gauged
  /** Ends the measurement: what is under way settles, or is given up, then its reason is thrown. */
  readonly signal: AbortSignal
  /** How long what is under way may take to settle then, in milliseconds. */
  readonly patienceMs: number
}

/** One step on one target: operations are drawn, run and timed in rounds, and counted. */
export class Measurement {
  readonly #target: Target
  readonly #next: Operations
  readonly #pace: Pace
  readonly #environment: Environment
  readonly #operations = new Map<string, { latency: Histogram; entries: number }>()
  readonly #timeline = new Timeline()
  readonly #rounds: number[] = []
  readonly #processor: number[] = []
  readonly #disk: number[] = []
  #missing = 0
  #busyMs = 0
  #exhausted = false

  constructor(target: Target, next: Operations, pace: Pace, environment: Environment) {
    this.#target = target
    this.#next = next
    this.#pace = pace
    this.#environment = environment
  }

  /** Runs operations that are not counted. */
  async warmUp(): Promise<void> {
    const { warmupMs } = this.#pace
    if (warmupMs > 0) await this.#run(warmupMs, Infinity, () => {})
  }

  /** Runs one round of at most `ops` operations; nothing happens when they have run out. */
  async round(ops: number): Promise<void> {
    if (this.#exhausted) return
    const { concurrency, roundMs } = this.#pace
    const { processor, disk } = this.#environment.gauge()
    const before = this.#busyMs
    let count = 0
    let inOperations = 0
    const began = this.#environment.now()
    const wall = await this.#run(roundMs, ops, (operation, result, from, to) => {
      count++
      inOperations += to - from
      if (operation.finds === true && result === undefined) this.#missing++
      const ns = (to - from) * 1e6
      // Rounds follow each other without the time that others had between them.
      this.#timeline.record(before + (concurrency === 1 ? inOperations : to - began), ns)
      let kind = this.#operations.get(operation.name)
      if (kind === undefined) this.#operations.set(operation.name, (kind = { latency: new Histogram(), entries: 0 }))
      kind.latency.record(ns)
      kind.entries += operation.entries ?? (result as number)
    })
    if (count === 0) return
    // One at a time: the time within operations, without what drawing them takes. Several: the time that passed.
    const ms = concurrency === 1 ? inOperations : wall
    this.#busyMs += ms
    this.#rounds.push(perSecond(count, ms))
    this.#processor.push(processor)
    if (disk !== undefined) this.#disk.push(disk)
  }

  /** What was measured. */
  report(name: string): StepReport {
    const all = new Histogram()
    let entries = 0
    const kinds = [...this.#operations].sort(([a], [b]) => (a < b ? -1 : 1))
    for (const [, kind] of kinds) {
      all.add(kind.latency)
      entries += kind.entries
    }
    const byName = kinds.map(([kind, { latency, entries: its }]) => describe(kind, latency, its, this.#busyMs))
    return {
      ...describe(name, all, entries, this.#busyMs),
      rounds_per_second: this.#rounds,
      machine_per_second: { processor: this.#processor, disk: this.#disk },
      ran_out: this.#exhausted,
      missing: this.#missing,
      timeline: this.#timeline.report(),
      operations_by_name: byName.length < 2 ? [] : byName,
    }
  }

  /** Runs operations for a time or a number of them; resolves to the milliseconds it took. */
  async #run(
    ms: number,
    ops: number,
    count: (operation: Operation, result: unknown, from: number, to: number) => void,
  ): Promise<number> {
    const environment = this.#environment
    const { now, signal } = environment
    const began = now()
    let lastTurn = began
    let ended = began
    let drawn = 0
    const turn = async (): Promise<void> => {
      await environment.turn()
      signal.throwIfAborted()
      lastTurn = now()
    }
    const lane = async (): Promise<void> => {
      while (!signal.aborted && drawn < ops && ended - began < ms) {
        const operation = this.#next()
        if (operation === undefined) {
          this.#exhausted = true
          return
        }
        drawn++
        const from = now()
        let result = operation.run(this.#target)
        if (result instanceof Promise) result = await result
        ended = now()
        operation.done?.()
        count(operation, result, from, ended)
        if (ended - lastTurn > TURN_MS) await turn()
      }
    }
    const lanes = Array.from({ length: this.#pace.concurrency }, () =>
      lane().catch((error: unknown) => {
        // The other lanes draw no more.
        drawn = Infinity
        throw error
      }),
    )
    const settled = await untilAborted(Promise.allSettled(lanes), signal, environment.patienceMs)
    for (const result of settled) if (result.status === 'rejected') throw result.reason
    await turn()
    return ended - began
  }
}

function describe(name: string, latency: Histogram, entries: number, ms: number): MeasureReport {
  return {
    name,
    operations: latency.count,
    entries,
    seconds: round(ms / 1000),
    operations_per_second: perSecond(latency.count, ms),
    entries_per_second: perSecond(entries, ms),
    latency_ns: {
      mean: round(latency.mean),
      min: latency.min,
      p50: latency.percentile(50),
      p90: latency.percentile(90),
      p95: latency.percentile(95),
      p99: latency.percentile(99),
      p999: latency.percentile(99.9),
      max: latency.max,
    },
    histogram_ns: latency.coarse(),
  }
}
