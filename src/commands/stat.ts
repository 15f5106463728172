import { Command } from 'commander'
import type { Context } from '../cli/context.ts'
import { formatBytes } from '../safe-text.ts'

/** `kv stat` */
export function stat(ctx: Context): Command {
  return new Command('stat')
    .description(
      'Print how many entries the store has, its size, and facts of its driver: of a file, who else has it open (open_by), the size of its log, and what kv compact would free at least (unused_bytes).',
    )
    .addHelpText('after', '\nExamples:\n  kv stat\n  kv stat --json | jq .unused_bytes')
    .action(async () => {
      const store = await ctx.store()
      const { entries, expiring, revision, sizeBytes, details } = await store.stat({ signal: ctx.signal })
      const record = { driver: store.driverName, entries, expiring, revision, size_bytes: sizeBytes, ...details }
      ctx.print.record(record, lines(record, ctx.print.isTTY))
    })
}

function lines(record: Readonly<Record<string, string | number>>, readable: boolean): string {
  const width = Math.max(...Object.keys(record).map((name) => name.length))
  return Object.entries(record)
    .map(([name, value]) => {
      if (!readable) return `${name}: ${value}`
      const shown =
        typeof value === 'string'
          ? value
          : value.toLocaleString('en') + (name.endsWith('_bytes') && value >= 1000 ? `  (${formatBytes(value)})` : '')
      return `${name.padEnd(width)}  ${shown}`
    })
    .join('\n')
}
