import { cutToWidth } from '../text-width.ts'
import { LineRenderer, type View, dimmed } from './line-renderer.ts'
import { type Assistant, NO_COMPLETION } from './assistant.ts'
import { HistoryCursor, type LineHistory } from './history-cursor.ts'
import { HistorySearch } from './history-search.ts'
import type { Key } from './key-decoder.ts'
import { editOf, isEnter } from './keymap.ts'
import { LineBuffer } from './line-buffer.ts'
import { Menu, commonStart } from './menu.ts'
import type { KeyReader, TerminalEvent } from './key-reader.ts'
import { refusal } from './typed-text.ts'

/**
 * What the user did: entered a line, took Ctrl-C or Ctrl-D, with the text there was then, or went away with the
 * terminal, and then no text is to be used.
 */
export type Answer =
  | { readonly type: 'line'; readonly text: string }
  | { readonly type: 'end'; readonly text: string }
  | { readonly type: 'interrupt' }
  | { readonly type: 'closed' }

/** A pause in typing after which {@link Assistant.live} is asked, in milliseconds. */
const PAUSE_MS = 60

const BELL = '\u0007'

/** Reads lines from a terminal: editing, history, completion and hints. */
export class LineEditor {
  readonly #keys: KeyReader
  readonly #renderer: LineRenderer
  readonly #history: LineHistory
  readonly #assistant: Assistant
  readonly #buffer = new LineBuffer()
  #prompt = ''
  #hint = ''
  #menu: Menu | undefined
  #search: HistorySearch | undefined
  #live: { text: string; hint: string | undefined } | undefined
  #looking: AbortController | undefined
  #timer: NodeJS.Timeout | undefined
  #recalled: HistoryCursor
  #afterCtrlX = false

  constructor(keys: KeyReader, history: LineHistory, assistant: Assistant) {
    this.#keys = keys
    this.#renderer = new LineRenderer(keys)
    this.#history = history
    this.#recalled = new HistoryCursor(history)
    this.#assistant = assistant
  }

  /** Lets the user enter a line, perhaps of several lines. */
  async read(prompt: string): Promise<Answer> {
    this.#prompt = prompt
    this.#buffer.reset()
    this.#recalled = new HistoryCursor(this.#history)
    try {
      for (;;) {
        if (!this.#keys.hasNext) await this.#draw()
        const event = await this.#keys.next()
        const answer =
          event.type === 'closed' ? ({ type: 'closed' } as const) : isKey(event) ? await this.#key(event) : undefined
        if (answer === undefined) continue
        this.#menu = this.#search = this.#live = undefined
        this.#finish()
        return answer
      }
    } finally {
      clearTimeout(this.#timer)
      this.#looking?.abort()
    }
  }

  /** Leaves the line as it is; what follows begins below it. */
  #finish(): void {
    if (this.#keys.takeMoved()) this.#renderer.freshLine()
    this.#renderer.finish(this.#view())
  }

  /** Tells of an error below the line, which can be typed on. */
  #tell(error: unknown): void {
    this.#finish()
    this.#assistant.report(error)
  }

  async #key(key: Key): Promise<Answer | undefined> {
    if (this.#search !== undefined) {
      const done = this.#search.key(key)
      if (done === 'stay') return undefined
      const { found } = this.#search
      this.#search = undefined
      if (done === 'cancel') return undefined
      if (found !== undefined) this.#buffer.set(found)
      // Enter after a search in vain runs nothing: what it was meant for was not found.
      if (done === 'accept' || (found === undefined && isEnter(key))) return undefined
    }
    if (this.#menu !== undefined && this.#menuKey(key, this.#menu)) return undefined
    return this.#editKey(key)
  }

  /** True when the key was for the menu; any other closes it. */
  #menuKey(key: Key, menu: Menu): boolean {
    const chosen = menu.key(key)
    if (chosen !== undefined) {
      const { from, to } = menu.completion
      const { text } = menu.original
      this.#buffer.set(text.slice(0, from) + chosen.text + text.slice(to), from + chosen.text.length)
      return true
    }
    this.#menu = undefined
    if (key.name === 'escape') this.#buffer.set(menu.original.text, menu.original.cursor)
    const accepts = menu.chosen >= 0 && isEnter(key)
    if (accepts && menu.completion.candidates[menu.chosen]!.final) this.#buffer.insert(' ')
    return accepts || key.name === 'escape'
  }

  async #editKey(key: Key): Promise<Answer | undefined> {
    const buffer = this.#buffer
    const ctrl = key.ctrl ? key.name : ''
    const afterCtrlX = this.#afterCtrlX
    this.#afterCtrlX = false
    if (key.type === 'paste') buffer.insert(this.#assistant.pasted(key.text).replace(/\n+$/, ''))
    else if (isEnter(key)) return this.#enter(key)
    else if (ctrl === 'c') return { type: 'interrupt' }
    else if (ctrl === 'd' && buffer.atEnd) return this.#ctrlD()
    else if (ctrl === 'z') {
      this.#finish()
      await this.#keys.suspend()
    } else if (ctrl === 'l') this.#renderer.clearScreen()
    else if (ctrl === 'r') this.#search = new HistorySearch(this.#history.lines)
    else if (ctrl === 'x') this.#afterCtrlX = true
    else if (ctrl === 'e' && afterCtrlX) await this.#edit()
    else if (key.name === 'tab' && !key.shift) await this.#complete()
    else if (key.name === 'up' || key.name === 'pageup' || ctrl === 'p') this.#recall(-1)
    else if (key.name === 'down' || key.name === 'pagedown' || ctrl === 'n') this.#recall(1)
    else if (buffer.atEnd && this.#takesGhost(key)) buffer.set(buffer.text + this.#recalled.rest(buffer.text))
    else {
      const edit = editOf(key)
      if (edit !== undefined) edit(buffer)
      else if (key.text !== '') buffer.insert(key.text)
    }
    return undefined
  }

  #enter(key: Key): Answer | undefined {
    const { text } = this.#buffer
    const wrong = refusal(text)
    if (wrong !== undefined) this.#tell(wrong)
    else if (key.meta || this.#assistant.unfinished(text)) this.#buffer.insert('\n')
    else return { type: 'line', text }
    return undefined
  }

  /** Ctrl-D with nothing after the cursor. */
  #ctrlD(): Answer | undefined {
    const { text } = this.#buffer
    const { endsText } = this.#assistant
    const wrong = refusal(text)
    if (wrong !== undefined) this.#tell(wrong)
    else if (text === '' || (endsText !== undefined && this.#live?.hint === endsText && this.#live.text === text))
      return { type: 'end', text }
    else {
      this.#keys.write(BELL)
      if (endsText !== undefined) this.#live = { text, hint: endsText }
    }
    return undefined
  }

  async #edit(): Promise<void> {
    this.#renderer.clear()
    try {
      this.#buffer.set(await this.#assistant.edit(this.#buffer.text))
    } catch (error) {
      this.#tell(error)
    }
  }

  #takesGhost(key: Key): boolean {
    return (
      this.#recalled.rest(this.#buffer.text) !== '' &&
      !key.meta &&
      (key.name === 'right' || key.name === 'end' || (key.ctrl && (key.name === 'e' || key.name === 'f')))
    )
  }

  async #complete(): Promise<void> {
    const { text, cursor } = this.#buffer
    // It may take its time, and what was typed is to be seen.
    this.#show()
    const abort = new AbortController()
    const completion = await this.#keys.unlessTyped(
      this.#assistant.complete(text, cursor, abort.signal).catch(() => NO_COMPLETION),
    )
    if (completion === undefined) {
      abort.abort()
      // Enter was typed for a line that Tab would have completed.
      this.#keys.dropFrom((event) => isKey(event) && isEnter(event))
    }
    if (completion === undefined || completion.candidates.length === 0) return this.#keys.write(BELL)
    const { candidates, from, to } = completion
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
    if (this.#buffer.vertical(step)) return
    const line = this.#recalled.move(step, this.#buffer.text)
    if (line !== undefined) this.#buffer.set(line)
  }

  #view(): View {
    const search = this.#search
    const { text, cursor, atEnd } = this.#buffer
    if (search !== undefined) {
      const found = search.found === undefined ? { text, cursor } : { text: search.found, cursor: search.cursor }
      return { prompt: search.prompt(this.#keys.columns), ...found, ghost: '', below: [] }
    }
    const live = this.#live?.text === text ? this.#live.hint : undefined
    const ghost = atEnd && this.#menu === undefined ? this.#recalled.rest(text) || this.#hint : ''
    const below =
      this.#menu?.lines(this.#keys.columns, Math.max(3, Math.min(12, this.#keys.rows - 2))) ??
      (live === undefined ? [] : [dimmed(cutToWidth(live, this.#keys.columns))])
    return { prompt: this.#prompt, text, cursor, ghost: ghost.split('\n', 1)[0]!, below }
  }

  #show(): void {
    if (this.#keys.takeMoved()) this.#renderer.freshLine()
    this.#renderer.draw(this.#view())
  }

  async #draw(): Promise<void> {
    const { text } = this.#buffer
    this.#hint =
      this.#buffer.atEnd && this.#search === undefined ? await this.#assistant.hint(text).catch(() => '') : ''
    this.#show()
    clearTimeout(this.#timer)
    if (text !== '' && this.#live?.text !== text && this.#search === undefined)
      this.#timer = setTimeout(() => void this.#look(text), PAUSE_MS)
  }

  async #look(text: string): Promise<void> {
    this.#looking?.abort()
    const { signal } = (this.#looking = new AbortController())
    const hint = await this.#assistant.live(text, signal).catch(() => undefined)
    if (signal.aborted) return
    this.#live = { text, hint }
    if (hint !== undefined) this.#keys.wake()
  }
}

function isKey(event: TerminalEvent): event is Key {
  return event.type === 'key' || event.type === 'paste'
}
