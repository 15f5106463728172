import { Command } from 'commander'
import type { Context } from '../cli/context.ts'
import { usageError } from '../errors.ts'
import type { EntryForm } from '../formats/format.ts'
import type { Pages } from '../output/print-entries.ts'
import type { Selection } from '../output/selection.ts'
import { encodingOption } from '../cli/line/shared-options.ts'
import { type SelectionFlags, checkSelection, isSelection, withSelection } from '../cli/line/selection-flags.ts'
import type { TextForm } from '../store/driver/text-form.ts'
import type { RangeOptions } from '../store/range.ts'
import type { Store } from '../store/store.ts'
import { printCount } from './count.ts'
import { type RangeFlags, rangeOptions, withRange } from '../cli/line/range-arguments.ts'

interface Flags extends RangeFlags, SelectionFlags {
  keys?: boolean
  values?: boolean
  count?: boolean
}

/** `kv range [START] [END]` */
export function range(ctx: Context): Command {
  const command = withRange(new Command('range'))
    .description('Print the entries with START <= key <= END, in byte order of their keys. Without bounds, all.')
    .option('--keys', 'print the keys only, one a line')
    .option('--values', 'print the values only, one a line')
    .option('--count', 'print only how many there are')
  return withSelection(command)
    .option('-0', 'end keys, values, raw items or lines of a template with a NUL')
    .addOption(encodingOption('value'))
    .addHelpText(
      'after',
      `
Examples:
  kv range a c                           keys from a to c, both included
  kv range --prefix user: --limit 10
  kv range --after user:10 --limit 10    the next page
  kv range --prefix user: --keys | while read -r key; do ...; done
  kv range --prefix user: --columns key,name,address.city --format csv
  kv range --template '{key} {value.name}'
  kv range --values --field email        that of each value that has one
  kv range | kv batch-put --store copy.kv`,
    )
    .action(async (start: string | undefined, end: string | undefined, flags: Flags) => {
      const { keys = false, values = false, count = false } = flags
      if ([keys, values, count].filter(Boolean).length > 1)
        throw usageError('--keys, --values and --count exclude each other')
      checkSelection(flags, ctx.globals)
      const selection = isSelection(flags)
        ? (await import('../output/selection.ts')).selectionOf(flags, flags[0] === true)
        : undefined
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
      if (selection !== undefined) return printSelection(ctx, store, options, form, selection)
      const text = (form: TextForm): Pages | undefined => {
        const lines = store.rangeText({ ...options, ...form, parallel: true, signal })
        return lines && ctx.paced(lines)
      }
      const pages = (): Pages => ctx.paced(store.rangePages({ ...options, keysOnly: keys, signal }))
      await ctx.print.entries({ text, pages }, form)
    })
}

async function printSelection(
  ctx: Context,
  store: Store,
  { limit, ...options }: RangeOptions,
  form: EntryForm,
  { field, form: selected, needsValue, remarks }: Selection,
): Promise<void> {
  const { signal } = ctx
  if (field === undefined) {
    const pages = (): Pages => ctx.paced(store.rangePages({ ...options, limit, keysOnly: !needsValue, signal }))
    await ctx.print.entries({ pages }, { ...form, ...selected })
  } else {
    const isJson = form.jsonValues || ctx.print.printsJson(form, false)
    const { withField } = await import('../output/selection.ts')
    // The limit is one of entries that are printed.
    const pages = (): Pages => ctx.paced(withField(store.rangePages({ ...options, signal }), field, isJson, limit))
    await ctx.print.entries({ pages }, { ...form, isJson })
  }
  for (const remark of remarks()) ctx.say(`kv: ${remark}`)
}
