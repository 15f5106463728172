import { Command } from 'commander'
import type { Context } from '../cli/context.ts'
import { type KeyFlags, notFound, parseKey } from '../cli/line/arguments.ts'
import { encodingOption, syncOption } from '../cli/line/shared-options.ts'
import { printTtl } from './ttl.ts'

interface Flags extends KeyFlags {
  sync: boolean
}

/** `kv persist KEY` */
export function persist(ctx: Context): Command {
  return new Command('persist')
    .description('Let an entry stay for ever that would expire, and print `none`, as kv ttl does.')
    .argument('<KEY>')
    .addOption(encodingOption('key'))
    .addOption(syncOption())
    .addHelpText('after', '\nExample:\n  kv persist session:9')
    .action(async (text: string, { keyEncoding, sync }: Flags) => {
      const key = parseKey(text, keyEncoding)
      const store = await ctx.store({ sync })
      let isThere = false
      await store.update(
        key,
        (value, entry) => {
          isThere = entry !== undefined
          // One that does not expire is not written again.
          return entry?.expires === undefined ? undefined : value
        },
        { expires: null, ...ctx.abortable },
      )
      if (!isThere) throw notFound([key])
      printTtl(ctx, undefined)
    })
}
