import type { Context } from '../cli/context.ts'
import { DOT_COMMANDS } from './session/dot-commands.ts'
import { noKeyboard, noSource, streamsInto } from './streams/streams.ts'
import { bytesOf, openScript, runScript } from './session/script.ts'
import { ScriptReader } from './language/script-reader.ts'
import { Session } from './session/session.ts'

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
    const { runTtySession } = await import('./tty-session.ts')
    return runTtySession(ctx)
  }
  const session = new Session(
    ctx,
    {
      stdin: noSource('a command of a script has no standard input', 'give it a file: COMMAND < FILE'),
      sharesStdin: script !== undefined,
      stdout: () => streamsInto(ctx.io.stdout),
      withTerminal: (step) => step(),
      atKeyboard: noKeyboard,
    },
    DOT_COMMANDS,
  )
  ctx.handleSignals()
  ctx.signal.addEventListener('abort', () => session.foreground.stop())
  try {
    const opened =
      script === undefined
        ? { script: new ScriptReader('script', bytesOf(stdin.fd, 'standard input')), close() {} }
        : openScript(script)
    try {
      return await runScript(session, opened.script, { name: script ?? 'script', keepGoing })
    } finally {
      opened.close()
    }
  } finally {
    await session.close()
    // A script ends by the signal, as any program that reads; a read that waits for input would keep the process.
    await ctx.endBySignal()
  }
}
