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
 * Lets the user choose one of the keys that `offer` finds for what was typed. Throws `KV_INTERRUPTED` on Ctrl-C,
 * `KV_DECLINED` at the end of input and on Escape.
 */
export async function pickKey(keys: KeyReader, message: string, offer: Offer): Promise<Uint8Array> {
  const renderer = new LineRenderer(keys)
  const buffer = new LineBuffer()
  let found: readonly Uint8Array[] = []
  let chosen = 0
  /** The search that has not answered yet. */
  let search: AbortController | undefined
  let failure: unknown
  /** Enter came before the answer. */
  let takesFirst = false

  const look = (): void => {
    search?.abort()
    const current = (search = new AbortController())
    const term = buffer.text
    const settle = (keysFound: readonly Uint8Array[], error: unknown): void => {
      if (search !== current) return
      search = undefined
      found = keysFound
      chosen = 0
      failure = error
      keys.wake()
    }
    const offered = term.isWellFormed() ? offer(term, current.signal) : Promise.resolve([])
    offered.then(
      (keysFound) => settle(keysFound, undefined),
      (error: unknown) => settle([], error),
    )
  }

  const height = (): number => Math.max(1, Math.min(SHOWN, keys.rows - 3))

  const draw = (): void => {
    const { columns } = keys
    const rows = height()
    const first = Math.max(0, Math.min(chosen - Math.floor(rows / 2), found.length - rows))
    const below = found
      .slice(first, first + rows)
      .map((key, i) => `${first + i === chosen ? '>' : ' '} ${cutToWidth(displayKey(key), columns - 2)}`)
    const none = search === undefined ? 'no key begins so' : 'searching'
    below.push(dimmed(cutToWidth(found.length > 0 ? 'Up and Down choose, Enter takes' : none, columns)))
    const prompt = `${cutToWidth(escapeLine(message), Math.max(8, columns - 10))} `
    renderer.draw({ prompt, text: buffer.text, cursor: buffer.cursor, ghost: '', below })
  }

  const take = async (key: Key): Promise<void> => {
    const { name, ctrl } = key
    takesFirst = isEnter(key)
    if (takesFirst) return
    if (ctrl && name === 'c') throw new KvError('KV_INTERRUPTED', 'interrupted, nothing was chosen')
    if (name === 'escape' || (ctrl && name === 'd' && buffer.text === '')) throw declined()
    if (ctrl && name === 'l') return renderer.clearScreen()
    if (ctrl && name === 'z') {
      renderer.clear()
      return keys.suspend()
    }
    const rows = height()
    const step =
      { up: -1, down: 1, tab: key.shift ? -1 : 1, pageup: -rows, pagedown: rows }[name] ??
      (ctrl ? { p: -1, n: 1 }[name] : undefined)
    if (step !== undefined) {
      const last = found.length - 1
      const next = chosen + step
      // One step goes round, a page stops at the end.
      chosen = Math.abs(step) === 1 && last > 0 ? (next + last + 1) % (last + 1) : Math.max(0, Math.min(next, last))
      return
    }
    const before = buffer.text
    const edit = key.type === 'paste' ? undefined : editOf(key)
    if (edit !== undefined) edit(buffer)
    else if (key.text !== '') buffer.insert(key.text)
    if (buffer.text !== before) look()
  }

  look()
  try {
    for (;;) {
      draw()
      const event = await keys.next()
      if (event.type === 'closed') throw declined()
      if (event.type === 'key' || event.type === 'paste') await take(event)
      if (failure !== undefined) throw failure
      if (takesFirst && search === undefined) {
        const key = found[chosen]
        if (key !== undefined) return key
        takesFirst = false
        keys.write('\u0007')
      }
    }
  } finally {
    search?.abort()
    renderer.clear()
  }
}

function declined(): KvError {
  return new KvError('KV_DECLINED', 'nothing was chosen')
}
