import { Command } from 'commander'
import { decodeUtf8 } from '../bytes.ts'
import type { Context } from '../cli/context.ts'
import { type KeyFlags, parseKey } from '../cli/line/arguments.ts'
import { encodingOption, syncOption } from '../cli/line/shared-options.ts'
import { parseDuration } from '../duration.ts'
import { KvError, usageError } from '../errors.ts'
import { displayKey } from '../safe-text.ts'
import { quoteWord } from '../shell-quote.ts'
import { update } from '../store/conditional.ts'

interface Flags extends KeyFlags {
  ttl?: string
  sync: boolean
}

const MOST = 2n ** 63n - 1n
const LEAST = -(2n ** 63n)

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
      const counted = await update(
        store,
        key,
        (old) => ({
          value: String(sum(key, old?.value, by)),
          ...(old === undefined ? { ttl } : { expires: old.expires }),
        }),
        ctx.abortable,
      )
      const { value } = counted!
      ctx.print.record({ value }, value)
    })
}

/** An integer of at most 64 bits, `undefined` for any other text. */
function integerOf(text: string): bigint | undefined {
  const number = /^[+-]?\d{1,40}$/.test(text) ? BigInt(text.replace(/^\+/, '')) : undefined
  return number !== undefined && number >= LEAST && number <= MOST ? number : undefined
}

/** What a key counts up to. Throws `KV_NOT_INTEGER`. */
function sum(key: Uint8Array, old: Uint8Array | undefined, by: bigint): bigint {
  const number = old === undefined ? 0n : integerOf(decodeUtf8(old) ?? '')
  if (number === undefined) {
    const message = `the value of ${displayKey(key)} is not an integer of 64 bits: ${displayKey(old!.subarray(0, 100))}`
    const name = decodeUtf8(key)
    const hint = name === undefined ? undefined : `to count from 0: kv put -- ${quoteWord(name)} 0`
    throw new KvError('KV_NOT_INTEGER', message, { hint })
  }
  const total = number + by
  if (total >= LEAST && total <= MOST) return total
  throw new KvError('KV_NOT_INTEGER', `${number} and ${by} make more than 64 bits; ${displayKey(key)} is left as it is`)
}
