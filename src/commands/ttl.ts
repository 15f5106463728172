import { Command } from 'commander'
import type { Context } from '../cli/context.ts'
import { type KeyFlags, encodingOption, notFound, parseKey } from '../cli/line/arguments.ts'

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
      const seconds = entry.expires === undefined ? null : Math.ceil((entry.expires - Date.now()) / 1000)
      ctx.print.record({ ttl: seconds }, seconds === null ? 'none' : String(seconds))
    })
}
