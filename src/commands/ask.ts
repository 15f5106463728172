import { confirm } from '@inquirer/prompts'
import { KvError } from '../errors.ts'
import type { Sink } from '../io.ts'

/** Asks yes or no on a terminal, no being the default. Throws `KV_INTERRUPTED` on Ctrl-C; end of input is a no. */
export async function ask(message: string, terminal: Sink): Promise<boolean> {
  try {
    return await confirm({ message, default: false }, { output: terminal.stream() })
  } catch (error) {
    if ((error as Error).name !== 'ExitPromptError') throw error
    if (/SIGINT/.test((error as Error).message)) throw new KvError('KV_INTERRUPTED', 'interrupted, nothing was done')
    return false
  }
}
