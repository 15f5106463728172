/** Lines that were entered before, the newest last. */
export interface LineHistory {
  readonly lines: readonly string[]
  /** The newest line that begins with `start` and is longer. */
  suggest(start: string): string | undefined
}

/** For a line that is none of those. */
export const NO_HISTORY: LineHistory = { lines: [], suggest: () => undefined }

/** A place in the history while a line is typed, and the texts of the places that were left. */
export class HistoryCursor {
  readonly #history: LineHistory
  /** Counted from the newest; 0: the line being typed. */
  #back = 0
  #typed = ''
  readonly #edited = new Map<number, string>()

  constructor(history: LineHistory) {
    this.#history = history
  }

  /** The next line in this direction that begins as what was typed; `undefined` where there is none. */
  move(step: -1 | 1, text: string): string | undefined {
    if (this.#back === 0) this.#typed = text
    this.#edited.set(this.#back, text)
    const { lines } = this.#history
    for (let back = this.#back - step; back >= 0 && back <= lines.length; back -= step) {
      const line = back === 0 ? this.#typed : lines.at(-back)!
      if (back > 0 && (!line.startsWith(this.#typed) || line === text)) continue
      this.#back = back
      return this.#edited.get(back) ?? line
    }
    return undefined
  }

  /** The rest of the newest line that begins like this text. */
  rest(text: string): string {
    if (text === '' || (this.#back > 0 && text === this.#history.lines.at(-this.#back))) return ''
    return this.#history.suggest(text)?.slice(text.length) ?? ''
  }
}
