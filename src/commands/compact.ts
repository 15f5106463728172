import { Command } from 'commander'
import type { Context } from '../cli/context.ts'
import { formatBytes } from '../safe-text.ts'

/** `kv compact` */
export function compact(ctx: Context): Command {
  return new Command('compact')
    .description(
      'Write the store anew, with its entries in key order and without unused space, and print its size before and after. A store of file format 1 gets format 2, unless it has a bound.\nIt needs as much free space as the store; entries in random order are sorted in twice as much again, where there is room. Other writers wait meanwhile. Whatever happens, the store is the old file or the new one; processes of kv that have it open go on with the new one, other programs must open it again to write.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  kv stat                       unused_bytes: what this would free\n  kv compact --lock-timeout 1m',
    )
    .action(async () => {
      const { care } = await ctx.store()
      const began = performance.now()
      const { bytesBefore, bytes, formatBefore, format } = await care.compact(ctx.abortable)
      const isNewFormat = format !== formatBefore
      const seconds = Number(((performance.now() - began) / 1000).toFixed(3))
      ctx.print.record(
        { bytes_before: bytesBefore, bytes, ...(isNewFormat && { format_before: formatBefore, format }), seconds },
        ctx.print.isTTY
          ? `${formatBytes(bytesBefore)} before, ${formatBytes(bytes)} now, in ${seconds.toFixed(2)} s${isNewFormat ? `; format ${formatBefore} before, ${format} now` : ''}`
          : `bytes_before: ${bytesBefore}\nbytes: ${bytes}${isNewFormat ? `\nformat_before: ${formatBefore}\nformat: ${format}` : ''}`,
      )
    })
}
