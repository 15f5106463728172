import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { KvError } from '../errors.ts'
import { processTerminal } from '../io.ts'
import { cutToWidth } from '../text-width.ts'
import { NO_ASSISTANT } from './assistant.ts'
import { NO_HISTORY } from './history-cursor.ts'
import { type Answer, LineEditor } from './line-editor.ts'
import type { KeyReader } from './key-reader.ts'
import { editOf, isEnter } from './keymap.ts'
import { LineBuffer } from './line-buffer.ts'

/** Asks yes or no, no being the default. Throws `KV_INTERRUPTED` on Ctrl-C; end of input is a no. */
export function ask(message: string, keys: KeyReader): Promise<boolean> {
  const editor = new LineEditor(keys, NO_HISTORY, NO_ASSISTANT)
  return yesOrNo(message, (question) => editor.read(cutToWidth(question, keys.columns - 4)))
}

/** Asks for a text that is not shown. Throws `KV_INTERRUPTED` on Ctrl-C; `undefined` is end of input. */
export async function askHidden(message: string, keys: KeyReader): Promise<string | undefined> {
  const buffer = new LineBuffer()
  keys.write(`${cutToWidth(message, keys.columns - 2)} `)
  try {
    for (;;) {
      const event = await keys.next()
      if (event.type === 'closed') return undefined
      if (event.type === 'paste') buffer.insert(event.text.split(/[\r\n]/)[0]!)
      if (event.type !== 'key') continue
      if (isEnter(event)) return buffer.text
      if (event.ctrl && event.name === 'c') throw new KvError('KV_INTERRUPTED', 'interrupted, nothing was done')
      if (event.ctrl && event.name === 'd' && buffer.text === '') return undefined
      const edit = editOf(event)
      if (edit !== undefined) edit(buffer)
      else if (!event.ctrl && !event.meta) buffer.insert(event.text)
    }
  } finally {
    keys.write('\n')
  }
}

/** The same on a terminal that can show lines and nothing else. */
export async function askHiddenPlainly(message: string): Promise<string | undefined> {
  const { input, output } = processTerminal()
  // Node's line reader edits the line, and has nothing to show it on.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const reader = createInterface({ input, output: nowhere, terminal: true })
  output.write(`${message} `)
  try {
    return await new Promise<string | undefined>((resolve, reject) => {
      reader
        .once('line', resolve)
        .once('close', () => resolve(undefined))
        .once('SIGINT', () => reject(new KvError('KV_INTERRUPTED', 'interrupted, nothing was done')))
    })
  } finally {
    reader.close()
    output.write('\n')
  }
}

/** Asks yes or no on a terminal that can show lines and nothing else: the terminal itself edits the answer. */
export function askPlainly(message: string): Promise<boolean> {
  const { input, output } = processTerminal()
  return yesOrNo(message, (question) => {
    output.write(question)
    const reader = createInterface({ input, terminal: false })
    return new Promise<Answer>((resolve) => {
      reader.once('line', (text) => resolve({ type: 'line', text })).once('close', () => resolve({ type: 'closed' }))
    }).finally(() => reader.close())
  })
}

async function yesOrNo(message: string, read: (question: string) => Promise<Answer>): Promise<boolean> {
  for (let question = `${message} (y/N) `; ; question = 'Please answer y or n: ') {
    const answer = await read(question)
    if (answer.type === 'interrupt') throw new KvError('KV_INTERRUPTED', 'interrupted, nothing was done')
    if (answer.type !== 'line') return false
    const word = answer.text.trim().toLowerCase()
    if (word === 'y' || word === 'yes') return true
    if (word === '' || word === 'n' || word === 'no') return false
  }
}
