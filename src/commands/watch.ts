import { Command } from 'commander'
import { compareBytes, successor } from '../bytes.ts'
import type { Context } from '../cli/context.ts'
import { usageError } from '../errors.ts'
import { displayKey } from '../safe-text.ts'
import type { Change } from '../store/entry.ts'
import { keyId } from '../store/operations.ts'
import type { WatchOptions } from '../store/watch.ts'
import {
  type KeyFlags,
  type ValueFlags,
  encodingOption,
  parseBound,
  parseKey,
  parseLimit,
} from '../cli/line/arguments.ts'

interface Flags extends KeyFlags, ValueFlags {
  prefix?: string
  all?: boolean
  limit?: number
}

/** `kv watch KEY...` */
export function watch(ctx: Context): Command {
  return new Command('watch')
    .description(
      'Print every put and delete of the keys from now on, by whatever process, until Ctrl-C.\nAn entry that expires is a delete. A slow reader delays and loses nothing, up to 1 GB or 10 million changes.',
    )
    .argument('[KEY...]')
    .option('--prefix <prefix>', 'all keys that begin so')
    .option('--all', 'all keys')
    .option('--limit <n>', 'end after so many changes', parseLimit)
    .addOption(encodingOption('key'))
    .addOption(encodingOption('value'))
    .addHelpText(
      'after',
      '\nExamples:\n  kv watch user:1\n  kv watch --prefix user: --json            {"type":"put","key":"user:1","value":"Ada"}\n  kv watch config --limit 1 && ./reload     wait for the next change\n  kv watch --all --store http://db.example:8003',
    )
    .action(async (keys: string[], flags: Flags) => {
      const { keyEncoding, valueEncoding, limit = Infinity } = flags
      const choice = chosen(keys, flags)
      ctx.handleSignals()
      try {
        await ctx.print.changes(
          ctx.paced(changesOf(ctx, choice, limit)),
          { keyEncoding, valueEncoding, jsonValues: false },
          ctx.signal,
        )
      } catch (error) {
        // The watch has left nothing behind; now the process ends as it would have at once.
        await ctx.endBySignal()
        throw error
      }
    })
}

interface Choice {
  readonly options: WatchOptions
  readonly wanted: (change: Change) => boolean
  /** For people. */
  readonly what: string
}

function chosen(texts: readonly string[], { prefix, all, keyEncoding }: Flags): Choice {
  if ([texts.length > 0, prefix !== undefined, all === true].filter(Boolean).length !== 1) {
    throw usageError('say what to watch: KEY..., --prefix or --all', 'all keys: kv watch --all')
  }
  // An empty variable of a script must not widen a watch.
  if (prefix === '')
    throw usageError('an empty prefix means every key of the store', 'if that is what you want: kv watch --all')
  const everything = (): boolean => true
  if (all) return { options: {}, wanted: everything, what: 'all keys' }
  if (prefix !== undefined) {
    const bound = parseBound(prefix, keyEncoding)
    return { options: { prefix: bound }, wanted: everything, what: `keys that begin with ${displayKey(bound)}` }
  }
  const keys = texts.map((text) => parseKey(text, keyEncoding)).sort(compareBytes)
  const [first, last] = [keys[0]!, keys.at(-1)!]
  const names = new Set(keys.map(keyId))
  return {
    // One watch for all, so that their changes come in order.
    options: { gte: first, lt: successor(last) },
    wanted: ({ key }) => names.has(keyId(key)),
    what: keys.map(displayKey).join(' '),
  }
}

/** The changes of a watch, `limit` at most; it begins when they are first asked for. */
async function* changesOf(
  ctx: Context,
  { options, wanted, what }: Choice,
  limit: number,
): AsyncGenerator<Change[], void, void> {
  if (limit === 0) return
  const watch = await (await ctx.store()).watch({ ...options, signal: ctx.signal })
  try {
    if (ctx.io.stderr.isTTY) ctx.say(`kv: watching ${what}; Ctrl-C ends it`)
    let left = limit
    for await (const page of watch.pages()) {
      const changes = page.filter(wanted).slice(0, left)
      if (changes.length > 0) yield changes
      left -= changes.length
      if (left === 0) return
    }
  } finally {
    await watch.close()
  }
}
