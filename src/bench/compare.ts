import { readFileSync } from 'node:fs'
import { usageError } from '../errors.ts'
import { round } from './numbers.ts'
import { type ComparedStep, type Report, SCHEMA, type StepReport } from './report.ts'

/** What differs between two runs so that their figures do not compare. */
const SETTINGS = ['workload', 'records', 'key_bytes', 'value_bytes', 'concurrency', 'durable', 'duration_ms', 'operations'] as const
const MACHINE = ['cpu', 'cores', 'platform', 'node', 'file_system'] as const

/** Reads a report that `kv bench --json` wrote. Throws `KV_USAGE` for anything else, and for one of another workload. */
export function readReport(path: string, workload: string): Report {
  let report: unknown
  try {
    report = JSON.parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    throw usageError(`cannot read ${path}: ${code === 'ENOENT' ? 'no such file' : cause instanceof SyntaxError ? 'it is not JSON' : message}`)
  }
  if (!isReport(report)) throw usageError(`${path} is not a report of kv bench --json (${SCHEMA})`)
  if (report.settings.workload !== workload) {
    throw usageError(`${path} is of the workload ${report.settings.workload}, not ${workload}`, 'compare runs of the same --workload')
  }
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
    Array.isArray(step.rounds_per_second) &&
    step.rounds_per_second.every((rate) => typeof rate === 'number')
  )
}

/**
 * The steps of kv itself in a new run against those of an old one. A difference is noise when the
 * slowest and quickest rounds of the two overlap.
 */
export function compare(old: Report, now: Report): NonNullable<Report['comparison']> {
  const differences = [
    ...SETTINGS.filter((name) => old.settings[name] !== now.settings[name]).map((name) => `${name}: ${old.settings[name]} then, ${now.settings[name]} now`),
    ...MACHINE.filter((name) => old.machine[name] !== now.machine[name]).map((name) => `${name}: ${old.machine[name]} then, ${now.machine[name]} now`),
  ]
  const steps: ComparedStep[] = []
  for (const step of now.targets[0]?.steps ?? []) {
    const before = old.targets[0]?.steps.find(({ name }) => name === step.name)
    if (before === undefined || before.operations_per_second === 0) continue
    steps.push({
      step: step.name,
      old_per_second: before.operations_per_second,
      new_per_second: step.operations_per_second,
      ratio: round(step.operations_per_second / before.operations_per_second),
      noise: overlap(before.rounds_per_second, step.rounds_per_second),
    })
  }
  if (steps.length === 0) throw usageError('the two runs have no step in common')
  return { created: old.created, differences, steps }
}

function overlap(a: readonly number[], b: readonly number[]): boolean {
  return Math.min(...a) <= Math.max(...b) && Math.min(...b) <= Math.max(...a)
}
