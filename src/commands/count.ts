import { Command } from 'commander'
import type { Context } from '../cli/context.ts'
import { type RangeFlags, rangeOptions, withRange } from '../cli/line/range-arguments.ts'

/** `kv count [START] [END]` */
export function count(ctx: Context): Command {
  return withRange(new Command('count'))
    .description('Print how many keys there are, or are in a range (START and END included).')
    .addHelpText('after', '\nExamples:\n  kv count\n  kv count --prefix user:\n  kv count a c --json')
    .action(async (start: string | undefined, end: string | undefined, flags: RangeFlags) => {
      const options = rangeOptions(start, end, flags)
      const store = await ctx.store()
      printCount(ctx, await store.count({ ...options, signal: ctx.signal }))
    })
}

/** Prints a number of keys: bare, or as `{"count":N}`. */
export function printCount(ctx: Context, count: number): void {
  ctx.print.record({ count }, String(count))
}
