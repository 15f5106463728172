import { Chalk, type ChalkInstance } from 'chalk'
import Table from 'cli-table3'
import stringWidth from 'string-width'
import { escapeLine, formatCount } from '../../safe-text.ts'
import type { Entry } from '../../store/driver/entry.ts'
import type { Columns, EntryForm, EntryWriter, Output } from '../format.ts'
import { cell } from './cell.ts'

/** Rows that decide the widths of a table; later ones are drawn as they come. */
export const TABLE_HEAD = 500

/** Shows entries in a table, a line each, and how many they are below it. */
export function tableWriter(out: Output, { only, keyEncoding, valueEncoding }: EntryForm): EntryWriter {
  const fields = only === undefined ? (['key', 'value'] as const) : [only]
  return rowWriter(
    out,
    fields.map((field) => field.toUpperCase()),
    (entry) => fields.map((field) => cell(entry[field], field === 'key' ? keyEncoding : valueEncoding)),
  )
}

/** The same of columns of entries. */
export function columnTableWriter(out: Output, columns: Columns): EntryWriter {
  const { list } = columns
  return rowWriter(
    out,
    list.map(({ name }) => escapeLine(name)),
    (entry) => {
      columns.read(entry)
      return list.map(({ encoding }, at) => cell(columns.text(at), encoding))
    },
  )
}

function rowWriter(
  { text: out, color, columns }: Output,
  head: readonly string[],
  rowOf: (entry: Entry) => string[],
): EntryWriter {
  const table = new TableLines(head, { color, width: columns() })
  let count = 0
  let rows: string[][] = []
  const draw = (): void => {
    if (rows.length > 0) out.text(table.draw(rows))
    rows = []
  }
  return {
    write(entry) {
      rows.push(rowOf(entry))
      count++
    },
    endPage: () => void (count >= TABLE_HEAD && draw()),
    end() {
      draw()
      out.text(`(${formatCount(count, 'row')})\n`)
    },
  }
}

/** How a table is drawn. */
export interface TableOptions {
  readonly color: boolean
  /** Columns of the terminal; `Infinity` where nothing cuts lines. */
  readonly width: number
  /** The first column of numbers, which stand at the right; `undefined`: there is none. */
  readonly numbersFrom?: number
}

/** Bare lines: two spaces between columns, a rule under the head, nothing else. */
const NONE =
  'top top-mid top-left top-right bottom bottom-mid bottom-left bottom-right left left-mid mid mid-mid right right-mid'
const CHARS = { ...Object.fromEntries(NONE.split(' ').map((name) => [name, ''])), middle: '  ' }

/** Narrowest a column may become before the others give way, in terminal columns. */
const MIN_WIDTH = 8

/**
 * A table whose column widths are fixed by its first rows, so that a long one can be drawn while
 * it is read. Cells must be safe for a terminal already.
 */
export class TableLines {
  readonly #head: readonly string[]
  readonly #chalk: ChalkInstance
  readonly #width: number
  readonly #numbersFrom: number
  #widths: number[] | undefined

  constructor(head: readonly string[], { color, width, numbersFrom = Infinity }: TableOptions) {
    this.#head = head
    this.#numbersFrom = numbersFrom
    this.#chalk = new Chalk({ level: color ? 1 : 0 })
    this.#width = width
  }

  /** The lines for some rows; the first call draws the head above them. */
  draw(rows: readonly (readonly string[])[]): string {
    const chalk = this.#chalk
    let text = ''
    if (this.#widths === undefined) {
      this.#widths = fit([this.#head, ...rows], this.#width)
      text += this.#lines([this.#head.map((cell) => chalk.bold(cell))])
      text += `${chalk.dim(this.#widths.map((width) => '─'.repeat(width)).join('  '))}\n`
    }
    return text + this.#lines(rows.map((row) => row.map((cell, column) => (column === 0 ? chalk.cyan(cell) : cell))))
  }

  #lines(rows: readonly string[][]): string {
    if (rows.length === 0) return ''
    const table = new Table({
      chars: CHARS,
      style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [], compact: true },
      colWidths: this.#widths!,
      colAligns: this.#widths!.map((_, column) => (column < this.#numbersFrom ? 'left' : 'right')),
    })
    table.push(...rows)
    const lines = table.toString().split('\n')
    return lines.map((line) => `${line.trimEnd()}\n`).join('')
  }
}

/** Widths for the columns: as wide as their cells, cut from the widest until the line fits. */
function fit(rows: readonly (readonly string[])[], available: number): number[] {
  const widths: number[] = []
  for (const row of rows)
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 1, stringWidth(cell))
  let excess = widths.reduce((sum, width) => sum + width, 0) + 2 * (widths.length - 1) - available
  while (excess > 0) {
    const widest = Math.max(...widths)
    if (widest <= MIN_WIDTH) break
    const column = widths.lastIndexOf(widest)
    const next = Math.max(MIN_WIDTH, ...widths.map((width, at) => (at === column ? 0 : Math.min(width, widest - 1))))
    const cut = Math.max(1, Math.min(excess, widest - next))
    widths[column] = widest - cut
    excess -= cut
  }
  return widths
}
