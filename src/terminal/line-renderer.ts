import stringWidth from 'string-width'
import { escapeLine } from '../safe-text.ts'
import { graphemes } from '../text-width.ts'
import { strayByte } from './typed-text.ts'

const DIM = '\u001b[2m'
const PLAIN = '\u001b[0m'

/** A text in faint colour. */
export const dimmed = (text: string): string => `${DIM}${text}${PLAIN}`

/** A text with its colours swapped. */
export const inverted = (text: string): string => `\u001b[7m${text}${PLAIN}`

/** What is to be seen. */
export interface View {
  /** Safe for the terminal, perhaps with colours. */
  readonly prompt: string
  /** The text, as typed. */
  readonly text: string
  readonly cursor: number
  /** Shown dim after the text: what could come. */
  readonly ghost: string
  /** Lines below the text, safe for the terminal. */
  readonly below: readonly string[]
}

const HIDE = '\u001b[?25l'
const SHOW = '\u001b[?25h'
const NO_WRAP = '\u001b[?7l'
const WRAP = '\u001b[?7h'
/**
 * The terminal keeps the place of the cursor, which is right however wide it takes the characters before and after it
 * to be.
 */
const KEEP = '\u001b7'
const BACK = '\u001b8'

/** Scrolls as far as so many rows need, so that drawing them scrolls no more and a place that was kept stays right. */
function makeRoom(rows: number): string {
  return rows > 1 ? `${'\n'.repeat(rows - 1)}\u001b[${rows - 1}A` : ''
}

/** Where drawings go. */
export interface Surface {
  readonly columns: number
  readonly rows: number
  write(text: string): void
}

/** Shown before the second and later lines of a text. */
export const CONTINUATION = '  … '

/**
 * Draws a text with its prompt where the cursor of the terminal stands, and again in the same place. Lines are cut here,
 * not wrapped by the terminal; of a text taller than the screen the part around the cursor is shown.
 */
export class LineRenderer {
  readonly #surface: Surface
  /** Widths of the rows drawn last, the row and column of the cursor among them. */
  #drawn: { widths: number[]; row: number; column: number } | undefined

  constructor(surface: Surface) {
    this.#surface = surface
  }

  /** Draws the view in the place of what was drawn before. */
  draw(view: View): void {
    const { columns, rows: height } = this.#surface
    const layout = new Layout(columns)
    layout.raw(view.prompt)
    layout.text(view.text, view.cursor)
    if (view.ghost !== '') layout.dim(view.ghost)
    let rows = layout.rows
    let { row } = layout
    if (rows.length > height) {
      const from = Math.max(0, Math.min(row - Math.floor(height / 2), rows.length - height))
      rows = rows.slice(from, from + height)
      row -= from
    }
    for (const line of view.below.slice(0, Math.max(0, height - rows.length)))
      rows.push({ text: line, width: Math.min(stringWidth(line), columns) })
    this.#surface.write(
      `${HIDE}${this.#home()}${makeRoom(rows.length)}${NO_WRAP}${rows.map(({ text }) => text).join('\r\n')}${WRAP}${BACK}${SHOW}`,
    )
    this.#drawn = { widths: rows.map(({ width }) => width), row, column: layout.column }
  }

  /** Draws the text alone and leaves it: what follows begins on a new line. */
  finish(view: View): void {
    this.draw({ ...view, cursor: view.text.length, ghost: '', below: [] })
    this.#surface.write('\r\n')
    this.#drawn = undefined
  }

  /**
   * Begins a new line where something else may have left the cursor within one, which gets a mark at its end. From the
   * first column the mark and the blanks fill just one line, and are drawn over.
   */
  freshLine(): void {
    this.#surface.write(`${inverted('%')}${' '.repeat(this.#surface.columns - 1)}\r`)
    this.#drawn = undefined
  }

  /** Takes the drawing away. */
  clear(): void {
    this.#surface.write(this.#home())
    this.#drawn = undefined
  }

  /** Takes everything from the screen. */
  clearScreen(): void {
    this.#surface.write('\u001b[H\u001b[2J')
    this.#drawn = undefined
  }

  /** From the cursor to the start of what was drawn, which a terminal made narrower may have wrapped. */
  #home(): string {
    if (this.#drawn === undefined) return '\r\u001b[J'
    const { columns } = this.#surface
    const { widths, row, column } = this.#drawn
    let up = Math.floor(column / columns)
    for (const width of widths.slice(0, row)) up += Math.max(1, Math.ceil(width / columns))
    return `${up > 0 ? `\u001b[${up}A` : ''}\r\u001b[J`
  }
}

/** Cuts what is drawn into rows of the terminal. */
class Layout {
  readonly rows: { text: string; width: number }[] = [{ text: '', width: 0 }]
  /** Where the cursor stands. */
  row = 0
  column = 0
  readonly #columns: number

  constructor(columns: number) {
    this.#columns = columns
  }

  /** Text whose controls are meant; must fit a row. */
  raw(text: string): void {
    const last = this.rows.at(-1)!
    last.text += text
    last.width += stringWidth(text)
  }

  text(text: string, cursor: number): void {
    let at = 0
    let isMarked = false
    for (const piece of graphemes(text)) {
      // Within a character that is drawn as one there is no place for it.
      if (at >= cursor && !isMarked) {
        this.#markCursor()
        isMarked = true
      }
      at += piece.length
      if (piece === '\n') {
        this.rows.push({ text: '', width: 0 })
        this.raw(dimmed(CONTINUATION))
      } else this.#put(shown(piece))
    }
    if (!isMarked) this.#markCursor()
  }

  dim(text: string): void {
    this.rows.at(-1)!.text += DIM
    for (const piece of graphemes(escapeLine(text))) this.#put(piece)
    this.rows.at(-1)!.text += PLAIN
  }

  #put(text: string): void {
    const width = text.length === 1 && text >= ' ' && text <= '~' ? 1 : stringWidth(text)
    let last = this.rows.at(-1)!
    if (last.width + width > this.#columns) this.rows.push((last = { text: '', width: 0 }))
    last.text += text
    last.width += width
  }

  #markCursor(): void {
    // After the last column there is no place for it.
    if (this.rows.at(-1)!.width >= this.#columns) this.rows.push({ text: '', width: 0 })
    this.row = this.rows.length - 1
    this.column = this.rows.at(-1)!.width
    this.rows.at(-1)!.text += KEEP
  }
}

/** A piece of a typed text, safe for the terminal. */
function shown(piece: string): string {
  const byte = strayByte(piece)
  return byte === undefined ? escapeLine(piece) : `\\x${byte.toString(16)}`
}
