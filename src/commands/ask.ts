import { confirm } from '@inquirer/prompts'
import { KvError } from '../errors.ts'
import type { Sink } from '../io.ts'

const plain = (text: string): string => text

/** The prompt without colours, which the package shows whatever the command line says. */
const PLAIN_THEME = { prefix: { idle: '?', done: '?' }, style: { message: plain, answer: plain, defaultAnswer: (text: string): string => `(${text})` } }

/** Asks yes or no on a terminal, no being the default. Throws `KV_INTERRUPTED` on Ctrl-C; end of input is a no. */
export async function ask(message: string, terminal: Sink, color: boolean): Promise<boolean> {
  try {
    return await confirm({ message, default: false, ...(color ? {} : { theme: PLAIN_THEME }) }, { output: terminal.stream() })
  } catch (error) {
    if ((error as Error).name !== 'ExitPromptError') throw error
    if (/SIGINT/.test((error as Error).message)) throw new KvError('KV_INTERRUPTED', 'interrupted, nothing was done')
    return false
  }
}
