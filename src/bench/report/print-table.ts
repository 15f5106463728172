import { escapeLine } from '../../safe-text.ts'
import type { TableLines } from '../../formats/display/table.ts'
import { facts } from './facts.ts'
import { notes } from './notes.ts'
import { formatNs, formatRate, formatRatio, sparkline } from './numbers.ts'
import type { Report } from './report.ts'
import { rowsOf } from './rows.ts'

/** How the table is drawn. */
export interface TableStyle {
  readonly color: boolean
  /** Columns of the terminal; `Infinity` where nothing cuts lines. */
  readonly width: number
}

type MakeTable = (head: readonly string[]) => TableLines

/** Cells of the latency distribution, which stays on any terminal: as many as are free between these. */
const SPARK_MIN = 8
const SPARK_MAX = 24

/** What a narrow terminal goes without, first the first. */
const GIVE_WAY = ['ENTRIES/S', 'MIN', 'P95', 'MAX', 'MEAN']

/** The report for people: facts, the table, and what to know about it. */
export async function printTable(report: Report, style: TableStyle): Promise<string> {
  const tables = await import('../../formats/display/table.ts')
  const writer = (head: readonly string[]): TableLines =>
    new tables.TableLines(head, { color: style.color, width: Infinity })
  const told = notes(report)
  return `${facts(report).join('\n')}\n\n${table(report, style.width, writer)}${told.length === 0 ? '' : `\n${told.join('\n')}\n`}${comparison(report, writer)}`
}

function table(report: Report, width: number, tableOf: MakeTable): string {
  const rows = rowsOf(report)
  const several = report.targets.length > 1
  const entries = rows.some(({ measure }) => measure.entries !== measure.operations)
  const columns: { head: string; cells: string[]; left?: boolean }[] = [
    { head: 'OPERATION', cells: rows.map(({ operation }) => operation), left: true },
    ...(several
      ? [
          {
            head: 'STORE',
            cells: rows.map(({ target, durable }) => (durable === report.settings.durable ? target : `${target}*`)),
            left: true,
          },
        ]
      : []),
    { head: 'OPS/S', cells: rows.map(({ measure }) => formatRate(measure.operations_per_second)) },
    ...(several
      ? [{ head: 'RATIO', cells: rows.map(({ ratio }) => (ratio === undefined ? '' : formatRatio(ratio))) }]
      : []),
    ...(entries && !several
      ? [{ head: 'ENTRIES/S', cells: rows.map(({ measure }) => formatRate(measure.entries_per_second)) }]
      : []),
    ...(['mean', 'min', 'p50', 'p95', 'p99', 'max'] as const).map((name) => ({
      head: name.toUpperCase(),
      cells: rows.map(({ measure }) => formatNs(measure.latency_ns[name])),
    })),
  ]
  const padded = columns.map(({ head, cells, left }) => {
    const wide = Math.max(head.length, ...cells.map((cell) => cell.length))
    return [head, ...cells].map((cell) => (left ? cell.padEnd(wide) : cell.padStart(wide)))
  })
  const used = (): number => padded.reduce((sum, [head]) => sum + head!.length + 2, 0)
  for (const head of GIVE_WAY) {
    if (used() + SPARK_MIN <= width) break
    const at = columns.findIndex((column) => column.head === head)
    if (at === -1) continue
    columns.splice(at, 1)
    padded.splice(at, 1)
  }
  const spark = Math.max(SPARK_MIN, Math.min(SPARK_MAX, width - used()))
  if (rows.length > 0) {
    const from = Math.min(...rows.map(({ measure }) => measure.latency_ns.min))
    const to = Math.max(...rows.map(({ measure }) => measure.latency_ns.p999))
    padded.push([
      'LATENCY'.padEnd(spark),
      ...rows.map(({ measure }) => sparkline(measure.histogram_ns, from, to, spark)),
    ])
  }
  const writer = tableOf(padded.map(([head]) => head!))
  return writer.draw(rows.map((_, at) => padded.map((column) => column[at + 1]!)))
}

function comparison({ comparison: found }: Report, tableOf: MakeTable): string {
  if (found === null) return ''
  const writer = tableOf(['STEP      ', 'OLD OPS/S', 'NEW OPS/S', 'RATIO', ''])
  const rows = found.steps.map(({ step, old_per_second, new_per_second, ratio, verdict }) => [
    step.padEnd(10),
    formatRate(old_per_second).padStart(9),
    formatRate(new_per_second).padStart(9),
    formatRatio(ratio).padStart(5),
    verdict,
  ])
  const differences = found.differences.map((line) => `differs: ${escapeLine(line)}\n`).join('')
  return `\nAgainst the run of ${escapeLine(found.created)}:\n${differences}${writer.draw(rows)}`
}
