import { Command } from 'commander'
import type { Encoding } from '../bytes.ts'
import type { Context } from '../cli/context.ts'
import { type RangeFlags, rangeOptions, withRange } from '../cli/line/range-arguments.ts'
import { twoStores } from '../cli/named-stores.ts'
import { Comparison, type Difference } from '../copy/compare.ts'
import { textOrBase64 } from '../formats/json/writer.ts'
import { formatCount, keyLine } from '../safe-text.ts'

interface Flags extends RangeFlags {
  keys?: boolean
}

/** `kv diff A B [START] [END]` */
export function diff(ctx: Context): Command {
  const command = new Command('diff').argument('<A>', 'the one store').argument('<B>', 'the other')
  return withRange(command, { isForward: true })
    .description(
      'Compare two stores: a line for each key that only A has (-), that only B has (+), or whose value or expiry differs (~). Exit 1 when there is any. Each store is read at one moment.',
    )
    .option('--keys', 'compare the keys only')
    .addHelpText(
      'after',
      `
Examples:
  kv diff data.kv copy.kv && echo equal
  kv diff data.kv http://db.example:8003 --prefix user:
  kv diff old.kv new.kv --json    {"diff":"value","key":"user:1"}; only_a, only_b, value or expiry`,
    )
    .action(async (one: string, other: string, start: string | undefined, end: string | undefined, flags: Flags) => {
      const { limit = Infinity, ...range } = rangeOptions(start, end, flags)
      const { signal } = ctx
      const keysOnly = flags.keys ?? false
      const stores = await twoStores(ctx, one, other, { mustExist: 'both' })
      const [a, b] = stores.map((store) => store.rangeBlocks({ ...range, keysOnly, signal }))
      const comparison = new Comparison(keysOnly)
      await ctx.print.records(
        ctx.paced(comparison.differences(a!, b!, limit)),
        (out, { diff, key }) => out.text(JSON.stringify({ diff, ...textOrBase64('key', key) })),
        (difference) => lineOf(difference, flags.keyEncoding),
      )
      const { onlyA, onlyB, different, equal } = comparison
      const differences = onlyA + onlyB + different
      if (differences > 0) ctx.exitCode = 1
      const many = (count: number): string => count.toLocaleString('en')
      const counts = `${many(onlyA)} only in A, ${many(onlyB)} only in B, ${many(different)} different, ${many(equal)} equal`
      ctx.say(comparison.isWhole ? counts : `kv: stopped after ${formatCount(differences, 'difference')}`)
    })
}

const MARKS = { only_a: '-', only_b: '+', value: '~', expiry: '~' } as const

/** `- user:1`, the key on one line. */
function lineOf({ diff, key }: Difference, encoding: Encoding): string {
  return `${MARKS[diff]} ${keyLine(key, encoding)}`
}
