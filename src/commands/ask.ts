import { confirm } from '@inquirer/prompts'
import { KvError } from '../errors.ts'

/** Asks yes or no on stderr, no being the default. Throws `KV_INTERRUPTED` on Ctrl-C; end of input is a no. */
export async function ask(message: string): Promise<boolean> {
  try {
    return await confirm({ message, default: false }, { output: process.stderr, clearPromptOnDone: false })
  } catch (error) {
    if ((error as Error).name !== 'ExitPromptError') throw error
    if (/SIGINT/.test((error as Error).message)) throw new KvError('KV_INTERRUPTED', 'interrupted, nothing was done')
    return false
  }
}
