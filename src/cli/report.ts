import type { CommanderError } from 'commander'
import { CODES, KvError } from '../errors.ts'
import { ReaderGone } from '../io.ts'
import { escapeLine, escapeText } from '../safe-text.ts'
import type { Context } from './context.ts'
import { commandName } from './called.ts'
import { wrongCall } from './line/usage.ts'

/** Tells the user what went wrong, on stderr; returns the exit code. */
export function report(error: unknown, ctx: Context, argv: readonly string[]): number {
  if (error instanceof ReaderGone) return 0
  if (isOfCommander(error) && error.exitCode === 0) return 0
  // A command line of options only: commander has shown the help.
  if (isOfCommander(error) && error.code === 'commander.help') return CODES.KV_USAGE.exit
  const known = isOfCommander(error) ? wrongCall(error, commandName(argv, ctx.program.commands)) : error
  const kvError = known instanceof KvError ? known : undefined
  const lines = []
  const isBug = kvError === undefined || kvError.exitCode === CODES.KV_INTERNAL.exit
  if (isBug) {
    const message = String((error as Error)?.message ?? error)
    lines.push(`kv: a bug in kv, please report it: ${escapeLine(message)} (KV_INTERNAL)`)
  } else {
    lines.push(`kv: ${escapeLine(kvError.message)} (${kvError.code})`)
    if (kvError.hint !== undefined) lines.push(`hint: ${escapeLine(kvError.hint)}`)
  }
  if (isBug || ctx.debug) {
    for (let cause: unknown = known; cause instanceof Error; cause = cause.cause)
      lines.push(escapeText(cause.stack ?? String(cause)))
  }
  ctx.io.stderr.write(`${lines.join('\n')}\n`)
  return isBug ? CODES.KV_INTERNAL.exit : kvError.exitCode
}

/** Whether commander threw it. Its class is not asked for: that would load commander for a line that was run without. */
function isOfCommander(error: unknown): error is CommanderError {
  return String((error as CommanderError | undefined)?.code).startsWith('commander.')
}
