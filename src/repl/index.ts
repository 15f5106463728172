import type { Context } from '../cli/context.ts'
import { passwordFor } from '../cli/credentials.ts'
import { usageError } from '../errors.ts'
import { DOT_COMMANDS } from './session/dot-commands.ts'
import { noKeyboard, noSource, streamsInto } from './streams/streams.ts'
import { bytesOf, runScript, runScriptFile } from './session/script.ts'
import { ScriptReader } from './language/script-reader.ts'
import { Session } from './session/session.ts'

/** How a script is run. */
export interface ReplOptions {
  /** Go on after a command that failed. */
  readonly keepGoing?: boolean | undefined
  /** After each command write a NUL, its exit code and a line feed; go on after one that failed. */
  readonly status?: boolean | undefined
}

/**
 * Runs a session: on a terminal with a line editor, elsewhere as a script, of a file or of standard input. Resolves to
 * the exit code.
 */
export async function runRepl(ctx: Context, script: string | undefined, options: ReplOptions): Promise<number> {
  const { stdin, stdout, stderr } = ctx.io
  const { keepGoing, status = false } = options
  // Before the session has the keyboard.
  if (!ctx.globals.storeIsDefault) await passwordFor(ctx, ctx.globals)
  if (!status && script === undefined && stdin.isTTY && (stderr.isTTY || stdout.isTTY)) {
    const { runTtySession } = await import('./tty-session.ts')
    return runTtySession(ctx)
  }
  const session = new Session(
    ctx,
    {
      stdin: noSource('a command of a script has no standard input', 'give it a file: COMMAND < FILE'),
      sharesStdin: script !== undefined,
      stdout: () => streamsInto(ctx.io.stdout),
      allowsEndless: () => (status ? refuseEndless() : true),
      withTerminal: (step) => step(),
      atKeyboard: noKeyboard,
    },
    DOT_COMMANDS,
  )
  ctx.handleSignals()
  ctx.signal.addEventListener('abort', () => session.foreground.stop())
  const onStatus = status ? (code: number): void => stdout.write(`\0${code}\n`) : undefined
  try {
    if (script !== undefined) return await runScriptFile(session, script, { keepGoing, onStatus })
    const reader = new ScriptReader('script', bytesOf(stdin.fd, 'standard input'))
    return await runScript(session, reader, { name: 'script', keepGoing, onStatus })
  } finally {
    await session.close()
    // A script ends by the signal, as any program that reads; a read that waits for input would keep the process.
    await ctx.endBySignal()
  }
}

function refuseEndless(): never {
  throw usageError(
    'with --status every command has to end, and this one does not end by itself',
    'run it in a process of its own; kv watch also ends after --limit N changes',
  )
}
