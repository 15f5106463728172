import { confirm } from '@inquirer/prompts'
import { KvError } from '../errors.ts'
import { type Sink, processTerminal } from '../io.ts'
import type { Context } from './context.ts'
import { isDumb } from './environment.ts'

const plain = (text: string): string => text

/** The prompt without colours, which the package shows whatever the command line says. */
const PLAIN_THEME = {
  prefix: { idle: '?', done: '?' },
  style: { message: plain, answer: plain, defaultAnswer: (text: string): string => `(${text})` },
}

/**
 * Asks yes or no on the terminal of a shell, no being the default. Throws `KV_INTERRUPTED` on Ctrl-C; end of input is
 * a no.
 */
async function confirmPrompt(message: string, terminal: Sink, color: boolean): Promise<boolean> {
  const { input } = processTerminal()
  // Node's line reader pauses its input when the process goes on after Ctrl-Z: the question would end, and is not
  // drawn again.
  const goOn = (): void => {
    setImmediate(() => input.resume())
    terminal.write(`? ${message} (y/N) `)
  }
  process.on('SIGCONT', goOn)
  try {
    const theme = color ? {} : { theme: PLAIN_THEME }
    return await confirm({ message, default: false, ...theme }, { input, output: terminal.stream() })
  } catch (error) {
    if ((error as Error).name !== 'ExitPromptError') throw error
    if (/SIGINT/.test((error as Error).message)) throw new KvError('KV_INTERRUPTED', 'interrupted, nothing was done')
    return false
  } finally {
    process.off('SIGCONT', goOn)
  }
}

/** Asks yes or no at the terminal; a session has the keyboard already, and goes on with it. Throws `KV_INTERRUPTED`. */
export async function ask(ctx: Context, question: string): Promise<boolean> {
  if (isDumb(ctx.io.env)) return (await import('../terminal/ask.ts')).askPlainly(question)
  if (!ctx.inSession) return confirmPrompt(question, ctx.io.stderr, ctx.colorsMessages)
  const terminal = await import('../terminal/ask.ts')
  return ctx.atKeyboard((keys) => terminal.ask(question, keys))
}
