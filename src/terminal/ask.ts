import { createInterface } from 'node:readline'
import { KvError } from '../errors.ts'
import { processTerminal } from '../io.ts'
import { cutToWidth } from '../text-width.ts'
import { NO_ASSISTANT } from './assistant.ts'
import { NO_HISTORY } from './history-cursor.ts'
import { type Answer, LineEditor } from './line-editor.ts'
import type { KeyReader } from './key-reader.ts'

/** Asks yes or no, no being the default. Throws `KV_INTERRUPTED` on Ctrl-C; end of input is a no. */
export function ask(message: string, keys: KeyReader): Promise<boolean> {
  const editor = new LineEditor(keys, NO_HISTORY, NO_ASSISTANT)
  return yesOrNo(message, (question) => editor.read(cutToWidth(question, keys.columns - 4)))
}

/** The same on a terminal that can show lines and nothing else: the terminal itself edits the answer. */
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
