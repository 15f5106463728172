import stringWidth from 'string-width'
import { cutToWidth } from '../text-width.ts'
import type { Key } from './key-decoder.ts'

/** One way to complete a word. */
export interface Candidate {
  /** What stands for the word then, quoted where that is needed. */
  readonly text: string
  /** What the user sees, safe for the terminal. */
  readonly label: string
  /** Shown beside it: a count, a summary. */
  readonly note: string
  /** Whether the word ends there, so that a blank may follow. */
  readonly final: boolean
}

/** The ways to complete what is before the cursor. */
export interface Completion {
  /** What the candidates replace, indexes of the text. */
  readonly from: number
  readonly to: number
  readonly candidates: readonly Candidate[]
  /** What is said below them, where not all are shown. */
  readonly footer: string
}

const INVERSE = '\u001b[7m'
const DIM = '\u001b[2m'
const PLAIN = '\u001b[0m'
/** Blanks between two columns. */
const GAP = 3

/** The candidates below the line, with one of them chosen or none. */
export class Menu {
  readonly completion: Completion
  /** Text and cursor before the menu opened, for Escape. */
  readonly original: { readonly text: string; readonly cursor: number }
  /** Index of the chosen candidate; -1: none. */
  chosen = -1
  /** Rows on the screen and rows seen at once, as drawn last. */
  #rows = 1
  #visible = 1

  constructor(completion: Completion, original: Menu['original']) {
    this.completion = completion
    this.original = original
  }

  /** Takes a key: the candidate it chooses, or `undefined` when it is not for the menu. */
  key({ name, shift, ctrl, meta }: Key): Candidate | undefined {
    const last = this.completion.candidates.length - 1
    if (name === 'tab') return this.#choose(this.chosen < 0 ? (shift ? last : 0) : this.chosen + (shift ? -1 : 1))
    if (ctrl || meta) return undefined
    if (name === 'down' || name === 'up')
      return this.#choose(this.chosen < 0 ? (name === 'down' ? 0 : last) : this.chosen + (name === 'down' ? 1 : -1))
    if (this.chosen < 0) return undefined
    if (name === 'pagedown' || name === 'pageup')
      return this.#choose(this.#within(this.chosen + (name === 'pagedown' ? this.#visible : -this.#visible)))
    if (name === 'right' || name === 'left') return this.#choose(this.#across(name === 'right' ? 1 : -1))
    return undefined
  }

  #choose(index: number): Candidate {
    const { candidates } = this.completion
    this.chosen = (index + candidates.length) % candidates.length
    return candidates[this.chosen]!
  }

  /** The nearest index in the same column. */
  #within(index: number): number {
    const top = this.chosen - (this.chosen % this.#rows)
    return Math.min(Math.max(index, top), top + this.#rows - 1, this.completion.candidates.length - 1)
  }

  /** The neighbour in the next column, or in the one before; in the same row as long as there is one. */
  #across(step: 1 | -1): number {
    const { length } = this.completion.candidates
    const row = this.chosen % this.#rows
    const next = this.chosen + step * this.#rows
    if (next >= 0 && next < length) return next
    return step > 0 ? row : row + Math.floor((length - 1 - row) / this.#rows) * this.#rows
  }

  /** The lines to show, at most `maxRows`, those around the chosen candidate. */
  lines(columns: number, maxRows: number): string[] {
    const { candidates, footer } = this.completion
    const widest = Math.max(...candidates.map(({ label }) => stringWidth(label)))
    const cells = candidates.map(({ label, note }) =>
      note.startsWith('(') || note === ''
        ? { label: cutToWidth(label, Math.max(8, columns - stringWidth(note) - 3)), note }
        : { label: cutToWidth(label, columns), note: cutToWidth(note, Math.max(8, columns - widest - 2)) },
    )
    const labelWidth = Math.max(...cells.map(({ label }) => stringWidth(label)))
    const width = Math.max(
      ...cells.map(({ label, note }) =>
        note === ''
          ? stringWidth(label)
          : (note.startsWith('(') ? stringWidth(label) : labelWidth) + stringWidth(note) + 2,
      ),
    )
    const across = Math.max(1, Math.floor((columns + GAP) / (width + GAP)))
    const rows = Math.ceil(cells.length / across)
    const visible = Math.max(1, Math.min(rows, maxRows - 1))
    this.#rows = rows
    this.#visible = visible
    const chosenRow = this.chosen < 0 ? 0 : this.chosen % rows
    const first = Math.max(0, Math.min(chosenRow - Math.floor(visible / 2), rows - visible))
    const lines: string[] = []
    for (let row = first; row < first + visible; row++) {
      let line = ''
      for (let column = 0; column < across; column++) {
        const index = column * rows + row
        const cell = cells[index]
        if (cell === undefined) break
        // Counts end below each other, words begin so.
        const isCount = cell.note.startsWith('(') || cell.note === ''
        const pad = ' '.repeat(
          Math.max(
            0,
            isCount
              ? width - stringWidth(cell.label) - stringWidth(cell.note)
              : labelWidth + 2 - stringWidth(cell.label),
          ),
        )
        const note = cell.note === '' ? pad : `${pad}${DIM}${cell.note}${PLAIN}`
        line += `${line === '' ? '' : ' '.repeat(GAP)}${index === this.chosen ? `${INVERSE}${cell.label}${PLAIN}` : cell.label}${column === across - 1 && cell.note === '' ? '' : note}`
      }
      lines.push(line.trimEnd())
    }
    const notShown = visible < rows ? `rows ${first + 1} to ${first + visible} of ${rows}` : ''
    const last = [notShown, footer].filter((text) => text !== '').join(', ')
    if (last !== '') lines.push(`${DIM}${cutToWidth(last, columns)}${PLAIN}`)
    return lines
  }
}

/** What all candidates have in common at their start. */
export function commonStart(candidates: readonly Candidate[]): string {
  let common = candidates[0]?.text ?? ''
  for (const { text } of candidates) {
    let length = 0
    while (length < common.length && text[length] === common[length]) length++
    common = common.slice(0, length)
  }
  // Not half of a character that takes two code units.
  return common.isWellFormed() ? common : common.slice(0, -1)
}
