import type { Context } from '../context.ts'
import { noKeyboard, noSource } from './redirect.ts'
import { readScript, runScript } from './script.ts'
import { Session } from './session.ts'

/** A script from standard input may be as long as this. */
const MAX_SCRIPT_BYTES = 64_000_000

/** What `kv repl` was asked for. */
export interface ReplOptions {
  /** A file of commands; `undefined`: standard input. */
  readonly script: string | undefined
  readonly keepGoing: boolean
}

/** Runs a session: on a terminal with a line editor, elsewhere as a script. Resolves to the exit code. */
export async function runRepl(ctx: Context, { script, keepGoing }: ReplOptions): Promise<number> {
  const { stdin, stdout, stderr } = ctx.io
  if (script === undefined && stdin.isTTY && (stderr.isTTY || stdout.isTTY)) {
    const { runInteractive } = await import('./interactive.ts')
    return runInteractive(ctx)
  }
  const session = new Session(ctx.io, ctx.globals, {
    stdin: noSource('a command of a script has no standard input', 'give it a file: COMMAND < FILE'),
    stdout: () => ({ sink: ctx.io.stdout, end: async () => undefined }),
    withTerminal: (step) => step(),
    atKeyboard: noKeyboard,
  })
  try {
    const text = script === undefined ? Buffer.from(await stdin.readAll(MAX_SCRIPT_BYTES)).toString() : readScript(script)
    return await runScript(session, text, { name: script ?? 'script', keepGoing })
  } finally {
    await session.close()
  }
}
