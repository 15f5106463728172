import { CODES } from '../errors.ts'
import { commandName } from './called.ts'
import type { Context } from './context.ts'

/**
 * Runs one command line, of the shell or of a session, and tells the user on stderr when it fails;
 * resolves to the exit code. Never throws. Closes what the context opened.
 */
export async function runLine(ctx: Context, argv: readonly string[]): Promise<number> {
  let code: number
  try {
    const plain = ctx.program.plain(argv)
    code = await (plain === undefined ? runParsed(ctx, argv) : plain(ctx).then(() => ctx.exitCode))
  } catch (error) {
    code = await reported(error, ctx, argv)
  }
  try {
    await ctx.close()
  } catch (error) {
    code = Math.max(code, await reported(error, ctx, argv))
  }
  return code
}

/** Runs a line that commander takes apart; resolves to the exit code. */
async function runParsed(ctx: Context, argv: readonly string[]): Promise<number> {
  const program = await ctx.program.build(ctx, argv)
  if (argv.length === 0) {
    program.outputHelp({ error: true })
    return CODES.KV_USAGE.exit
  }
  const { separated } = await import('./line/split-flags.ts')
  const called = commandName(argv, ctx.program.commands)
  const command = program.commands.find((known) => known.name() === called)
  await program.parseAsync(separated(argv, program, command), { from: 'user' })
  return ctx.exitCode
}

/** What tells of errors is loaded when there is one. */
async function reported(error: unknown, ctx: Context, argv: readonly string[]): Promise<number> {
  const { report } = await import('./report.ts')
  return report(error, ctx, argv)
}
