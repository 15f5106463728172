import { escapeLine } from '../safe-text.ts'
import { cutToWidth } from '../text-width.ts'
import type { Key } from './key-decoder.ts'

/** What a key means: go on searching, give up, take the line, or take it and handle the key too. */
type Outcome = 'stay' | 'cancel' | 'accept' | 'pass'

/** The search backwards through the history, Ctrl-R. */
export class HistorySearch {
  readonly #lines: readonly string[]
  #query = ''
  /** Index of the line found. */
  #at: number

  constructor(lines: readonly string[]) {
    this.#lines = lines
    this.#at = lines.length
  }

  /** The line found. */
  get found(): string | undefined {
    return this.#query === '' ? undefined : this.#lines[this.#at]
  }

  /** Where in it. */
  get cursor(): number {
    return Math.max(0, this.found?.indexOf(this.#query) ?? 0)
  }

  /** Shown in the place of the prompt. */
  prompt(columns: number): string {
    const missing = this.#query !== '' && this.found === undefined
    return cutToWidth(`${missing ? 'not found' : 'search'} '${escapeLine(this.#query)}': `, columns)
  }

  /** Takes a key. */
  key(key: Key): Outcome {
    if (key.ctrl && (key.name === 'r' || key.name === 's')) this.#find(key.name === 'r' ? -1 : 1, this.found)
    else if (key.ctrl && (key.name === 'c' || key.name === 'g')) return 'cancel'
    else if (key.name === 'backspace') this.#search(this.#query.slice(0, -1))
    else if (key.type === 'paste' || key.text !== '') this.#search(this.#query + key.text)
    else if (key.name === 'escape') return 'accept'
    else return 'pass'
    return 'stay'
  }

  #search(query: string): void {
    this.#query = query
    this.#at = this.#lines.length
    this.#find(-1, undefined)
  }

  /** Moves to the next line that holds the query and is not `shown`; stays where there is none. */
  #find(step: -1 | 1, shown: string | undefined): void {
    for (let at = this.#at + step; at >= 0 && at < this.#lines.length; at += step) {
      const line = this.#lines[at]!
      if (line.includes(this.#query) && line !== shown) {
        this.#at = at
        return
      }
    }
  }
}
