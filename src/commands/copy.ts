import { Command } from 'commander'
import type { Context } from '../cli/context.ts'
import { syncOption } from '../cli/line/arguments.ts'
import { type RangeBounds, type RangeFlags, rangeOptions, rangeWords, withRange } from '../cli/line/range-arguments.ts'
import { twoStores } from '../cli/named-stores.ts'
import { type CopiedPart, copyRange } from '../copy/copy.ts'
import { KvError } from '../errors.ts'
import { Progress } from '../output/progress.ts'
import { displayKey, formatBytes, formatCount } from '../safe-text.ts'
import { quoteWord } from '../shell-quote.ts'
import type { Store } from '../store/store.ts'

interface Flags extends RangeFlags {
  ifAbsent?: boolean
  sync: boolean
}

/** `kv copy SRC DST [START] [END]` */
export function copy(ctx: Context): Command {
  return withRange(new Command('copy').argument('<SRC>', 'store to read').argument('<DST>', 'store to write'))
    .description(
      'Copy entries with their expiry from one store to another: files, servers, any locations. What is in DST besides stays. A copy shows one moment of SRC; DST gets it in parts, so that one that was interrupted goes on with --after.',
    )
    .option('--if-absent', 'leave keys that DST has')
    .addOption(syncOption())
    .addHelpText(
      'after',
      `
Examples:
  kv copy data.kv copy.kv
  kv copy data.kv http://db.example:8003 --prefix user:
  kv copy data.kv copy.kv --after user:10    go on after this key`,
    )
    .action(
      async (source: string, target: string, start: string | undefined, end: string | undefined, flags: Flags) => {
        const range = rangeOptions(start, end, flags)
        ctx.handleSignals()
        const [from, to] = await twoStores(ctx, source, target, { sync: flags.sync, mustExist: 'first' })
        const run = new CopyRun(ctx, { source, target, range, flags })
        try {
          await run.copy(from, to)
        } catch (error) {
          throw run.failure(error)
        }
        run.summary()
      },
    )
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
  /** The key whose entry cannot be copied. */
  #refused: Uint8Array | undefined

  constructor(ctx: Context, request: Request) {
    this.#ctx = ctx
    this.#request = request
    this.#progress = new Progress(ctx.io.stderr, ctx.drawsProgress)
  }

  /** Copies all. */
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
  }

  /** The same error, which also says what is copied, and how to go on. */
  failure(error: unknown): unknown {
    if (!(error instanceof KvError)) return error
    const { code, message } = error
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

  /** Says what was copied. */
  summary(): void {
    const { flags } = this.#request
    const [copied, existing] = [this.#entries - this.#existing, this.#existing]
    const seconds = (performance.now() - this.#began) / 1000
    const rate = Math.round(this.#entries / Math.max(seconds, 0.001))
    if (this.#ctx.globals.json) {
      const left = flags.ifAbsent ? { existing } : {}
      const time = { seconds: Number(seconds.toFixed(3)), rows_per_second: rate }
      this.#ctx.print.record({ copied, ...left, bytes: this.#bytes, ...time }, '')
    }
    const many = (count: number): string => count.toLocaleString('en')
    const left = flags.ifAbsent ? `, ${many(existing)} existing` : ''
    this.#ctx.say(
      `${many(copied)} copied${left}, ${formatBytes(this.#bytes)} in ${seconds.toFixed(2)} s (${many(rate)} rows/s)`,
    )
  }

  /** The command that copies what comes after a key. */
  #restCommand(lastKey: Uint8Array): string {
    const { source, target, range, flags } = this.#request
    const limit = range.limit === undefined ? undefined : range.limit - this.#entries
    const options = [...(flags.ifAbsent ? ['--if-absent'] : []), ...(flags.sync ? [] : ['--no-sync'])]
    return [
      'kv copy',
      ...[source, target, ...rangeWords({ ...range, limit }, lastKey), ...options].map(quoteWord),
    ].join(' ')
  }
}
