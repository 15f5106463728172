import { formatNs, formatRate, formatRatio } from './numbers.ts'
import type { Comparison, MeasureReport, Report, StepReport } from './report.ts'

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

/** A column of a printed report. */
export interface Column {
  /** In lower case. */
  readonly head: string
  readonly isText?: boolean
  cell(row: Row): string
}

/** The rows of a report: step by step, its targets side by side. */
export function rowsOf({ targets }: Report): Row[] {
  const [first] = targets
  return (first?.steps ?? []).flatMap((base) =>
    targets.flatMap((target) => {
      const step = target.steps.find(({ name }) => name === base.name)
      if (step === undefined || step.operations === 0) return []
      return [step, ...step.operations_by_name].map((measure) => {
        const other = measure === step ? base : base.operations_by_name.find(({ name }) => name === measure.name)
        return {
          operation: operationOf(step, measure),
          target: target.name,
          durable: target.durable,
          step,
          measure,
          ratio:
            target === first || !other?.operations_per_second
              ? undefined
              : measure.operations_per_second / other.operations_per_second,
        }
      })
    }),
  )
}

function operationOf(step: StepReport, measure: MeasureReport): string {
  const each = Math.round(measure.entries / measure.operations)
  const name = measure === step ? measure.name : `${step.name} ${measure.name}`
  // Of a mix of operations the mean says nothing.
  const isMixed = measure === step && step.operations_by_name.length > 0
  return each === 1 || isMixed ? name : `${name} x${each.toLocaleString('en')}`
}

/** The columns of a report; of one with a single target, `entries` says whether entries per second are shown. */
export function columnsOf({ targets, settings }: Report, entries: boolean): Column[] {
  const several = targets.length > 1
  const columns: (Column & { readonly shown?: boolean })[] = [
    { head: 'operation', isText: true, cell: (row) => row.operation },
    {
      head: 'store',
      shown: several,
      isText: true,
      cell: ({ target, durable }) => (durable === settings.durable ? target : `${target}*`),
    },
    { head: 'ops/s', cell: ({ measure }) => formatRate(measure.operations_per_second) },
    { head: 'ratio', shown: several, cell: ({ ratio }) => (ratio === undefined ? '' : formatRatio(ratio)) },
    {
      head: 'entries/s',
      shown: entries && !several,
      cell: ({ measure }) => formatRate(measure.entries_per_second),
    },
    ...(['mean', 'min', 'p50', 'p95', 'p99', 'max'] as const).map((head) => ({
      head,
      cell: ({ measure }: Row) => formatNs(measure.latency_ns[head]),
    })),
  ]
  return columns.filter(({ shown = true }) => shown)
}

/** The columns of a comparison. */
export const COMPARISON_HEAD = ['step', 'old ops/s', 'new ops/s', 'ratio', '']

/** The rows of a comparison, under {@link COMPARISON_HEAD}. */
export function comparisonRows({ steps }: Comparison): string[][] {
  return steps.map(({ step, old_per_second, new_per_second, ratio, verdict }) => [
    step,
    formatRate(old_per_second),
    formatRate(new_per_second),
    formatRatio(ratio),
    verdict,
  ])
}
