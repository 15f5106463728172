import { Command } from 'commander'
import { utf8 } from '../bytes.ts'
import type { Context } from '../cli/context.ts'
import { type KeyFlags, parseLimit } from '../cli/line/arguments.ts'
import { encodingOption } from '../cli/line/shared-options.ts'
import { type FolderFlags, delimiterOption, nothingBelow, parseFolders } from '../cli/line/folder-flags.ts'
import { usageRecord } from '../formats/json/writer.ts'
import { formatBytes, formatCount, keyLine } from '../safe-text.ts'
import type { Entry } from '../store/driver/entry.ts'
import type { Usage } from '../store/driver/usage.ts'
import { folderEnd } from '../store/folders/folder.ts'
import { groupStarts } from '../store/folders/groups.ts'
import { DELIMITERS } from '../store/usage.ts'
import { countedPages } from './du.ts'

interface Flags extends KeyFlags, FolderFlags {
  names?: boolean
  limit?: number
  0?: boolean
}

/** `kv ls [PREFIX]` */
export function ls(ctx: Context): Command {
  return new Command('ls')
    .description(
      'List what lies below PREFIX, one level deep, in key order: keys with their bytes, and folders, which end with : or /, with their keys and bytes (of keys and values). Into a pipe only the names, a line each. Exit 1 when no key begins with PREFIX.',
    )
    .argument('[PREFIX]', 'only keys that begin so; folders are those below it')
    .addOption(delimiterOption())
    .option('--names', 'only the names; reads a few keys of each folder, so that a store may be large')
    .option('-0', 'end names with a NUL')
    .option('--limit <n>', 'at most so many', parseLimit)
    .addOption(encodingOption('key'))
    .addHelpText(
      'after',
      `
Examples:
  kv ls                       user:  12,403 keys  3.4 MB, and so on
  kv ls user:                 a level deeper
  kv ls --names --limit 20
  kv ls --json user:          {"prefix":"user:1:","keys":3,"bytes":120}, {"key":"user:x","bytes":9}
  kv ls --delimiter . com.`,
    )
    .action(async (prefixText: string | undefined, flags: Flags) => {
      const { prefix, delimiter } = parseFolders(prefixText, flags)
      const { names = false, limit = Infinity, keyEncoding } = flags
      if (names || flags[0] === true || ctx.print.rowForm === 'lines') {
        const pages = namePages(ctx, prefix, delimiter, limit)
        return ctx.print.entries(
          { pages: () => ctx.paced(pages) as AsyncIterable<Uint8Array | Entry[]> },
          { keyEncoding, valueEncoding: 'utf8', jsonValues: false, only: 'key', nul: flags[0], expiring: () => false },
        )
      }
      let total: Usage | undefined
      const pages = countedPages(ctx, { prefix, delimiter }, (sum) => (total = sum))
      await ctx.print.rows(limited(pages, limit), {
        head: ['NAME', 'KEYS', 'BYTES'],
        cells: ({ type, name, keys, bytes }) => [
          keyLine(name, keyEncoding),
          type === 'key' ? '' : keys.toLocaleString('en'),
          formatBytes(bytes),
        ],
        footer: () => (total === undefined ? '' : `(${formatCount(total.keys, 'key')}, ${formatBytes(total.bytes)})`),
        record: usageRecord,
        line: ({ name }) => keyLine(name, keyEncoding),
      })
    })
}

/** The names of one level as keys of entries, each found by a seek. Throws `KV_NOT_FOUND` as {@link countedPages} does. */
async function* namePages(
  ctx: Context,
  prefix: Uint8Array,
  delimiter: Uint8Array | undefined,
  limit: number,
): AsyncGenerator<Entry[], void, void> {
  const delimiters = delimiter === undefined ? DELIMITERS : [delimiter]
  const endOf = (key: Uint8Array): number | undefined => folderEnd(key, prefix.length, delimiters)
  const starts = groupStarts(await ctx.store(), prefix, endOf, ctx.abortable.signal)
  let isEmpty = limit > 0 && prefix.length > 0
  for await (const page of limited(starts, limit)) {
    isEmpty &&= page.length === 0
    yield page.map(({ bytes }) => ({ key: bytes, value: utf8(''), revision: 0, expires: undefined }))
  }
  if (isEmpty) throw nothingBelow(prefix)
}

/** The first items. */
async function* limited<T>(pages: AsyncIterable<readonly T[]>, limit: number): AsyncGenerator<T[], void, void> {
  let left = limit
  for await (const page of pages) {
    if (left > 0) yield page.slice(0, left)
    left -= page.length
    if (left <= 0) return
  }
}
