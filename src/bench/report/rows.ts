import type { MeasureReport, Report, StepReport, TargetReport } from './report.ts'

/** A line of a printed report: one step on one target, or one kind of operation within it. */
export interface Row {
  /** With the entries of an operation where it has several: `range x100`. */
  readonly operation: string
  readonly step: StepReport
  readonly target: string
  /** Whether the target's writes wait for the disk; `null` where that is not known. */
  readonly durable: boolean | null
  readonly measure: MeasureReport
  /** Operations per second over those of the first target; `undefined` without one to compare with. */
  readonly ratio: number | undefined
}

/** The rows of a report: step by step, its targets side by side. */
export function rowsOf({ targets }: Report): Row[] {
  const rows: Row[] = []
  const [first] = targets
  for (const { name } of first?.steps ?? []) {
    const base = first!.steps.find((step) => step.name === name)!
    for (const target of targets) {
      const step = target.steps.find((other) => other.name === name)
      if (step === undefined || step.operations === 0) continue
      const isBase = target === first
      rows.push(row(target, step, step, isBase ? undefined : base))
      for (const kind of step.operations_by_name) {
        rows.push(
          row(
            target,
            step,
            kind,
            isBase ? undefined : base.operations_by_name.find((other) => other.name === kind.name),
          ),
        )
      }
    }
  }
  return rows
}

function row(
  { name: target, durable }: TargetReport,
  step: StepReport,
  measure: MeasureReport,
  first: MeasureReport | undefined,
): Row {
  const each = Math.round(measure.entries / measure.operations)
  const name = measure === step ? measure.name : `${step.name} ${measure.name}`
  // Of a mix of operations the mean says nothing.
  const mixed = measure === step && step.operations_by_name.length > 0
  return {
    operation: each === 1 || mixed ? name : `${name} x${each.toLocaleString('en')}`,
    target,
    durable,
    step,
    measure,
    ratio:
      first === undefined || first.operations_per_second === 0
        ? undefined
        : measure.operations_per_second / first.operations_per_second,
  }
}
