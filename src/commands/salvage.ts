import { Command } from 'commander'
import { encode } from '../bytes.ts'
import type { Context } from '../cli/context.ts'
import { Progress } from '../output/progress.ts'
import { displayKey, formatCount } from '../safe-text.ts'

/** `kv salvage DEST` */
export function salvage(ctx: Context): Command {
  return new Command('salvage')
    .description(
      'Write every entry of a damaged store that can be read whole into a new one, and print how many those are and how many are lost, with their keys where they can be read; and of how many pages nothing tells what they held.\nThe file is read page by page, on both sides of the damage, and left as it is. Nobody should write to it meanwhile. The new store has a bound only with --max-entries. Old values of a history are not saved.',
    )
    .argument('<DEST>')
    .option('--force', 'replace a store of that name; never another file')
    .addHelpText(
      'after',
      '\nExamples:\n  kv salvage saved.kv --store damaged.kv\n  kv salvage saved.kv && kv restore saved.kv',
    )
    .action(async (to: string, { force = false }: { force?: boolean }) => {
      const { care } = await ctx.store({ evenDamaged: true })
      ctx.handleSignals()
      const progress = new Progress(ctx.io.stderr, ctx.drawsProgress)
      const { entries, lost, lostKeys, unknownPages } = await care
        .salvage(to, { force, signal: ctx.signal, onProgress: (bytes, total) => progress.bytes(bytes, total) })
        .finally(() => progress.done())
      const lines = [
        ...lostKeys.map((key) => `lost: ${displayKey(key)}`),
        `${formatCount(entries, 'entry', 'entries')} saved, ${
          unknownPages === 0
            ? `${lost} lost`
            : `at least ${lost} lost: nothing tells what was in ${formatCount(unknownPages, 'page')} of the file`
        }`,
      ]
      ctx.print.record(
        {
          file: to,
          entries,
          lost,
          unknown_pages: unknownPages,
          lost_keys: lostKeys.map(displayKey),
          lost_keys_base64: lostKeys.map((key) => encode(key, 'base64')),
        },
        lines.join('\n'),
      )
    })
}
