import stringWidth from 'string-width'
import { cutToWidth } from '../text-width.ts'
import type { Key } from './key-decoder.ts'
import { dimmed, inverted } from './line-renderer.ts'

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
    // Counts end below each other, words begin so.
    const cells = candidates.map(({ label, note }) =>
      note === '' || note.startsWith('(')
        ? { label: cutToWidth(label, Math.max(8, columns - stringWidth(note) - 3)), note, isCount: true }
        : {
            label: cutToWidth(label, columns),
            note: cutToWidth(note, Math.max(8, columns - widest - 2)),
            isCount: false,
          },
    )
    const labelWidth = Math.max(...cells.map(({ label }) => stringWidth(label)))
    const width = Math.max(
      ...cells.map(
        ({ label, note, isCount }) =>
          (isCount ? stringWidth(label) : labelWidth) + (note === '' ? 0 : stringWidth(note) + 2),
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
        const { label, note, isCount } = cell
        const noteAt = isCount ? width - stringWidth(note) : labelWidth + 2
        const shown = index === this.chosen ? inverted(label) : label
        line += `${line === '' ? '' : ' '.repeat(GAP)}${shown}${' '.repeat(noteAt - stringWidth(label))}`
        if (note !== '') line += dimmed(note)
      }
      lines.push(line.trimEnd())
    }
    const notShown = visible < rows ? `rows ${first + 1} to ${first + visible} of ${rows}` : ''
    const last = [notShown, footer].filter((text) => text !== '').join(', ')
    if (last !== '') lines.push(dimmed(cutToWidth(last, columns)))
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
