import { Command } from 'commander'
import type { Context } from '../cli/context.ts'
import { withSelection } from '../cli/line/selection-flags.ts'
import { encodingOption } from '../cli/line/shared-options.ts'
import type { GetFlags } from './get/get-keys.ts'

/** `kv get KEY...` */
export function get(ctx: Context): Command {
  const command = new Command('get')
    .description(
      'Print the value of a key: its exact bytes into a pipe or file, safe text on a terminal. With several keys, print the entries that exist, in the order asked. An operand .FIELD after the first key is a field of JSON values, printed in their place.',
    )
    .argument('<KEY...>')
    .option('--default <value>', 'print this when the key, or the field, is not there')
    .option('--at <moment>', 'as it was at a revision, a time, or so long ago (10m), where a history is kept')
  return withSelection(command)
    .addOption(encodingOption('key'))
    .addOption(encodingOption('value'))
    .addHelpText(
      'after',
      `
Examples:
  kv get user:1
  kv get image.png > image.png
  kv get a b c --json
  kv get theme --default light
  kv get theme --at 10m                  ten minutes ago, after kv history on
  kv get user:1 .address.city            a field of a value that is JSON
  kv get -- user:1 .profile              two keys`,
    )
    .action(async (operands: string[], flags: GetFlags, self: Command) => {
      const { getKeys } = await import('./get/get-keys.ts')
      await getKeys(ctx, operands, flags, afterEnd(self))
    })
}

/** How many operands stand after `--`. */
function afterEnd({ parent }: Command): number {
  const { rawArgs } = parent as Command & { readonly rawArgs: readonly string[] }
  const end = rawArgs.indexOf('--')
  return end < 0 ? 0 : rawArgs.length - 1 - end
}
