import { isUtf8 } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { CommanderError } from 'commander'
import { buildProgram, commandName } from './cli.ts'
import { Context } from './context.ts'
import { CODES, KvError } from './errors.ts'
import { type Io, ReaderGone, processIo } from './io.ts'
import { escapeLine, escapeText } from './output/escape.ts'
import { wrongCall } from './usage.ts'

/** Runs one command line; resolves to the exit code. Never throws, never ends the process. */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  const ctx = new Context(io)
  let code = await run(ctx, argv)
  try {
    await ctx.close()
  } catch (error) {
    code = Math.max(code, report(error, ctx, argv))
  }
  return code
}

async function run(ctx: Context, argv: readonly string[]): Promise<number> {
  try {
    checkArguments(argv)
    const program = await buildProgram(ctx, argv)
    if (argv.length === 0) {
      program.outputHelp({ error: true })
      return CODES.KV_USAGE.exit
    }
    await program.parseAsync(argv, { from: 'user' })
    return ctx.exitCode
  } catch (error) {
    return report(error, ctx, argv)
  }
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

/** Tells the user what went wrong, on stderr; returns the exit code. */
function report(error: unknown, ctx: Context, argv: readonly string[]): number {
  if (error instanceof ReaderGone) return 0
  if (error instanceof CommanderError && error.exitCode === 0) return 0
  // A command line of options only: commander has shown the help.
  if (error instanceof CommanderError && error.code === 'commander.help') return CODES.KV_USAGE.exit
  const known = error instanceof CommanderError ? wrongCall(error, commandName(argv)) : error
  const kvError = known instanceof KvError ? known : undefined
  const lines = []
  if (kvError === undefined || kvError.exitCode === CODES.KV_INTERNAL.exit) {
    lines.push(`kv: a bug in kv, please report it: ${escapeLine(String((error as Error)?.message ?? error))} (KV_INTERNAL)`)
  } else {
    lines.push(`kv: ${escapeLine(kvError.message)} (${kvError.code})`)
    if (kvError.hint !== undefined) lines.push(`hint: ${escapeLine(kvError.hint)}`)
  }
  const code = kvError?.exitCode ?? CODES.KV_INTERNAL.exit
  if (code === CODES.KV_INTERNAL.exit || ctx.debug) {
    for (let cause: unknown = known; cause instanceof Error; cause = cause.cause) lines.push(escapeText(cause.stack ?? String(cause)))
  }
  ctx.io.stderr.write(`${lines.join('\n')}\n`)
  return code
}

/** The process: the only code that sets its exit code. */
export async function start(): Promise<void> {
  process.exitCode = CODES.KV_INTERNAL.exit
  process.exitCode = await main(process.argv.slice(2), processIo())
}
