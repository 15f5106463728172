import { Command } from 'commander'
import type { Context } from '../cli/context.ts'
import { KvError, usageError } from '../errors.ts'
import { isDumb } from '../cli/environment.ts'
import { type ValueFlags, notFound } from '../cli/line/arguments.ts'
import { encodingOption } from '../cli/line/shared-options.ts'

interface Flags extends ValueFlags {
  keyOnly?: boolean
}

/** Keys offered at a time. */
const OFFERED = 50

/** `kv pick [PREFIX]` */
export function pick(ctx: Context): Command {
  return new Command('pick')
    .description(
      'Search the keys while typing, on stderr, and print the value of the one chosen.\nThe search goes by the beginning of the key, PREFIX being given already.',
    )
    .argument('[PREFIX]')
    .option('--key-only', 'print the key instead of its value')
    .addOption(encodingOption('value'))
    .addHelpText('after', '\nExamples:\n  kv pick\n  kv pick user:\n  kv del "$(kv pick --key-only)"')
    .action(async (prefix: string = '', flags: Flags) => {
      const { stdin, stderr } = ctx.io
      if (!stdin.isTTY || !stderr.isTTY || !ctx.globals.input || isDumb(ctx.io.env))
        throw usageError('pick needs a terminal to ask on')
      const store = await ctx.store()
      const offer = async (term: string, signal = ctx.signal): Promise<Uint8Array[]> => {
        const keys: Uint8Array[] = []
        for await (const { key } of store.range({ prefix: prefix + term, limit: OFFERED, keysOnly: true, signal }))
          keys.push(key)
        return keys
      }
      if ((await offer('')).length === 0)
        throw new KvError('KV_NOT_FOUND', prefix === '' ? 'the store is empty' : `no key begins with ${prefix}`)
      const { pickKey } = await import('../terminal/pick-key.ts')
      const key = await ctx.atKeyboard((keys) => pickKey(keys, `key ${prefix}`, offer))
      const entry = await store.getEntry(key, { signal: ctx.signal })
      if (entry === undefined) throw notFound([key])
      const options = { keyEncoding: 'utf8', valueEncoding: flags.valueEncoding, jsonValues: false } as const
      await ctx.print.value(flags.keyOnly ? { ...entry, value: key } : entry, options)
    })
}
