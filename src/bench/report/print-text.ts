import { csvLine } from '../../formats/csv/writer.ts'
import { escapeLine } from '../../safe-text.ts'
import { facts } from './facts.ts'
import { notes } from './notes.ts'
import { LATENCIES, type Report } from './report.ts'
import { COMPARISON_HEAD, columnsOf, comparisonRows, rowsOf } from './rows.ts'

const CSV_HEAD =
  'workload,step,operation,store,operations,entries,seconds,ops_per_second,entries_per_second,' +
  'mean_ns,min_ns,p50_ns,p90_ns,p95_ns,p99_ns,p999_ns,max_ns,durable\n'

/** The report as CSV with a header; times in nanoseconds. */
export function printCsv(report: Report): string {
  const lines = rowsOf(report).map(({ step, target, durable, measure }) => {
    const { operations, entries, seconds, operations_per_second, entries_per_second, latency_ns } = measure
    const figures = [operations, entries, seconds, operations_per_second, entries_per_second]
    return csvLine([
      report.settings.workload,
      step.name,
      measure === step ? 'all' : measure.name,
      target,
      ...[...figures, ...LATENCIES.map((name) => latency_ns[name])].map(String),
      durable === null ? 'unknown' : String(durable),
    ])
  })
  return CSV_HEAD + lines.join('')
}

/** The report as a Markdown table, with what was measured above it, and notes below. */
export function printMarkdown(report: Report): string {
  const { comparison } = report
  const columns = columnsOf(report, false)
  const lines = [
    ...list(facts(report)),
    '',
    line(columns.map(({ head }) => head)),
    line(columns.map(({ isText }) => (isText ? '---' : '---:'))),
    ...rowsOf(report).map((row) => line(columns.map(({ cell }) => cell(row)))),
  ]
  const known = notes(report)
  if (known.length > 0) lines.push('', ...list(known))
  if (comparison !== null) {
    lines.push(
      '',
      `Against the run of ${escaped(escapeLine(comparison.created))}:`,
      '',
      ...list(comparison.differences.map((text) => `differs: ${escapeLine(text)}`)),
      '',
      line(COMPARISON_HEAD),
      line(['---', '---:', '---:', '---:', '---']),
      ...comparisonRows(comparison).map(line),
    )
  }
  return `${lines.join('\n')}\n`
}

function list(texts: readonly string[]): string[] {
  return texts.map((text) => `- ${escaped(text)}`)
}

function line(cells: readonly string[]): string {
  return `| ${cells.map(escaped).join(' | ')} |`
}

function escaped(text: string): string {
  return text.replaceAll(/[|\\]/g, String.raw`\$&`).replaceAll(/\s+/g, ' ')
}
