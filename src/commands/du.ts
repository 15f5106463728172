import { Command } from 'commander'
import type { Context } from '../cli/context.ts'
import { type KeyFlags, wholeNumber } from '../cli/line/arguments.ts'
import { choiceOption, encodingOption } from '../cli/line/shared-options.ts'
import { type FolderFlags, delimiterOption, nothingBelow, parseFolders } from '../cli/line/folder-flags.ts'
import { usageError } from '../errors.ts'
import { usageRecord } from '../formats/json/writer.ts'
import { Progress } from '../output/progress.ts'
import { formatBytes, formatCount, keyLine } from '../safe-text.ts'
import type { Usage } from '../store/driver/usage.ts'
import type { UsageOptions } from '../store/usage.ts'

interface Flags extends KeyFlags, FolderFlags {
  depth?: number
  keys?: boolean
  sort: 'name' | 'size'
  top?: number
}

/** `kv du [PREFIX]` */
export function du(ctx: Context): Command {
  return new Command('du')
    .description(
      'Print how many keys lie in each folder, which ends with : or /, and how many bytes they take, a folder after those within it, and the total. The bytes are those of keys and values as they are stored; kv stat tells the size of the file. Into a pipe: BYTES, KEYS and NAME with tabs between. Exit 1 when no key begins with PREFIX.',
    )
    .argument('[PREFIX]', 'only keys that begin so; folders are those below it')
    .option('--depth <n>', 'levels of folders; 0: only the total (default: 1)', (text) => wholeNumber(text, '--depth'))
    .addOption(delimiterOption())
    .option('--keys', 'each key instead of folders')
    .addOption(choiceOption('--sort <order>', 'in which order', ['name', 'size']))
    .option('--top <n>', 'only so many of the biggest, the biggest first', (text) => wholeNumber(text, '--top'))
    .addOption(encodingOption('key'))
    .addHelpText(
      'after',
      `
Examples:
  kv du                       bytes and keys of user:, order:, and so on
  kv du user: --depth 2
  kv du --sort size
  kv du --keys --top 10       the biggest keys
  kv du --depth 0 --json      {"prefix":"","keys":12403,"bytes":3401223,"total":true}`,
    )
    .action(async (prefixText: string | undefined, flags: Flags) => {
      const { depth = 1, keys = false, sort, top = sort === 'size' ? Number.MAX_SAFE_INTEGER : undefined } = flags
      if (keys && flags.depth !== undefined) throw usageError('--keys and --depth exclude each other')
      const { prefix, delimiter } = parseFolders(prefixText, flags)
      const name = (item: Usage): string => (item.type === 'total' ? 'total' : keyLine(item.name, flags.keyEncoding))
      const isTable = ctx.print.rowForm === 'table'
      let total: Usage | undefined
      const options = { prefix, delimiter, depth: keys ? 0 : depth, keys, top }
      await ctx.print.rows(
        countedPages(ctx, options, (sum) => (total = sum), !isTable),
        {
          head: ['NAME', ...(keys ? [] : ['KEYS']), 'BYTES'],
          cells: (item) => [name(item), ...(keys ? [] : [item.keys.toLocaleString('en')]), formatBytes(item.bytes)],
          footer: () => `(${formatCount(total?.keys ?? 0, 'key')}, ${formatBytes(total?.bytes ?? 0)} in all)`,
          record: usageRecord,
          line: (item) => [item.bytes, ...(keys ? [] : [item.keys]), name(item)].join('\t'),
        },
      )
    })
}

/**
 * The usage in pages, with progress meanwhile; the total goes to `onTotal`, and comes last only if it is asked for. Throws
 * `KV_NOT_FOUND` where no key begins with the prefix.
 */
export async function* countedPages(
  ctx: Context,
  { prefix, ...options }: UsageOptions & { readonly prefix: Uint8Array },
  onTotal: (total: Usage) => void,
  withTotal = false,
): AsyncGenerator<Usage[], void, void> {
  const progress = new Progress(ctx.io.stderr, ctx.drawsProgress)
  const store = await ctx.store()
  const onProgress = (keys: number): void => progress.rows(keys)
  try {
    const pages = store.usage({ prefix, ...options, onProgress, signal: ctx.signal })
    for await (const page of ctx.paced(pages) as AsyncIterable<Usage[]>) {
      progress.done()
      const last = page.at(-1)
      if (last?.type === 'total') {
        if (last.keys === 0 && prefix.length > 0) throw nothingBelow(prefix)
        onTotal(last)
      }
      yield last?.type === 'total' && !withTotal ? page.slice(0, -1) : page
    }
  } finally {
    progress.done()
  }
}
