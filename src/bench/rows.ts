import type { ComparedStep, MeasureReport, Report, StepReport } from './report.ts'

/** A line of a printed report: one step on one target, or one kind of operation within it. */
export interface Row {
  /** With the entries of an operation where it has several: `range x100`. */
  readonly operation: string
  readonly step: StepReport
  readonly target: string
  readonly measure: MeasureReport
  /** Operations per second over those of the first target; `undefined` without one to compare with. */
  readonly ratio: number | undefined
}

/** The rows of a report: step by step, its targets side by side. */
export function rowsOf({ targets }: Report): Row[] {
  const rows: Row[] = []
  for (const { name } of targets[0]?.steps ?? []) {
    const present = targets.flatMap((target) => target.steps.filter((step) => step.name === name && step.operations > 0).map((step) => ({ target: target.name, step })))
    for (const { target, step } of present) {
      rows.push(row(target, step, step, target === present[0]!.target ? undefined : present[0]!.step))
      for (const kind of step.operations_by_name) {
        rows.push(row(target, step, kind, target === present[0]!.target ? undefined : present[0]!.step.operations_by_name.find((other) => other.name === kind.name)))
      }
    }
  }
  return rows
}

function row(target: string, step: StepReport, measure: MeasureReport, first: MeasureReport | undefined): Row {
  const each = measure.entries / measure.operations
  const name = measure === step ? measure.name : `${step.name} ${measure.name}`
  return {
    operation: each === 1 || !Number.isInteger(each) ? name : `${name} x${each.toLocaleString('en')}`,
    target,
    step,
    measure,
    ratio: first === undefined || first.operations_per_second === 0 ? undefined : measure.operations_per_second / first.operations_per_second,
  }
}

/** What a comparison says of a step, in words. */
export function verdictOf({ noise, ratio }: Pick<ComparedStep, 'noise' | 'ratio'>): string {
  if (noise) return 'within noise'
  return ratio > 1 ? 'faster' : 'slower'
}
