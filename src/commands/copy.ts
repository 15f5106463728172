import { Command } from 'commander'
import type { Context } from '../cli/context.ts'
import { syncOption } from '../cli/line/shared-options.ts'
import { type RangeBounds, type RangeFlags, rangeOptions, rangeWords, withRange } from '../cli/line/range-arguments.ts'
import { twoStores } from '../cli/named-stores.ts'
import { type CopiedPart, copyRange } from '../copy/copy.ts'
import { applyChanges } from '../copy/follow.ts'
import { KvError, usageError } from '../errors.ts'
import { Progress } from '../output/progress.ts'
import { displayKey, formatBytes, formatCount } from '../safe-text.ts'
import { quoteWord } from '../shell-quote.ts'
import type { Store } from '../store/store.ts'

interface Flags extends RangeFlags {
  ifAbsent?: boolean
  follow?: boolean
  afterPosition?: string
  sync: boolean
}

/** `kv copy SRC DST [START] [END]` */
export function copy(ctx: Context): Command {
  return withRange(new Command('copy').argument('<SRC>', 'store to read').argument('<DST>', 'store to write'))
    .description(
      'Copy entries with their expiry from one store to another: files, servers, any locations. What is in DST besides stays. A copy shows one moment of SRC; DST gets it in parts, so that one that was interrupted goes on with --after.',
    )
    .option('--if-absent', 'leave keys that DST has')
    .option('--follow', 'then go on with every change of SRC, until Ctrl-C')
    .option('--after-position <position>', 'with --follow: go on after this position, without a copy first')
    .addOption(syncOption())
    .addHelpText(
      'after',
      `
Examples:
  kv copy data.kv copy.kv
  kv copy data.kv http://db.example:8003 --prefix user:
  kv copy data.kv copy.kv --after user:10    go on after this key
  kv copy http://db.example:8003 copy.kv --follow --json

--follow says up to which position of SRC every change is stored in DST; with
--json in a line for each page of changes, {"put":1,"deleted":0,"position":P}.
After a crash of SRC, of DST or of kv, --follow --after-position P goes on and
misses nothing; with --after KEY as well, the rest of a copy that was not
complete comes first. SRC keeps its changes for a minute. After that kv says so
(KV_WATCH_GAP): copy again, and see with kv diff what was deleted since.`,
    )
    .action(
      async (source: string, target: string, start: string | undefined, end: string | undefined, flags: Flags) => {
        checkFollow(flags)
        if (flags.follow) ctx.session?.endless()
        const range = rangeOptions(start, end, flags)
        ctx.handleSignals()
        const [from, to] = await twoStores(ctx, source, target, { sync: flags.sync, mustExist: 'first' })
        const run = new CopyRun(ctx, { source, target, range, flags })
        try {
          await (flags.follow ? run.follow(from, to) : run.copy(from, to))
        } catch (error) {
          throw run.failure(error)
        }
      },
    )
}

function checkFollow({ follow, afterPosition, ifAbsent, reverse, limit }: Flags): void {
  if (!follow && afterPosition !== undefined) throw usageError('--after-position goes with --follow only')
  if (follow && (ifAbsent || reverse || limit !== undefined))
    throw usageError('--follow does not go with --if-absent, --reverse and --limit')
}

/** How a copy was asked for. */
interface Request {
  readonly source: string
  readonly target: string
  readonly range: RangeBounds
  readonly flags: Flags
}

/** One copy: what it came to, in words. */
class CopyRun {
  readonly #ctx: Context
  readonly #request: Request
  readonly #progress: Progress
  readonly #began = performance.now()
  #entries = 0
  #existing = 0
  #bytes = 0
  /** The key up to which everything is copied. */
  #lastKey: Uint8Array | undefined
  /** With `--follow`: whoever goes on after it misses no change. */
  #position: string | undefined
  /** Whether the copy that comes first is complete. */
  #isFollowing = false
  /** The key whose entry cannot be copied. */
  #refused: Uint8Array | undefined

  constructor(ctx: Context, request: Request) {
    this.#ctx = ctx
    this.#request = request
    this.#progress = new Progress(ctx.io.stderr, ctx.drawsProgress)
  }

  /**
   * Copies, then does every change since the copy began, until the command is stopped. A change that the copy shows
   * already is done again, and so are those after it: that comes to the same.
   */
  async follow(from: Store, to: Store): Promise<void> {
    const { signal } = this.#ctx
    const { range, flags } = this.#request
    const { gte, lte, prefix } = range
    const watch = await from.watch({ gte, lte, prefix, after: flags.afterPosition, resumable: true, signal })
    try {
      this.#position = flags.afterPosition ?? watch.position
      this.#tell({ position: this.#position })
      if (flags.afterPosition === undefined || flags.after !== undefined) await this.copy(from, to)
      this.#isFollowing = true
      this.#ctx.say(`kv: following the changes after position ${this.#position}`)
      await applyChanges(watch, to, signal, (changes) => {
        this.#position = changes.position
        this.#tell({ ...changes })
      })
    } finally {
      await watch.close()
    }
  }

  /** Copies all, and says how much that was. */
  async copy(from: Store, to: Store): Promise<void> {
    const { signal } = this.#ctx
    const { range, flags } = this.#request
    const onPart = ({ entries, existing, bytes, lastKey }: CopiedPart): void => {
      this.#entries += entries
      this.#existing += existing
      this.#bytes += bytes
      this.#lastKey = lastKey
      this.#progress.rows(this.#entries, this.#bytes)
    }
    try {
      const onRefused = (key: Uint8Array): void => void (this.#refused = key)
      await copyRange(from, to, { range, ifAbsent: flags.ifAbsent === true, signal, onPart, onRefused })
    } finally {
      this.#progress.done()
    }
    this.#summary()
  }

  /** The same error, which also says what is copied, and how to go on. */
  failure(error: unknown): unknown {
    if (!(error instanceof KvError)) return error
    const { code, message } = error
    if (this.#isFollowing || code === 'KV_WATCH_GAP') return this.#endOfFollowing(error)
    const refused = code === 'KV_TOO_LARGE' || code === 'KV_CORRUPT' ? this.#refused : undefined
    const after = refused ?? this.#lastKey
    if (after === undefined) return error
    const copied = formatCount(this.#entries, 'entry', 'entries')
    const upTo = this.#lastKey === undefined ? '' : `, up to ${displayKey(this.#lastKey)}`
    return new KvError(code, `${message}; copied for certain: ${copied}${upTo}`, {
      hint: `${refused === undefined ? 'go on' : 'go on without it'}: ${this.#restCommand(after)}`,
      cause: error,
    })
  }

  #endOfFollowing(error: KvError): KvError {
    const { code, message } = error
    const { source, target } = this.#request
    return code === 'KV_WATCH_GAP'
      ? new KvError(code, message, {
          hint: `copy again, and see what was deleted since: kv diff ${quoteWord(source)} ${quoteWord(target)}`,
          cause: error,
        })
      : new KvError(code, `${message}; every change up to position ${this.#position} is stored`, {
          hint: `go on, within a minute: ${this.#restCommand(undefined)}`,
          cause: error,
        })
  }

  #tell(record: Readonly<Record<string, unknown>>): void {
    if (this.#ctx.globals.json) this.#ctx.print.record(record, '')
  }

  /** Says what was copied. */
  #summary(): void {
    const { flags } = this.#request
    const [copied, existing] = [this.#entries - this.#existing, this.#existing]
    const seconds = (performance.now() - this.#began) / 1000
    const rate = Math.round(this.#entries / Math.max(seconds, 0.001))
    this.#tell({
      copied,
      ...(flags.ifAbsent ? { existing } : {}),
      bytes: this.#bytes,
      seconds: Number(seconds.toFixed(3)),
      rows_per_second: rate,
      ...(flags.follow ? { position: this.#position } : {}),
    })
    const many = (count: number): string => count.toLocaleString('en')
    const left = flags.ifAbsent ? `, ${many(existing)} existing` : ''
    this.#ctx.say(
      `${many(copied)} copied${left}, ${formatBytes(this.#bytes)} in ${seconds.toFixed(2)} s (${many(rate)} rows/s)`,
    )
  }

  /** The command that goes on, with a copy of what comes after a key. */
  #restCommand(lastKey: Uint8Array | undefined): string {
    const { source, target, range, flags } = this.#request
    const limit = range.limit === undefined ? undefined : range.limit - this.#entries
    const options = [
      ...(flags.follow ? ['--follow', '--after-position', String(this.#position)] : []),
      ...(flags.ifAbsent ? ['--if-absent'] : []),
      ...(flags.sync ? [] : ['--no-sync']),
    ]
    return [
      'kv copy',
      ...[source, target, ...rangeWords({ ...range, limit }, lastKey), ...options].map(quoteWord),
    ].join(' ')
  }
}
