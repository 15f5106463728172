import { csvLine } from '../../formats/csv/writer.ts'
import { escapeLine } from '../../safe-text.ts'
import { facts } from './facts.ts'
import { notes } from './notes.ts'
import { formatNs, formatRate, formatRatio } from './numbers.ts'
import type { Report } from './report.ts'
import { type Row, rowsOf } from './rows.ts'

/** The report as CSV with a header; times in nanoseconds. */
export function printCsv(report: Report): string {
  const head = [
    'workload',
    'step',
    'operation',
    'store',
    'operations',
    'entries',
    'seconds',
    'ops_per_second',
    'entries_per_second',
    'mean_ns',
    'min_ns',
    'p50_ns',
    'p90_ns',
    'p95_ns',
    'p99_ns',
    'p999_ns',
    'max_ns',
    'durable',
  ]
  const lines = rowsOf(report).map(({ step, target, durable, measure }) => {
    const { mean, min, p50, p90, p95, p99, p999, max } = measure.latency_ns
    const { operations, entries, seconds, operations_per_second, entries_per_second } = measure
    const numbers = [
      operations,
      entries,
      seconds,
      operations_per_second,
      entries_per_second,
      mean,
      min,
      p50,
      p90,
      p95,
      p99,
      p999,
      max,
    ]
    return csvLine([
      report.settings.workload,
      step.name,
      measure === step ? 'all' : measure.name,
      target,
      ...numbers.map(String),
      durable === null ? 'unknown' : String(durable),
    ])
  })
  return csvLine(head) + lines.join('')
}

/** The report as a Markdown table, with what was measured above it, and notes below. */
export function printMarkdown(report: Report): string {
  const { targets, comparison } = report
  const several = targets.length > 1
  const columns: [head: string, cell: (row: Row) => string][] = [
    ['operation', (row) => row.operation],
    ...(several
      ? [
          ['store', ({ target, durable }: Row) => (durable === report.settings.durable ? target : `${target}*`)] as [
            string,
            (row: Row) => string,
          ],
        ]
      : []),
    ['ops/s', ({ measure }) => formatRate(measure.operations_per_second)],
    ...(several
      ? [
          ['ratio', ({ ratio }: Row) => (ratio === undefined ? '' : formatRatio(ratio))] as [
            string,
            (row: Row) => string,
          ],
        ]
      : []),
    ...(['mean', 'min', 'p50', 'p95', 'p99', 'max'] as const).map((name): [string, (row: Row) => string] => [
      name,
      ({ measure }) => formatNs(measure.latency_ns[name]),
    ]),
  ]
  const lines = [
    ...facts(report).map((text) => `- ${cell(text)}`),
    '',
    line(columns.map(([head]) => head)),
    line(columns.map(([head]) => (head === 'operation' || head === 'store' ? '---' : '---:'))),
    ...rowsOf(report).map((row) => line(columns.map(([, text]) => text(row)))),
  ]
  const known = notes(report)
  if (known.length > 0) lines.push('', ...known.map((note) => `- ${cell(note)}`))
  if (comparison !== null) {
    lines.push(
      '',
      `Against the run of ${cell(escapeLine(comparison.created))}:`,
      '',
      ...comparison.differences.map((text) => `- differs: ${cell(escapeLine(text))}`),
      '',
    )
    lines.push(line(['step', 'old ops/s', 'new ops/s', 'ratio', '']), line(['---', '---:', '---:', '---:', '---']))
    for (const step of comparison.steps) {
      lines.push(
        line([
          step.step,
          formatRate(step.old_per_second),
          formatRate(step.new_per_second),
          formatRatio(step.ratio),
          step.verdict,
        ]),
      )
    }
  }
  return `${lines.join('\n')}\n`
}

function line(cells: readonly string[]): string {
  return `| ${cells.map(cell).join(' | ')} |`
}

function cell(text: string): string {
  return text.replaceAll(/[|\\]/g, String.raw`\$&`).replaceAll(/\s+/g, ' ')
}
