import type { TableOptions } from '../../formats/display/table.ts'
import { escapeLine } from '../../safe-text.ts'
import { facts } from './facts.ts'
import { notes } from './notes.ts'
import { sparkline } from './numbers.ts'
import type { Report } from './report.ts'
import { COMPARISON_HEAD, columnsOf, comparisonRows, rowsOf } from './rows.ts'

/** Cells of the latency distribution, which is shown on any terminal: as many as are free between these. */
const SPARK_MIN = 8
const SPARK_MAX = 24

/** Columns that a narrow terminal goes without, in the order in which they are left out. */
const DISPENSABLE = ['ENTRIES/S', 'MIN', 'P95', 'MAX', 'MEAN']

/** The report for people: facts, the table, and what to know about it. */
export async function printTable(report: Report, { color, width }: TableOptions): Promise<string> {
  const { TableLines } = await import('../../formats/display/table.ts')
  // The columns are fitted to the terminal here: nothing cuts the lines.
  const draw = ([head, ...rows]: string[][]): string => new TableLines(head!, { color, width: Infinity }).draw(rows)
  const known = notes(report).map((line) => `${line}\n`)
  return [
    ...facts(report).map((line) => `${line}\n`),
    `\n${draw(tableLines(report, width))}`,
    ...(known.length === 0 ? [] : ['\n', ...known]),
    comparison(report, draw),
  ].join('')
}

/** The lines of the table as padded cells, the head first. */
function tableLines(report: Report, width: number): string[][] {
  const rows = rowsOf(report)
  const hasEntries = rows.some(({ measure }) => measure.entries !== measure.operations)
  let columns = columnsOf(report, hasEntries).map(({ head, isText, cell }) => {
    const cells = [head.toUpperCase(), ...rows.map(cell)]
    const wide = Math.max(...cells.map(({ length }) => length))
    return cells.map((text) => (isText ? text.padEnd(wide) : text.padStart(wide)))
  })
  const used = (): number => columns.reduce((sum, [head]) => sum + head!.length + 2, 0)
  for (const dispensable of DISPENSABLE) {
    if (used() + SPARK_MIN <= width) break
    columns = columns.filter(([head]) => head!.trim() !== dispensable)
  }
  if (rows.length > 0) {
    const cells = Math.max(SPARK_MIN, Math.min(SPARK_MAX, width - used()))
    const from = Math.min(...rows.map(({ measure }) => measure.latency_ns.min))
    const to = Math.max(...rows.map(({ measure }) => measure.latency_ns.p999))
    columns.push([
      'LATENCY'.padEnd(cells),
      ...rows.map(({ measure }) => sparkline(measure.histogram_ns, from, to, cells)),
    ])
  }
  return columns[0]!.map((_, line) => columns.map((column) => column[line]!))
}

function comparison({ comparison: found }: Report, draw: (lines: string[][]) => string): string {
  if (found === null) return ''
  const lines = [COMPARISON_HEAD.map((text) => text.toUpperCase()), ...comparisonRows(found)].map(
    ([step, old, now, ratio, verdict]) => [
      step!.padEnd(10),
      old!.padStart(9),
      now!.padStart(9),
      ratio!.padStart(5),
      verdict!,
    ],
  )
  const differences = found.differences.map((line) => `differs: ${escapeLine(line)}\n`).join('')
  return `\nAgainst the run of ${escapeLine(found.created)}:\n${differences}${draw(lines)}`
}
