import { Command } from 'commander'
import type { Context } from '../cli/context.ts'
import { usageError } from '../errors.ts'
import type { EntryForm } from '../formats/format.ts'
import type { Entry } from '../store/entry.ts'
import {
  type KeyFlags,
  type ValueFlags,
  encodingOption,
  notFound,
  parseKey,
  parseValue,
} from '../cli/line/arguments.ts'

interface Flags extends KeyFlags, ValueFlags {
  default?: string
  jsonValues?: boolean
}

/** `kv get KEY...` */
export function get(ctx: Context): Command {
  return new Command('get')
    .description(
      'Print the value of a key: its exact bytes into a pipe or file, safe text on a terminal. With several keys, print the entries that exist, in the order asked.',
    )
    .argument('<KEY...>')
    .option('--default <value>', 'print this when the key is not there')
    .option('--json-values', 'write values that are JSON text as JSON')
    .addOption(encodingOption('key'))
    .addOption(encodingOption('value'))
    .addHelpText(
      'after',
      '\nExamples:\n  kv get user:1\n  kv get image.png > image.png\n  kv get a b c --json\n  kv get theme --default light',
    )
    .action(async (keys: string[], flags: Flags) => {
      const { keyEncoding, valueEncoding, jsonValues = false } = flags
      const wanted = keys.map((text) => parseKey(text, keyEncoding))
      if (flags.default !== undefined && wanted.length > 1) throw usageError('--default is for one key')
      const fallback = flags.default === undefined ? undefined : parseValue(flags.default, valueEncoding)
      const form = (entries: readonly Entry[]): EntryForm => ({
        keyEncoding,
        valueEncoding,
        jsonValues,
        exact: true,
        expiring: () => entries.some(({ expires }) => expires !== undefined),
      })
      const store = await ctx.store()
      if (wanted.length === 1) {
        const key = wanted[0]!
        const entry =
          (await store.getEntry(key, ctx.abortable)) ??
          (fallback && { key, value: fallback, revision: 0, expires: undefined })
        if (entry === undefined) throw notFound(wanted)
        return ctx.print.entry(entry, form([entry]))
      }
      const entries = await store.getMany(wanted, ctx.abortable)
      const found = entries.filter((entry): entry is Entry => entry !== undefined)
      await ctx.print.entries({ pages: () => [found] }, form(found))
      const missing = wanted.filter((_, i) => entries[i] === undefined)
      if (missing.length > 0) throw notFound(missing)
    })
}
