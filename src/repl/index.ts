import type { Context } from '../cli/context.ts'
import { DOT_COMMANDS } from './session/dot-commands.ts'
import { noKeyboard, noSource, streamsInto } from './streams/streams.ts'
import { bytesOf, runScript, runScriptFile } from './session/script.ts'
import { ScriptReader } from './language/script-reader.ts'
import { Session } from './session/session.ts'

/**
 * Runs a session: on a terminal with a line editor, elsewhere as a script, of a file or of standard input. Resolves to
 * the exit code.
 */
export async function runRepl(ctx: Context, script: string | undefined, keepGoing: boolean): Promise<number> {
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
    if (script !== undefined) return await runScriptFile(session, script, keepGoing)
    const reader = new ScriptReader('script', bytesOf(stdin.fd, 'standard input'))
    return await runScript(session, reader, { name: 'script', keepGoing })
  } finally {
    await session.close()
    // A script ends by the signal, as any program that reads; a read that waits for input would keep the process.
    await ctx.endBySignal()
  }
}
