import { closeSync } from 'node:fs'
import { Command } from 'commander'
import type { Context } from '../cli/context.ts'
import { KvError, oneOf, usageError } from '../errors.ts'
import { NAMED, type Parsed } from '../load/block-parser.ts'
import { INPUT_FORMATS, type InputFormat, formatOf } from '../formats/parsers.ts'
import { load } from '../load/load.ts'
import { openRejects } from '../load/rejects-writer.ts'
import { suggestionFor } from '../load/detect.ts'
import { type OpenInput, checkInput, openInput } from '../load/open-input.ts'
import { type BadRecord, explain } from '../formats/record-reader.ts'
import { type InputSource, through } from '../load/suggested-command.ts'
import { isTerminalPath } from '../load/input-file.ts'
import { escapeLine, formatBytes, formatCount } from '../safe-text.ts'
import { Progress } from '../output/progress.ts'
import type { Block } from '../blocks/block.ts'
import type { Store } from '../store/store.ts'
import { choiceOption, syncOption } from '../cli/line/arguments.ts'

interface Flags {
  onError: 'stop' | 'skip'
  rejects?: string
  atomic?: boolean
  sync: boolean
}

/** The input that is read now. */
interface Reading {
  readonly input: OpenInput
  readonly format: InputFormat
  /** How the user gave it. */
  readonly source: InputSource
}

interface FirstSkipped {
  readonly reading: Reading
  readonly record: BadRecord
}

/** `kv batch-put [FILE...]` */
export function batchPut(ctx: Context): Command {
  return new Command('batch-put')
    .description(
      'Store many entries: JSON Lines {"key":K,"value":V}, a JSON document, CSV or TSV with a header key,value[,ttl]; packed with gzip or Zstandard or not. Of equal keys the last wins.',
    )
    .argument('[FILE...]', 'input; - or none is standard input')
    .addOption(choiceOption('--on-error <what>', 'at a bad record', ['stop', 'skip']))
    .option(
      '--rejects <file>',
      'with --on-error skip, write the refused records there: JSON Lines with file, line, reason and source',
    )
    .option('--atomic', 'all or nothing, in one transaction')
    .addOption(syncOption())
    .addHelpText(
      'after',
      `\nHere --format names the form of the input: ${INPUT_FORMATS.join(' ')}; without it, the file name decides.\n\nExamples:\n  kv batch-put rows.jsonl more.csv.gz\n  cat rows.jsonl | kv batch-put\n  kv range | kv batch-put --store copy.kv\n  kv batch-put --on-error skip --rejects bad.jsonl rows.jsonl`,
    )
    .action(async (files: string[], flags: Flags) => {
      const { formatFlag } = ctx.globals
      const format = formatFlag && oneOf(INPUT_FORMATS, formatFlag, `batch-put cannot read ${formatFlag}`)
      if (flags.rejects !== undefined && flags.onError !== 'skip') throw usageError('--rejects needs --on-error skip')
      if (flags.rejects === '-')
        throw usageError('--rejects takes a file', 'standard output is /dev/stdout, a file of that name ./-')
      const names = files.length > 0 ? files : ['-']
      const { isTTY, isNull, fd } = ctx.io.stdin
      if (names.includes('-') && fd < 0)
        throw usageError('a session is no input', 'name files, or write batch-put < FILE')
      const own = ctx.inSession ? names.find((name) => name !== '-' && isTerminalPath(name)) : undefined
      if (own !== undefined)
        throw usageError(`${own} is the terminal of this session`, 'name files, or write batch-put < FILE')
      if (names.includes('-') && isTTY) {
        if (!ctx.globals.input) throw usageError('no input', 'name files, or send records through a pipe')
        ctx.io.stderr.write('reading records, one {"key":...,"value":...} a line; end with Ctrl-D\n')
      }
      if (files.length === 0 && isNull) throw usageError('no input', 'name files, or send records through a pipe')
      // Before anything is stored, so that a wrong name stores nothing.
      for (const name of names) checkInput(name, fd)
      const run = new BatchPut(ctx, await ctx.store({ sync: flags.sync }), flags)
      await run.all(names, format)
    })
}

/** One run of batch-put over all its inputs: what was stored, and what the user is told. */
class BatchPut {
  readonly #ctx: Context
  readonly #store: Store
  readonly #flags: Flags
  readonly #progress: Progress
  readonly #began = performance.now()
  #put = 0
  /** Of the block that is being stored, entries that are. */
  #ahead = 0
  #skipped = 0
  #bytes = 0
  /** Of the inputs before the one that is read. */
  #bytesBefore = 0
  #reading: Reading | undefined
  #rejects: number | undefined
  /** Why the inputs could not be parsed to their end. */
  #inputError: unknown
  #firstSkipped: FirstSkipped | undefined

  constructor(ctx: Context, store: Store, flags: Flags) {
    this.#ctx = ctx
    this.#store = store
    this.#flags = flags
    this.#progress = new Progress(ctx.io.stderr, ctx.drawsProgress)
  }

  async all(names: readonly string[], format: InputFormat | undefined): Promise<void> {
    this.#ctx.handleSignals()
    try {
      if (this.#flags.rejects !== undefined)
        this.#rejects = openRejects(this.#flags.rejects, names, this.#ctx.io.stdin.fd, this.#store.files)
      await this.#load(this.#blocks(names, format))
    } catch (error) {
      throw this.#inputError ?? this.#withCount(error)
    } finally {
      if (this.#rejects !== undefined) closeSync(this.#rejects)
      this.#progress.done()
    }
    this.#summary()
    if (this.#firstSkipped !== undefined && this.#put === 0) throw this.#nothingButRefused(this.#firstSkipped)
  }

  async #load(blocks: AsyncIterable<Block>): Promise<void> {
    const { signal } = this.#ctx
    if (this.#flags.atomic) return void (await this.#store.load(blocks, { signal }))
    const onProgress = (entries: number): void => {
      this.#ahead = entries
      this.#draw()
    }
    for await (const block of blocks) await this.#store.load([block], { atomic: false, signal, onProgress })
  }

  /** The blocks of all inputs; each must be stored when the next is asked for. */
  async *#blocks(names: readonly string[], format: InputFormat | undefined): AsyncGenerator<Block, void, void> {
    try {
      for (const name of names) {
        const reading = await this.#open(name, format ?? formatOf(name))
        this.#reading = reading
        this.#bytesBefore = this.#bytes
        for await (const parsed of this.#parse(reading)) {
          if (parsed.block.count > 0) yield parsed.block
          this.#count(parsed, reading)
          if (parsed.refused !== undefined) throw this.#refusal(reading, parsed.refused)
        }
        if (this.#ctx.signal.aborted) throw this.#interrupted()
      }
    } catch (error) {
      // The store passes it on, perhaps as the cause of another.
      this.#inputError = error
      throw error
    }
  }

  async #open(name: string, format: InputFormat): Promise<Reading> {
    const source: InputSource = { file: name === '-' ? undefined : name, store: storeToName(this.#ctx) }
    const input = await openInput(name, this.#ctx.signal, {
      stdinFd: this.#ctx.io.stdin.fd,
      unpackFirst: (program) => through(source, program, format),
    })
    if (input === undefined) throw this.#interrupted()
    return { input, format, source: { ...source, unpack: input.unpack } }
  }

  async *#parse({ input, format }: Reading): AsyncGenerator<Parsed, void, void> {
    const { maxKeyBytes, maxValueBytes, maxEntryBytes, maxBatchBytes, opOverheadBytes } = this.#store.limits
    try {
      yield* load(input, {
        format,
        maxKeyBytes,
        maxValueBytes,
        maxEntryBytes: Math.min(maxEntryBytes, maxBatchBytes) - opOverheadBytes,
        skip: this.#flags.onError === 'skip',
        rejects: this.#rejects === undefined ? undefined : { fd: this.#rejects, input: input.name },
        stop: this.#ctx.signal,
        atOnce: this.#flags.atomic === true,
      })
    } catch (error) {
      throw this.#withCount(error)
    }
  }

  #interrupted(): KvError {
    return new KvError('KV_INTERRUPTED', `interrupted; ${this.#storedSoFar('so far')}`)
  }

  /** The same error, which also says what is stored, unless that is clear. */
  #withCount(error: unknown): unknown {
    if (!(error instanceof KvError)) return error
    const { code, message, hint } = error
    if (code === 'KV_INTERRUPTED') return this.#interrupted()
    // Of a load whose outcome is unknown all may be stored.
    const isClear =
      (this.#put + this.#ahead === 0 && code !== 'KV_INVALID_INPUT') ||
      (this.#flags.atomic && code === 'KV_UNKNOWN_OUTCOME')
    return isClear
      ? error
      : new KvError(code, `${message}; ${this.#storedSoFar('before that')}`, { hint, cause: error })
  }

  #count({ records, inputBytes, skipped, named }: Parsed, reading: Reading): void {
    const { input } = reading
    this.#put += records
    this.#ahead = 0
    this.#bytes += inputBytes
    for (const [n, record] of named.entries()) {
      if (this.#skipped + n < NAMED) this.#ctx.say(`kv: skipped ${describe(input, record)}`)
      this.#firstSkipped ??= { reading, record }
    }
    if (this.#skipped <= NAMED && this.#skipped + skipped > NAMED)
      this.#ctx.say('kv: more records are skipped, and not named')
    this.#skipped += skipped
    this.#draw()
  }

  #draw(): void {
    const { input } = this.#reading!
    const ofInput = (): number => (input.file === undefined ? input.read() : this.#bytes - this.#bytesBefore)
    this.#progress.rows(this.#put + this.#ahead, input.size === undefined ? this.#bytes : ofInput(), input.size)
  }

  #refusal(reading: Reading, record: BadRecord): KvError {
    const message = `${describe(reading.input, record)}; ${this.#storedSoFar('before it')}`
    return new KvError('KV_INVALID_INPUT', message, { hint: suggestion(reading, record) ?? this.#hint(record) })
  }

  /** What can be done about a record that ended the input. */
  #hint(record: BadRecord): string {
    const isSkipping = this.#flags.onError === 'skip'
    const mend = `mend the ${record.record === 0 ? 'header' : 'record'} and run it again`
    if (record.isLast && isSkipping)
      return `${mend}: it cannot be told where the next record begins, so this one cannot be skipped`
    const harmless = this.#put > 0 && !this.#flags.atomic ? ' (what is stored already does no harm)' : ''
    return `${mend}${harmless}${record.isLast || isSkipping || this.#flags.atomic ? '' : ', or use --on-error skip'}`
  }

  #storedSoFar(where: string): string {
    if (this.#flags.atomic || this.#put + this.#ahead === 0) return 'nothing was stored'
    const ahead = this.#ahead === 0 ? '' : `, and ${this.#ahead.toLocaleString('en')} of those that follow`
    return `the ${formatCount(this.#put, 'record')} ${where} ${this.#put === 1 ? 'is' : 'are'} stored${ahead}`
  }

  /** Where nothing but refused records came: nobody meant that. */
  #nothingButRefused({ reading, record }: FirstSkipped): KvError {
    const many = `all ${this.#skipped.toLocaleString('en')} records were refused`
    const what = this.#skipped === 1 ? 'the only record was refused' : many
    return new KvError('KV_INVALID_INPUT', `${what}; nothing was stored`, { hint: suggestion(reading, record) })
  }

  #summary(): void {
    const seconds = (performance.now() - this.#began) / 1000
    const rate = Math.round(this.#put / Math.max(seconds, 0.001))
    const summary = {
      put: this.#put,
      skipped: this.#skipped,
      bytes: this.#bytes,
      seconds: Number(seconds.toFixed(3)),
      rows_per_second: rate,
    }
    if (this.#ctx.globals.json) this.#ctx.print.record(summary, '')
    const [put, skipped, perSecond] = [this.#put, this.#skipped, rate].map((count) => count.toLocaleString('en'))
    this.#ctx.say(
      `${put} put, ${skipped} skipped, ${formatBytes(this.#bytes)} in ${seconds.toFixed(2)} s (${perSecond} rows/s)`,
    )
  }
}

/** What a hint's `--store` must say: nothing where the same store is found without. */
function storeToName({ globals, inSession, io }: Context): string | undefined {
  return inSession || globals.storeIsDefault || globals.store === io.env['KV_STORE'] ? undefined : globals.store
}

/** How to give the input, by what it looks like. */
function suggestion({ input, format, source }: Reading, record: BadRecord): string | undefined {
  return suggestionFor(record, input.head(), format, source)
}

function describe(input: OpenInput, record: BadRecord): string {
  return escapeLine(`${input.name}:${record.line}: ${explain(record)}`)
}
