import { isUtf8 } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { isBare } from './cli.ts'
import { Context } from './context.ts'
import { CODES, KvError } from './errors.ts'
import { type Io, processIo } from './io.ts'
import { report, runLine } from './run.ts'

/** Runs one command line; resolves to the exit code. Never throws, never ends the process. */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  const ctx = new Context(io)
  try {
    checkArguments(argv)
  } catch (error) {
    return report(error, ctx, argv)
  }
  const session = isBare(argv) && io.stdin.isTTY && io.stdout.isTTY
  return runLine(ctx, session ? [...argv, 'repl'] : argv)
}

/**
 * Node reads arguments as UTF-8 and puts U+FFFD where they are not; what the user typed is then
 * lost. Linux still knows the bytes, so that a real U+FFFD can be told from a broken argument.
 */
function checkArguments(argv: readonly string[]): void {
  if (!argv.some((word) => word.includes('\ufffd'))) return
  if (!rawArgumentsAreUtf8()) {
    throw new KvError('KV_USAGE', 'an argument is not valid UTF-8', { hint: 'write it with --key-encoding hex or --value-encoding hex' })
  }
}

function rawArgumentsAreUtf8(): boolean {
  try {
    return isUtf8(readFileSync('/proc/self/cmdline'))
  } catch {
    return false
  }
}

/** The process: the only code that sets its exit code. */
export async function start(): Promise<void> {
  process.exitCode = CODES.KV_INTERNAL.exit
  process.exitCode = await main(process.argv.slice(2), processIo())
}
