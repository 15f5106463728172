import { CODES } from '../errors.ts'
import type { Context } from './context.ts'
import { commandName } from './called.ts'
import { separated } from './line/split-flags.ts'

/**
 * Runs one command line, of the shell or of a session, and tells the user on stderr when it fails;
 * resolves to the exit code. Never throws. Closes what the context opened.
 */
export async function runLine(ctx: Context, argv: readonly string[]): Promise<number> {
  let code: number
  try {
    const program = await ctx.program.build(ctx, argv)
    if (argv.length === 0) {
      program.outputHelp({ error: true })
      code = CODES.KV_USAGE.exit
    } else {
      const called = commandName(argv, ctx.program.commands)
      const command = program.commands.find((known) => known.name() === called)
      await program.parseAsync(separated(argv, program, command), { from: 'user' })
      code = ctx.exitCode
    }
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

/** What tells of errors is loaded when there is one. */
async function reported(error: unknown, ctx: Context, argv: readonly string[]): Promise<number> {
  const { report } = await import('./report.ts')
  return report(error, ctx, argv)
}
