import { Command } from 'commander'
import type { Context } from '../cli/context.ts'
import { type KeyFlags, notFound, parseKey } from '../cli/line/arguments.ts'
import { encodingOption } from '../cli/line/shared-options.ts'

/** `kv ttl KEY` */
export function ttl(ctx: Context): Command {
  return new Command('ttl')
    .description('Print the seconds until a key expires (rounded up), or `none` when it does not.')
    .argument('<KEY>')
    .addOption(encodingOption('key'))
    .addHelpText('after', '\nExample:\n  kv put session:9 on --ttl 30m && kv ttl session:9')
    .action(async (text: string, { keyEncoding }: KeyFlags) => {
      const key = parseKey(text, keyEncoding)
      const store = await ctx.store()
      const entry = await store.head(key, { signal: ctx.signal })
      if (entry === undefined) throw notFound([key])
      printTtl(ctx, entry.expires === undefined ? undefined : entry.expires - Date.now())
    })
}

/** Prints for how many milliseconds an entry lives (`undefined`: for ever), as whole seconds. */
export function printTtl(ctx: Context, ms: number | undefined): void {
  const seconds = ms === undefined ? null : Math.ceil(ms / 1000)
  ctx.print.record({ ttl: seconds }, seconds === null ? 'none' : String(seconds))
}
