import { cutToWidth } from '../output/width.ts'
import { Display } from './display.ts'
import type { History } from './history.ts'
import { HistorySearch } from './history-search.ts'
import { EDITING } from './keymap.ts'
import { LineBuffer } from './line-buffer.ts'
import { type Completion, Menu, commonStart } from './menu.ts'
import type { Key, KeyReader } from './terminal.ts'

/** What the editor asks while a line is typed. */
export interface Assistant {
  /** The ways to complete what is before the cursor. */
  complete(text: string, cursor: number): Promise<Completion>
  /** The arguments that are still missing, at the end of a line. */
  hint(text: string): Promise<string>
  /** What is worth knowing about the line as it is, once the user pauses; `undefined`: nothing. */
  live(text: string): Promise<string | undefined>
  /** Whether more must follow, such as the end of a quote. */
  unfinished(text: string): boolean
  /** The text after the user has changed it in an editor of theirs. */
  edit(text: string): Promise<string>
}

/** What the user did. */
export type Answer = { readonly type: 'line'; readonly text: string } | { readonly type: 'interrupt' } | { readonly type: 'end' }

/** A pause in typing after which {@link Assistant.live} is asked, in milliseconds. */
const PAUSE_MS = 60

const NOTHING: Completion = { from: 0, to: 0, candidates: [], footer: '' }

/** Reads lines from a terminal: editing, history, completion and hints. */
export class LineEditor {
  readonly #keys: KeyReader
  readonly #display: Display
  readonly #history: History
  readonly #assistant: Assistant
  readonly #buffer = new LineBuffer()
  #prompt = ''
  #hint = ''
  #menu: Menu | undefined
  #search: HistorySearch | undefined
  #live: { text: string; hint: string | undefined } | undefined
  #timer: NodeJS.Timeout | undefined
  /** Place in the history, counted from the newest; 0: the line being typed. */
  #back = 0
  #typed = ''
  #afterCtrlX = false

  constructor(keys: KeyReader, history: History, assistant: Assistant) {
    this.#keys = keys
    this.#display = new Display(keys)
    this.#history = history
    this.#assistant = assistant
  }

  /** Lets the user enter a line, perhaps of several lines. */
  async read(prompt: string): Promise<Answer> {
    this.#prompt = prompt
    this.#buffer.reset()
    this.#back = 0
    try {
      for (;;) {
        if (!this.#keys.hasNext) await this.#draw()
        const answer = await this.#key(await this.#keys.next())
        if (answer !== undefined) return this.#leave(answer)
      }
    } finally {
      clearTimeout(this.#timer)
    }
  }

  #leave(answer: Answer): Answer {
    this.#menu = this.#search = this.#live = undefined
    this.#display.finish(this.#view())
    return answer
  }

  async #key(key: Key): Promise<Answer | undefined> {
    if (key.name === 'wake' || key.name === 'resize') return undefined
    if (key.name === 'end') return { type: 'end' }
    if (this.#search !== undefined) {
      const done = this.#search.key(key)
      if (done === 'stay') return undefined
      const { found } = this.#search
      this.#search = undefined
      if (done === 'cancel') return undefined
      if (found !== undefined) this.#buffer.set(found)
      if (done === 'accept') return undefined
    }
    if (this.#menu !== undefined && this.#menuKey(key, this.#menu)) return undefined
    return this.#editKey(key)
  }

  /** True when the key was for the menu; any other closes it. */
  #menuKey(key: Key, menu: Menu): boolean {
    const step = key.name === 'tab' ? (key.shift ? -1 : 1) : menu.chosen < 0 ? undefined : ({ down: 1, right: 1, up: -1, left: -1 } as const)[key.name]
    if (step !== undefined) {
      const { from, to } = menu.completion
      const { text } = menu.original
      const chosen = menu.move(step).text
      this.#buffer.set(text.slice(0, from) + chosen + text.slice(to), from + chosen.length)
      return true
    }
    this.#menu = undefined
    if (key.name === 'escape') this.#buffer.set(menu.original.text, menu.original.cursor)
    const accepts = menu.chosen >= 0 && (key.name === 'return' || key.name === 'enter')
    if (accepts && menu.completion.candidates[menu.chosen]!.final) this.#buffer.insert(' ')
    return accepts || key.name === 'escape'
  }

  async #editKey(key: Key): Promise<Answer | undefined> {
    const buffer = this.#buffer
    const ctrl = key.ctrl ? key.name : ''
    const afterCtrlX = this.#afterCtrlX
    this.#afterCtrlX = false
    if (key.name === 'paste') buffer.insert(key.text.replace(/\n+$/, ''))
    else if (key.name === 'return' || key.name === 'enter') return this.#enter(key)
    else if (ctrl === 'c') return { type: 'interrupt' }
    else if (ctrl === 'd' && buffer.text === '') return { type: 'end' }
    else if (ctrl === 'z') {
      this.#display.finish(this.#view())
      await this.#keys.suspend()
    } else if (ctrl === 'l') this.#display.clearScreen()
    else if (ctrl === 'r') this.#search = new HistorySearch(this.#history.lines)
    else if (ctrl === 'x') this.#afterCtrlX = true
    else if (ctrl === 'e' && afterCtrlX) {
      this.#display.clear()
      buffer.set(await this.#assistant.edit(buffer.text))
    } else if (key.name === 'tab' && !key.shift) await this.#complete()
    else if (key.name === 'up' || ctrl === 'p') this.#recall(-1)
    else if (key.name === 'down' || ctrl === 'n') this.#recall(1)
    else if (buffer.atEnd && this.#takesGhost(key)) buffer.set(buffer.text + this.#ghost())
    else {
      const edit = EDITING[`${key.ctrl ? 'ctrl-' : ''}${key.meta ? 'meta-' : ''}${key.name}`]
      if (edit !== undefined) edit(buffer)
      else if (key.text !== '') buffer.insert(key.text)
    }
    return undefined
  }

  #enter(key: Key): Answer | undefined {
    const { text } = this.#buffer
    if (key.meta || this.#assistant.unfinished(text)) {
      this.#buffer.insert('\n')
      return undefined
    }
    return { type: 'line', text }
  }

  #takesGhost(key: Key): boolean {
    return this.#ghost() !== '' && !key.meta && (key.name === 'right' || key.name === 'end' || (key.ctrl && (key.name === 'e' || key.name === 'f')))
  }

  async #complete(): Promise<void> {
    const { text, cursor } = this.#buffer
    const completion = await this.#assistant.complete(text, cursor).catch(() => NOTHING)
    const { candidates, from, to } = completion
    if (candidates.length === 0) return this.#keys.write('\u0007')
    const common = commonStart(candidates)
    const only = candidates.length === 1 ? candidates[0] : undefined
    const longer = only !== undefined || common.length > to - from
    if (longer) this.#buffer.set(text.slice(0, from) + common + text.slice(to), from + common.length)
    if (only?.final === true && this.#buffer.atEnd) this.#buffer.insert(' ')
    if (only !== undefined) return
    const original = { text: this.#buffer.text, cursor: this.#buffer.cursor }
    this.#menu = new Menu({ ...completion, to: longer ? from + common.length : to }, original)
  }

  /** Goes through the history, or within a text of several lines; only lines that begin as typed. */
  #recall(step: -1 | 1): void {
    const buffer = this.#buffer
    if (buffer.vertical(step)) return
    if (this.#back === 0) this.#typed = buffer.text
    const { lines } = this.#history
    for (let back = this.#back - step; back >= 0 && back <= lines.length; back -= step) {
      const line = back === 0 ? this.#typed : lines.at(-back)!
      if (back > 0 && (!line.startsWith(this.#typed) || line === buffer.text)) continue
      this.#back = back
      buffer.set(line)
      return
    }
  }

  /** The rest of the newest line of the history that begins like this one. */
  #ghost(): string {
    const { text } = this.#buffer
    if (text === '' || this.#back > 0) return ''
    return this.#history.suggest(text)?.slice(text.length) ?? ''
  }

  #view(): Parameters<Display['draw']>[0] {
    const search = this.#search
    if (search !== undefined) return { prompt: search.prompt(this.#keys.columns), text: search.found ?? '', cursor: search.cursor, ghost: '', below: [] }
    const { text, cursor, atEnd } = this.#buffer
    const live = this.#live?.text === text ? this.#live.hint : undefined
    const ghost = atEnd && this.#menu === undefined ? this.#ghost() || this.#hint : ''
    const below = this.#menu?.lines(this.#keys.columns, Math.max(3, Math.min(12, this.#keys.rows - 2))) ?? (live === undefined ? [] : [`\u001b[2m${cutToWidth(live, this.#keys.columns)}\u001b[0m`])
    return { prompt: this.#prompt, text, cursor, ghost: ghost.split('\n', 1)[0]!, below }
  }

  async #draw(): Promise<void> {
    const { text } = this.#buffer
    this.#hint = this.#buffer.atEnd && this.#search === undefined ? await this.#assistant.hint(text).catch(() => '') : ''
    this.#display.draw(this.#view())
    clearTimeout(this.#timer)
    if (text !== '' && this.#live?.text !== text && this.#search === undefined) this.#timer = setTimeout(() => void this.#look(text), PAUSE_MS)
  }

  async #look(text: string): Promise<void> {
    const hint = await this.#assistant.live(text).catch(() => undefined)
    this.#live = { text, hint }
    if (hint !== undefined) this.#keys.wake()
  }
}
