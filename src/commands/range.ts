import { Command } from 'commander'
import type { Context } from '../cli/context.ts'
import { usageError } from '../errors.ts'
import type { EntryForm } from '../formats/format.ts'
import type { TextForm } from '../store/driver.ts'
import type { Pages } from '../output/print-entries.ts'
import { type ValueFlags, encodingOption } from '../cli/line/arguments.ts'
import { printCount } from './count.ts'
import { type RangeFlags, rangeOptions, withRange } from '../cli/line/range-arguments.ts'

interface Flags extends RangeFlags, ValueFlags {
  keys?: boolean
  values?: boolean
  count?: boolean
  jsonValues?: boolean
  '0'?: boolean
}

/** `kv range [START] [END]` */
export function range(ctx: Context): Command {
  return withRange(new Command('range'))
    .description('Print the entries with START <= key <= END, in byte order of their keys. Without bounds, all.')
    .option('--keys', 'print the keys only, one a line')
    .option('--values', 'print the values only, one a line')
    .option('--count', 'print only how many there are')
    .option('--json-values', 'write values that are JSON text as JSON')
    .option('-0', 'end keys, values or raw items with a NUL')
    .addOption(encodingOption('value'))
    .addHelpText(
      'after',
      '\nExamples:\n  kv range a c                           keys from a to c, both included\n  kv range --prefix user: --limit 10\n  kv range --after user:10 --limit 10    the next page\n  kv range --prefix user: --keys | while read -r key; do ...; done\n  kv range | kv batch-put --store copy.kv',
    )
    .action(async (start: string | undefined, end: string | undefined, flags: Flags) => {
      const { keys = false, values = false, count = false } = flags
      if ([keys, values, count].filter(Boolean).length > 1)
        throw usageError('--keys, --values and --count exclude each other')
      const options = rangeOptions(start, end, flags)
      const { signal } = ctx
      const store = await ctx.store()
      if (count) return printCount(ctx, await store.count({ ...options, signal }))
      const form: EntryForm = {
        keyEncoding: flags.keyEncoding,
        valueEncoding: flags.valueEncoding,
        jsonValues: flags.jsonValues ?? false,
        only: keys ? 'key' : values ? 'value' : undefined,
        nul: flags[0],
        expiring: () => store.hasExpiring({ ...options, signal }),
      }
      const text = (form: TextForm): Pages | undefined => {
        const lines = store.rangeText({ ...options, ...form, parallel: true, signal })
        return lines && ctx.paced(lines)
      }
      const pages = (): Pages => ctx.paced(store.rangePages({ ...options, keysOnly: keys, signal }))
      await ctx.print.entries({ text, pages }, form)
    })
}
