import { untilAborted } from '../../async.ts'
import { type Environment, Measurement, type Pace } from './measure.ts'
import { round } from '../report/numbers.ts'
import type { TargetReport } from '../report/report.ts'
import type { Target } from '../targets/target.ts'
import { type Step, type Workload, type WorkloadOptions, batchesOf } from '../workloads/workload.ts'

/** What is run, and for how long. */
export interface Plan {
  readonly workload: Workload
  readonly options: WorkloadOptions
  readonly concurrency: number
  /** Of each step, in milliseconds; `undefined`: {@link ops} count, or the step's own end. */
  readonly durationMs: number | undefined
  /** Operations of each step. */
  readonly ops: number | undefined
  readonly warmupMs: number
}

/** What is going on, for whoever watches. */
export interface ProgressEvent {
  readonly target: string
  readonly step: string
  /** Parts of the whole run that are done, of how many. */
  readonly done: number
  readonly of: number
}

/** Rounds a step is measured in: between them the other targets have their turn. */
export const ROUNDS = 5

/** Of a step that has neither an end of its own nor a limit from the user, in milliseconds. */
export const DEFAULT_DURATION_MS = 2000

/** How a suite tells what happens. */
export interface SuiteListener {
  onProgress(event: ProgressEvent): void
  /** A target after the first has failed, and takes no further part. */
  onFailure(target: Target, error: unknown): void
}

interface Runner {
  readonly target: Target
  readonly measurements: Map<Step, Measurement>
  preloadSeconds: number
}

/**
 * Runs a plan on targets side by side: of every step a round on each, then the next round, so that
 * a machine that slows down slows all of them. The failure of the first target ends the run.
 */
export async function runSuite(
  plan: Plan,
  targets: readonly Target[],
  environment: Environment,
  listener: SuiteListener,
): Promise<TargetReport[]> {
  let runners: Runner[] = targets.map((target) => ({ target, measurements: new Map(), preloadSeconds: 0 }))
  const { steps } = plan.workload
  const of = targets.length * (steps.length * ROUNDS + 1)
  let done = 0
  const each = async (step: string, job: (runner: Runner) => Promise<void>): Promise<void> => {
    for (const runner of runners) {
      listener.onProgress({ target: runner.target.name, step, done: done++, of })
      try {
        await job(runner)
      } catch (error) {
        // A Ctrl-C that reached a peer, too, may be heard here only after the peer's end.
        await environment.turn()
        environment.signal.throwIfAborted()
        if (runner === runners[0]) throw error
        listener.onFailure(runner.target, error)
        runners = runners.filter((other) => other !== runner)
      }
    }
  }
  await each('storing the records', async (runner) => {
    if (plan.workload.preload) runner.preloadSeconds = await preload(plan, runner.target, environment)
  })
  for (const step of steps) {
    const pace = paceOf(plan, step)
    for (let number = 0; number < ROUNDS; number++) {
      await each(step.name, async ({ target, measurements }) => {
        if (step.needs?.some((method) => target[method] === undefined)) return
        let measurement = measurements.get(step)
        if (measurement === undefined) {
          measurement = new Measurement(target, step.operations(plan.options), pace, environment)
          measurements.set(step, measurement)
          await measurement.warmUp()
        }
        await measurement.round(opsOfRound(pace.ops, number))
      })
    }
  }
  const reports: TargetReport[] = []
  await each('done', async ({ target, measurements, preloadSeconds }) => {
    reports.push({
      name: target.name,
      engine: await target.engine(),
      how: target.how,
      durable: target.durable,
      preload_seconds: preloadSeconds,
      steps: [...measurements].map(([{ name }, measurement]) => measurement.report(name)),
      unsupported: steps.filter((step) => !measurements.has(step)).map(({ name }) => name),
    })
  })
  return reports
}

function paceOf({ concurrency, durationMs, ops, warmupMs, options }: Plan, step: Step): Pace {
  if (durationMs === undefined && ops === undefined && step.total !== undefined)
    return { concurrency, roundMs: Infinity, ops: step.total(options), warmupMs: 0 }
  const ms = durationMs ?? (ops === undefined ? DEFAULT_DURATION_MS : Infinity)
  return { concurrency, roundMs: ms / ROUNDS, ops: ops ?? Infinity, warmupMs: step.usesUp === true ? 0 : warmupMs }
}

/** The operations of a round, of so many in all. */
function opsOfRound(ops: number, number: number): number {
  return ops === Infinity ? ops : Math.floor(((number + 1) * ops) / ROUNDS) - Math.floor((number * ops) / ROUNDS)
}

async function preload({ workload, options }: Plan, target: Target, environment: Environment): Promise<number> {
  const { signal, patienceMs } = environment
  let ms = 0
  for (const batch of batchesOf(workload.key, options)) {
    const began = environment.now()
    await untilAborted(Promise.resolve(target.putMany(batch)), signal, patienceMs)
    ms += environment.now() - began
    await environment.turn()
    signal.throwIfAborted()
  }
  return round(ms / 1000)
}
