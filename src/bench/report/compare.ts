import { readFileSync } from 'node:fs'
import { unreadable, usageError } from '../../errors.ts'
import { isBusy } from './machine.ts'
import { median, round } from './numbers.ts'
import { type ComparedStep, type Comparison, type Report, SCHEMA, type StepReport, type Verdict } from './report.ts'

/** Beside the settings, what differs between two runs so that their figures do not compare. */
const MACHINE = ['cpu', 'cores', 'platform', 'node', 'file_system'] as const
const STORE = ['engine', 'how'] as const

/** What a verdict is given on at least, on both sides. */
const MIN_ROUNDS = 5
const MIN_OPERATIONS = 20

/** Medians that are nearer to each other than this are alike: as much changes between runs of the same program. */
const MARGIN = 0.1

/** Reads a report of `kv bench --json`. Throws `KV_USAGE` for anything else, and for one of another workload. */
export function readReport(path: string, workload: string): Report {
  let report: unknown
  try {
    report = JSON.parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    throw unreadable(path, cause instanceof SyntaxError ? new Error('it is not JSON') : cause)
  }
  if (!isReport(report)) throw usageError(`${path} is not a report of kv bench --json (${SCHEMA})`)
  const { workload: other } = report.settings
  if (other !== workload)
    throw usageError(`${path} is of the workload ${other}, not ${workload}`, 'compare runs of the same --workload')
  return report
}

function isReport(value: unknown): value is Report {
  const report = value as Partial<Report> | null
  return (
    typeof report === 'object' &&
    report?.schema === SCHEMA &&
    typeof report.created === 'string' &&
    isObject(report.settings) &&
    isObject(report.machine) &&
    Array.isArray(report.targets) &&
    report.targets.every((target) => Array.isArray(target?.steps) && target.steps.every(isStep))
  )
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null
}

function isStep(step: Partial<StepReport> | null): boolean {
  return (
    typeof step?.name === 'string' &&
    typeof step.operations_per_second === 'number' &&
    isRates(step.rounds_per_second) &&
    // Older reports do not tell of the machine.
    (step.machine_per_second === undefined ||
      (isRates(step.machine_per_second?.processor) && isRates(step.machine_per_second.disk)))
  )
}

function isRates(value: unknown): boolean {
  return Array.isArray(value) && value.every((rate) => typeof rate === 'number')
}

/**
 * The steps of kv itself in a new run against those of an old one, by the medians of their rounds.
 * A step is quicker or slower when that is more than a margin, no round of the one is among those
 * of the other, and the machine was not found as much quicker or slower beside it.
 */
export function compare(old: Report, now: Report): Comparison {
  const busy = isBusy(old.machine) || isBusy(now.machine)
  const steps: ComparedStep[] = []
  for (const step of now.targets[0]?.steps ?? []) {
    const before = old.targets[0]?.steps.find(({ name }) => name === step.name)
    if (before === undefined || before.operations_per_second === 0 || step.operations_per_second === 0) continue
    const [was, is] = [middle(before), middle(step)]
    const said = verdict(before, step, busy)
    steps.push({
      step: step.name,
      old_per_second: was,
      new_per_second: is,
      ratio: round(is / was),
      verdict: said,
      noise: said !== 'faster' && said !== 'slower',
    })
  }
  if (steps.length === 0) throw usageError('the two runs have no step in common')
  return { created: old.created, differences: differences(old, now), steps }
}

function differences(old: Report, now: Report): string[] {
  const differs = <T extends object>(
    names: readonly (keyof T & string)[],
    then: Partial<T> = {},
    today: Partial<T> = {},
  ): string[] =>
    names
      .filter((name) => (then[name] ?? null) !== (today[name] ?? null))
      .map((name) => `${name}: ${then[name] ?? 'none'} then, ${today[name] ?? 'none'} now`)
  const settings = (Object.keys(now.settings) as (keyof Report['settings'])[]).filter((name) => name !== 'seed')
  return [
    ...differs<Report>(['kv'], old, now),
    ...differs<Report['targets'][number]>(STORE, old.targets[0], now.targets[0]),
    ...differs<Report['settings']>(settings, old.settings, now.settings),
    ...differs<Report['settings']>(['seed'], old.settings, now.settings),
    ...differs<Report['machine']>(MACHINE, old.machine, now.machine),
  ]
}

function verdict(old: StepReport, now: StepReport, busy: boolean): Verdict {
  if ([old, now].some((step) => step.rounds_per_second.length < MIN_ROUNDS || !(step.operations >= MIN_OPERATIONS)))
    return 'too few to tell'
  if (busy) return 'unsure: the machine was busy'
  const ratio = middle(now) / middle(old)
  if (isAlike(ratio) || overlap(old.rounds_per_second, now.rounds_per_second)) return 'within noise'
  // As much as processor and disk moved together may be all there is to it.
  const machine = machineRatios(old, now)
    .filter((part) => part > 1 === ratio > 1)
    .reduce((product, part) => product * part, 1)
  if (isAlike(ratio / machine) || ratio / machine > 1 !== ratio > 1) return 'unsure: so did the machine'
  return ratio > 1 ? 'faster' : 'slower'
}

function isAlike(ratio: number): boolean {
  return ratio <= 1 + MARGIN && ratio >= 1 / (1 + MARGIN)
}

/** How much quicker the machine itself was beside a step; none of a report that does not tell. */
function machineRatios(
  { machine_per_second: old }: Partial<StepReport>,
  { machine_per_second: now }: Partial<StepReport>,
): number[] {
  return (['processor', 'disk'] as const).flatMap((part) => {
    const [was, is] = [old?.[part], now?.[part]]
    return was?.length && is?.length ? [median(is) / median(was)] : []
  })
}

/** The median of the rounds; of a step without any, its rate. */
function middle({ rounds_per_second: rounds, operations_per_second: rate }: StepReport): number {
  return rounds.length === 0 ? rate : median(rounds)
}

function overlap(a: readonly number[], b: readonly number[]): boolean {
  return Math.min(...a) <= Math.max(...b) && Math.min(...b) <= Math.max(...a)
}
