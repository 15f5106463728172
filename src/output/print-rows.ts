import type { Output } from '../formats/format.ts'
import type { Sink } from '../io.ts'
import { escapeText } from '../safe-text.ts'

/** How items are shown. */
export interface RowView<T> {
  /** Names of the columns of a table, the first a text and the others numbers. */
  readonly head: readonly string[]
  /** The cells of an item, safe for a terminal. */
  cells(item: T): string[]
  /** What stands below the table, where anything does. */
  footer(): string
  /** The item as JSON. */
  record(item: T): Readonly<Record<string, unknown>>
  /** The item as text in a line. */
  line(item: T): string
}

/** How rows are written: in a table, in one JSON array, or each in a line, as JSON or as text. */
export type RowForm = 'table' | 'json' | 'jsonl' | 'lines'

/** Prints items as they come, a page at a time; the first rows of a table together, as they decide its widths. */
export async function printRows<T>(
  sink: Sink,
  { color, columns }: Omit<Output, 'text'>,
  form: RowForm,
  pages: AsyncIterable<readonly T[]>,
  view: RowView<T>,
): Promise<void> {
  const write = (text: string): void => {
    if (text !== '') sink.write(sink.isTTY ? escapeText(text) : text)
  }
  if (form !== 'table') {
    let before = '['
    for await (const page of pages) {
      let text = ''
      for (const item of page) {
        if (form !== 'json') text += `${form === 'lines' ? view.line(item) : JSON.stringify(view.record(item))}\n`
        else text += `${before}\n${JSON.stringify(view.record(item))}`
        before = ','
      }
      write(text)
    }
    if (form === 'json') write(before === '[' ? '[]\n' : '\n]\n')
    return
  }
  const { TABLE_HEAD, TableLines } = await import('../formats/display/table.ts')
  const table = new TableLines(view.head, { color, width: columns(), numbersFrom: 1 })
  let count = 0
  let rows: string[][] = []
  const draw = (): void => {
    if (rows.length > 0) sink.write(table.draw(rows))
    rows = []
  }
  for await (const page of pages) {
    for (const item of page) rows.push(view.cells(item))
    count += page.length
    if (count >= TABLE_HEAD) draw()
  }
  draw()
  const footer = view.footer()
  if (footer !== '') sink.write(`${footer}\n`)
}
