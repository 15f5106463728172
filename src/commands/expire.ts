import { Command } from 'commander'
import type { Context } from '../cli/context.ts'
import { type KeyFlags, notFound, parseKey } from '../cli/line/arguments.ts'
import { encodingOption, syncOption } from '../cli/line/shared-options.ts'
import { parseDuration } from '../duration.ts'
import { printTtl } from './ttl.ts'

interface Flags extends KeyFlags {
  sync: boolean
}

/** `kv expire KEY TTL` */
export function expire(ctx: Context): Command {
  return new Command('expire')
    .description(
      'Let an entry expire TTL from now (500ms 90s 10m 2h 7d), and print the seconds, as kv ttl does. Its value stays.',
    )
    .argument('<KEY>')
    .argument('<TTL>')
    .addOption(encodingOption('key'))
    .addOption(syncOption())
    .addHelpText('after', '\nExample:\n  kv expire session:9 30m')
    .action(async (keyText: string, ttlText: string, { keyEncoding, sync }: Flags) => {
      const key = parseKey(keyText, keyEncoding)
      const ttl = parseDuration(ttlText, 'time to live')
      const store = await ctx.store({ sync })
      const updated = await store.update(key, (value) => value, { ttl, ...ctx.abortable })
      if (updated === undefined) throw notFound([key])
      printTtl(ctx, ttl)
    })
}
