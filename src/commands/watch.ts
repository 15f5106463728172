import { Command } from 'commander'
import type { Context } from '../cli/context.ts'
import { type KeyFlags, type ValueFlags, parseLimit } from '../cli/line/arguments.ts'
import { encodingOption } from '../cli/line/shared-options.ts'
import { KvError, usageError } from '../errors.ts'
import { ReaderGone } from '../io.ts'
import { quoteWord } from '../shell-quote.ts'
import type { Change } from '../store/driver/entry.ts'
import { BEGINNING, type Watch } from '../store/watch.ts'
import { type Choice, chosen } from './watch/choice.ts'
import type { CommandWords } from './watch/run-for-each.ts'

interface Flags extends KeyFlags, ValueFlags {
  prefix?: string
  all?: boolean
  initial?: boolean
  after?: string
  limit?: number
  latest?: boolean
}

/** `kv watch KEY...` */
export function watch(ctx: Context): Command {
  return new Command('watch')
    .description(
      'Print every put and delete of the keys from now on, by whatever process, until Ctrl-C; or run CMD for each.\nAn entry that expires is a delete. A slow reader delays and loses nothing, up to 1 GB or 10 million changes; in etcd, until it is compacted.',
    )
    .usage('[options] [KEY...] [-- CMD [ARG...]]')
    .argument('[KEY...]')
    .option('--prefix <prefix>', 'all keys that begin so')
    .option('--all', 'all keys')
    .option('--initial', 'first what is there, as puts, then each change since')
    .option('--after <position>', 'go on after this position of a change')
    .option('--limit <n>', 'end after so many changes', parseLimit)
    .option('--latest', 'with CMD: of several changes of a key that wait, the newest alone')
    .addOption(encodingOption('key'))
    .addOption(encodingOption('value'))
    .addHelpText(
      'after',
      `
A line on stderr says when the watch stands (not with --quiet). Each line of JSON
has the position of its change. After a watch with --initial or --after the store
keeps changes for a minute, so that another --after goes on and misses none; etcd
keeps them until it is compacted. The position "partial" is that of what
is there up to its last: begin again then.

CMD runs for one change at a time, with the value on its stdin, and KV_TYPE (put
or del), KV_KEY, KV_VALUE, KV_EXPIRES and KV_POSITION in its environment. Bytes
that are no text are in KV_KEY_BASE64 and KV_VALUE_BASE64; a value of more than
100 kB is on stdin alone. When CMD fails kv says so and goes on.

Examples:
  kv watch user:1
  kv watch --prefix user: --json
           {"type":"put","key":"user:1","value":"Ada","position":"l8k2v9q4x0ab-7"}
  kv watch config --limit 1 && ./reload           wait for the next change
  kv watch config --latest -- ./reload            each time; none is missed
  kv watch --prefix job: -- sh -c 'echo "$KV_TYPE $KV_KEY"'
  kv watch --all --after l8k2v9q4x0ab-7 --store http://db.example:8003`,
    )
    .action(async (words: string[], flags: Flags, command: Command) => {
      const { keyEncoding, valueEncoding, initial, after, limit = Infinity, latest = false } = flags
      const [texts, program] = taken(words, flags, command)
      const choice = chosen({ ...flags, texts })
      if (initial && after !== undefined) throw usageError('--initial and --after exclude each other')
      if (latest && program === undefined) throw usageError('--latest needs a command', 'kv watch KEY --latest -- CMD')
      if (limit === Infinity) ctx.session?.endless()
      ctx.handleSignals()
      const end = new AbortController()
      const unhear =
        program === undefined ? ctx.io.stdout.whenReaderGone?.(() => end.abort(new ReaderGone())) : undefined
      try {
        const from = initial ? BEGINNING : after
        const signal = AbortSignal.any([ctx.signal, end.signal])
        const pages = changesOf(ctx, choice, { from, limit: latest ? Infinity : limit, signal })
        if (program !== undefined) await runProgram(ctx, pages, program, { ...flags, limit, end: () => end.abort() })
        else await ctx.print.changes(ctx.paced(pages), { keyEncoding, valueEncoding, jsonValues: false }, ctx.signal)
      } catch (error) {
        // The watch has left nothing behind; now the process ends as it would have at once.
        await ctx.endBySignal()
        if (end.signal.reason instanceof ReaderGone) throw end.signal.reason
        throw isGap(error) ? withHint(error, ctx, texts, flags) : error
      } finally {
        unhear?.()
      }
    })
}

/** The keys, and the command after `--`: where no key is before it, and no other option names any, those after it are keys. */
function taken(
  words: readonly string[],
  { prefix, all }: Flags,
  { parent }: Command,
): [keys: readonly string[], program: CommandWords | undefined] {
  const line = (parent as (Command & { rawArgs: readonly string[] }) | null)?.rawArgs ?? []
  const dashes = line.indexOf('--')
  if (dashes < 0) return [words, undefined]
  let count = words.length - (line.length - dashes - 1)
  let rest = words.slice(count)
  if (count === 0 && prefix === undefined && all !== true) {
    count = words.indexOf('--')
    if (count < 0) return [words, undefined]
    rest = words.slice(count + 1)
  }
  const [program, ...args] = rest
  if (program === undefined) throw usageError('no command after --', 'kv watch KEY -- CMD')
  return [words.slice(0, count), [program, ...args]]
}

interface Extent {
  /** The position to begin after; `undefined`: from now on. */
  readonly from: string | undefined
  readonly limit: number
  readonly signal: AbortSignal
}

/** The changes of a watch, `limit` at most; it begins when they are first asked for. */
async function* changesOf(
  ctx: Context,
  { options, wanted, what }: Choice,
  { from, limit, signal }: Extent,
): AsyncGenerator<Change[], void, void> {
  if (limit === 0) return
  const store = await ctx.store()
  const watch: Watch = await store.watch({ ...options, after: from, resumable: from !== undefined, signal })
  try {
    ctx.say(`kv: watching ${what}${ctx.io.stderr.isTTY ? '; Ctrl-C ends it' : ''}`)
    let left = limit
    for await (const page of watch.pages()) {
      const changes = wanted(page).slice(0, left)
      if (changes.length > 0) yield changes
      left -= changes.length
      if (left === 0) return
    }
  } finally {
    await watch.close()
  }
}

async function runProgram(
  ctx: Context,
  pages: AsyncIterable<readonly Change[]>,
  program: CommandWords,
  flags: Flags & { readonly limit: number; /** Ends the watch. */ readonly end: () => void },
): Promise<void> {
  const { runForEach } = await import('./watch/run-for-each.ts')
  if (!flags.latest) return runForEach(ctx, eachOf(pages), program, flags)
  const { newestOfEach } = await import('./watch/newest.ts')
  await runForEach(ctx, firstOf(newestOfEach(pages, flags.end), flags.limit), program, flags)
}

async function* eachOf(pages: AsyncIterable<readonly Change[]>): AsyncGenerator<Change, void, void> {
  for await (const page of pages) yield* page
}

async function* firstOf(changes: AsyncIterable<Change>, limit: number): AsyncGenerator<Change, void, void> {
  if (limit === 0) return
  let left = limit
  for await (const change of changes) {
    yield change
    if (--left === 0) return
  }
}

function isGap(error: unknown): error is KvError {
  return error instanceof KvError && error.code === 'KV_WATCH_GAP'
}

/** A gap, with the line that begins again. */
function withHint(error: KvError, { kv }: Context, texts: readonly string[], { prefix, all }: Flags): KvError {
  const keys = all ? ['--all'] : prefix === undefined ? texts.map(quoteWord) : [`--prefix ${quoteWord(prefix)}`]
  return new KvError(error.code, error.message, {
    cause: error,
    hint: `begin again with what is there: ${kv} watch ${keys.join(' ')} --initial`,
  })
}
