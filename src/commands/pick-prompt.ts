import { search } from '@inquirer/prompts'
import { KvError } from '../errors.ts'
import type { Sink } from '../io.ts'
import { displayKey, escapeLine } from '../output/escape.ts'

/**
 * Lets the user choose one of the keys that `offer` finds for what was typed. Throws
 * `KV_INTERRUPTED` on Ctrl-C, `KV_DECLINED` at the end of input.
 */
export async function pickKey(message: string, offer: (term: string) => Promise<Uint8Array[]>, terminal: Sink): Promise<Uint8Array> {
  try {
    return await search(
      {
        message: escapeLine(message),
        source: async (term) => (await offer(term ?? '')).map((key) => ({ value: key, name: displayKey(key) })),
      },
      { output: terminal.stream(), clearPromptOnDone: true },
    )
  } catch (error) {
    if ((error as Error).name !== 'ExitPromptError') throw error
    throw /SIGINT/.test((error as Error).message) ? new KvError('KV_INTERRUPTED', 'interrupted, nothing was chosen') : new KvError('KV_DECLINED', 'nothing was chosen')
  }
}
