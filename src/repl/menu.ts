import stringWidth from 'string-width'
import { cutToWidth } from '../output/width.ts'

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

  constructor(completion: Completion, original: Menu['original']) {
    this.completion = completion
    this.original = original
  }

  /** Chooses the next candidate, or the one before, round and round. */
  move(step: 1 | -1): Candidate {
    const { candidates } = this.completion
    this.chosen = this.chosen < 0 && step < 0 ? candidates.length - 1 : (this.chosen + step + candidates.length) % candidates.length
    return candidates[this.chosen]!
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
    const width = Math.max(...cells.map(({ label, note }) => (note === '' ? stringWidth(label) : (note.startsWith('(') ? stringWidth(label) : labelWidth) + stringWidth(note) + 2)))
    const across = Math.max(1, Math.floor((columns + GAP) / (width + GAP)))
    const rows = Math.ceil(cells.length / across)
    const visible = Math.max(1, Math.min(rows, maxRows - 1))
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
        const pad = ' '.repeat(Math.max(0, isCount ? width - stringWidth(cell.label) - stringWidth(cell.note) : labelWidth + 2 - stringWidth(cell.label)))
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
