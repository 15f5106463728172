import { Command } from 'commander'
import type { Context } from '../cli/context.ts'
import { type KeyFlags, parseKey } from '../cli/line/arguments.ts'
import { encodingOption, syncOption } from '../cli/line/shared-options.ts'
import { parseDuration } from '../duration.ts'
import { usageError } from '../errors.ts'
import { integerOf } from '../store/atomic/integer.ts'

interface Flags extends KeyFlags {
  ttl?: string
  sync: boolean
}

/** `kv incr KEY [BY]` */
export function incr(ctx: Context): Command {
  return new Command('incr')
    .description(
      'Add BY (1 if not given, negative to subtract) to the integer under a key, and print the sum. A key that is not there counts as 0. Any number of processes may count at once. When the entry expires does not change.',
    )
    .argument('<KEY>')
    .argument('[BY]')
    .option('--ttl <time>', 'let the entry expire after this time, if the key was not there')
    .addOption(encodingOption('key'))
    .addOption(syncOption())
    .addHelpText(
      'after',
      '\nIntegers are decimal text of at most 64 bits, with a sign.\n\nExamples:\n  kv incr visits\n  kv incr stock:42 -3\n  [ "$(kv incr "calls:$USER" --ttl 1m)" -le 10 ]      at most 10 a minute',
    )
    .action(async (keyText: string, byText: string | undefined, flags: Flags) => {
      const key = parseKey(keyText, flags.keyEncoding)
      const by = byText === undefined ? 1n : integerOf(byText)
      if (by === undefined)
        throw usageError(`BY is a whole number of at most 64 bits, not ${byText}`, 'kv incr KEY -5 subtracts 5')
      const ttl = flags.ttl === undefined ? undefined : parseDuration(flags.ttl, 'time to live')
      const store = await ctx.store({ sync: flags.sync })
      const value = String(await store.incr(key, by, { ttl, ...ctx.abortable }))
      ctx.print.record({ value }, value)
    })
}
