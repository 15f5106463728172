import { COMMANDS } from './commands/index.ts'
import { Context } from './cli/context.ts'
import { isBare } from './cli/called.ts'
import { argumentsAreText } from './cli/line/raw-text.ts'
import { createProgram } from './cli/program.ts'
import { runLine } from './cli/run.ts'
import { CODES, usageError } from './errors.ts'
import { type Io, processIo } from './io.ts'

/** Runs one command line; resolves to the exit code. Never throws, never ends the process. */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  const ctx = new Context(io, createProgram(COMMANDS))
  if (!argumentsAreText(argv)) {
    const { report } = await import('./cli/report.ts')
    const hint = 'write a key with --key-encoding hex, a value with --value-encoding hex; send a file through a pipe'
    return report(usageError('an argument is not valid UTF-8', hint), ctx, argv)
  }
  const bare = isBare(argv)
  if (bare && io.stdin.isTTY && io.stdout.isTTY) return runLine(ctx, [...argv, 'repl'])
  const code = await runLine(ctx, argv)
  if (bare && !io.stdin.isTTY && io.stdin.isNull !== true)
    io.stderr.write('\nTo run the commands of standard input: kv repl\n')
  return code
}

/** The process: the only code that sets its exit code. */
export async function start(): Promise<void> {
  process.exitCode = CODES.KV_INTERNAL.exit
  process.exitCode = await main(process.argv.slice(2), processIo())
}
