import { KvError } from '../errors.ts'
import { displayKey, escapeLine } from '../safe-text.ts'
import { cutToWidth } from '../text-width.ts'
import { LineRenderer, dimmed } from './line-renderer.ts'
import type { Key } from './key-decoder.ts'
import type { KeyReader } from './key-reader.ts'
import { editOf, isEnter } from './keymap.ts'
import { LineBuffer } from './line-buffer.ts'

/** Keys that begin with what was typed. Aborted when something else was typed since. */
export type Offer = (term: string, signal: AbortSignal) => Promise<Uint8Array[]>

/** Keys seen at once, where the terminal has the rows. */
const SHOWN = 10

/**
 * Lets the user choose one of the keys that `offer` finds for what was typed. Throws
 * `KV_INTERRUPTED` on Ctrl-C, `KV_DECLINED` at the end of input and on Escape.
 */
export function pickKey(keys: KeyReader, message: string, offer: Offer): Promise<Uint8Array> {
  return new Picker(keys, message, offer).run()
}

class Picker {
  readonly #keys: KeyReader
  readonly #renderer: LineRenderer
  readonly #message: string
  readonly #offer: Offer
  readonly #buffer = new LineBuffer()
  #found: readonly Uint8Array[] = []
  #chosen = 0
  /** The search that has not answered yet. */
  #search: AbortController | undefined
  #error: unknown
  /** Enter came before the answer. */
  #takesFirst = false

  constructor(keys: KeyReader, message: string, offer: Offer) {
    this.#keys = keys
    this.#renderer = new LineRenderer(keys)
    this.#message = escapeLine(message)
    this.#offer = offer
  }

  async run(): Promise<Uint8Array> {
    this.#look()
    try {
      for (;;) {
        this.#draw()
        const event = await this.#keys.next()
        if (event.type === 'closed') throw declined()
        if (event.type === 'key' || event.type === 'paste') await this.#key(event)
        if (this.#error !== undefined) throw this.#error
        if (this.#takesFirst && this.#search === undefined) {
          const key = this.#found[this.#chosen]
          if (key !== undefined) return key
          this.#takesFirst = false
          this.#keys.write('\u0007')
        }
      }
    } finally {
      this.#search?.abort()
      this.#renderer.clear()
    }
  }

  async #key(key: Key): Promise<void> {
    const { name, ctrl } = key
    const rows = this.#rows()
    const step =
      { up: -1, down: 1, tab: key.shift ? -1 : 1, pageup: -rows, pagedown: rows }[name] ??
      (ctrl ? { p: -1, n: 1 }[name] : undefined)
    this.#takesFirst = isEnter(key)
    if (this.#takesFirst) return
    if (ctrl && name === 'c') throw new KvError('KV_INTERRUPTED', 'interrupted, nothing was chosen')
    if (name === 'escape' || (ctrl && name === 'd' && this.#buffer.text === '')) throw declined()
    if (ctrl && name === 'l') return this.#renderer.clearScreen()
    if (ctrl && name === 'z') {
      this.#renderer.clear()
      return this.#keys.suspend()
    }
    if (step !== undefined) {
      const last = this.#found.length - 1
      const next = this.#chosen + step
      // One step goes round, a page stops at the end.
      this.#chosen =
        Math.abs(step) === 1 && last > 0 ? (next + last + 1) % (last + 1) : Math.max(0, Math.min(next, last))
      return
    }
    const before = this.#buffer.text
    const edit = key.type === 'paste' ? undefined : editOf(key)
    if (edit !== undefined) edit(this.#buffer)
    else if (key.text !== '') this.#buffer.insert(key.text)
    if (this.#buffer.text !== before) this.#look()
  }

  #look(): void {
    this.#search?.abort()
    const search = (this.#search = new AbortController())
    const term = this.#buffer.text
    const offered = term.isWellFormed() ? this.#offer(term, search.signal) : Promise.resolve([])
    const settle = (found: readonly Uint8Array[], error: unknown): void => {
      if (this.#search !== search) return
      this.#search = undefined
      this.#found = found
      this.#chosen = 0
      this.#error = error
      this.#keys.wake()
    }
    offered.then(
      (found) => settle(found, undefined),
      (error: unknown) => settle([], error),
    )
  }

  #rows(): number {
    return Math.max(1, Math.min(SHOWN, this.#keys.rows - 3))
  }

  #draw(): void {
    const { columns } = this.#keys
    const rows = this.#rows()
    const first = Math.max(0, Math.min(this.#chosen - Math.floor(rows / 2), this.#found.length - rows))
    const below = this.#found
      .slice(first, first + rows)
      .map((key, i) => `${first + i === this.#chosen ? '>' : ' '} ${cutToWidth(displayKey(key), columns - 2)}`)
    const status =
      this.#found.length > 0
        ? 'Up and Down choose, Enter takes'
        : this.#search === undefined
          ? 'no key begins so'
          : 'searching'
    below.push(dimmed(cutToWidth(status, columns)))
    const { text, cursor } = this.#buffer
    const prompt = `${cutToWidth(this.#message, Math.max(8, columns - 10))} `
    this.#renderer.draw({ prompt, text, cursor, ghost: '', below })
  }
}

function declined(): KvError {
  return new KvError('KV_DECLINED', 'nothing was chosen')
}
