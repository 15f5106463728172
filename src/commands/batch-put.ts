import { closeSync, openSync, statSync, writeSync } from 'node:fs'
import { Command } from 'commander'
import type { Context } from '../context.ts'
import { KvError, reasonOf, usageError } from '../errors.ts'
import type { Parsed, RefusedRecord } from '../input/assembler.ts'
import { INPUT_FORMATS, type InputFormat, formatOf } from '../input/formats.ts'
import { load } from '../input/load.ts'
import { type OpenInput, checkInput, openInput } from '../input/open.ts'
import { type Given, through } from '../input/rerun.ts'
import { isTerminalName } from '../named-input.ts'
import { escapeLine, formatBytes } from '../output/escape.ts'
import { Progress } from '../output/progress.ts'
import type { Block } from '../store/block.ts'
import type { Store } from '../store/store.ts'
import { choiceOption, withSync } from './arguments.ts'

interface Flags {
  onError: 'stop' | 'skip'
  rejects?: string
  atomic?: boolean
  sync: boolean
}

/** Refused records named on stderr before the rest is only counted. */
const NAMED = 10

/** `kv batch-put [FILE...]` */
export function batchPut(ctx: Context): Command {
  return withSync(
    new Command('batch-put')
      .summary('store many entries from files or a pipe')
      .description('Store many entries: JSON Lines {"key":K,"value":V}, a JSON document, CSV or TSV with a header key,value[,ttl]; packed with gzip or Zstandard or not. Of equal keys the last wins.')
      .argument('[FILE...]', 'input; - or none is standard input')
      .addOption(choiceOption('--on-error <what>', 'at a bad record', ['stop', 'skip']))
      .option('--rejects <file>', 'with --on-error skip, write the bad records there')
      .option('--atomic', 'all or nothing, in one transaction'),
  )
    .addHelpText('after', `\nHere --format names the form of the input: ${INPUT_FORMATS.join(' ')}; without it, the file name decides.\n\nExamples:\n  kv batch-put rows.jsonl more.csv.gz\n  cat rows.jsonl | kv batch-put\n  kv range | kv batch-put --store copy.kv\n  kv batch-put --on-error skip --rejects bad.jsonl rows.jsonl`)
    .action(async (files: string[], flags: Flags) => {
      const format = inputFormat(ctx)
      if (flags.rejects !== undefined && flags.onError !== 'skip') throw usageError('--rejects needs --on-error skip')
      const names = files.length > 0 ? files : ['-']
      const { isTTY, fd } = ctx.io.stdin
      if (names.includes('-') && fd < 0) throw usageError('a session is no input', 'name files, or write batch-put < FILE')
      const own = ctx.inSession ? names.find((name) => name !== '-' && isTerminalName(name)) : undefined
      if (own !== undefined) throw usageError(`${own} is the terminal of this session`, 'name files, or write batch-put < FILE')
      if (names.includes('-') && isTTY) {
        if (!ctx.globals.input) throw usageError('no input', 'name files, or send records through a pipe')
        ctx.io.stderr.write('reading records, one {"key":...,"value":...} a line; end with Ctrl-D\n')
      }
      // Before anything is stored, so that a wrong name stores nothing.
      for (const name of names) checkInput(name, fd)
      const run = new BatchPut(ctx, await ctx.store({ sync: flags.sync }), flags)
      await run.all(names, format)
    })
}

function inputFormat(ctx: Context): InputFormat | undefined {
  const flag = ctx.globals.formatFlag
  if (flag === undefined) return undefined
  const format = INPUT_FORMATS.find((known) => known === flag)
  if (format === undefined) throw usageError(`batch-put cannot read ${flag}`, `one of ${INPUT_FORMATS.join(' ')}`)
  return format
}

/** One run of batch-put over all its inputs: what was stored, and what the user is told. */
class BatchPut {
  readonly #ctx: Context
  readonly #store: Store
  readonly #flags: Flags
  readonly #progress: Progress
  readonly #began = performance.now()
  #put = 0
  #skipped = 0
  #bytes = 0
  /** Of the inputs before the one that is read. */
  #bytesBefore = 0
  #rejects: number | undefined

  constructor(ctx: Context, store: Store, flags: Flags) {
    this.#ctx = ctx
    this.#store = store
    this.#flags = flags
    this.#progress = new Progress(ctx.io.stderr, ctx.drawsProgress)
  }

  async all(names: readonly string[], format: InputFormat | undefined): Promise<void> {
    this.#ctx.hearSignals()
    try {
      if (this.#flags.rejects !== undefined) this.#rejects = openRejects(this.#flags.rejects, [...names, ...['', '-wal', '-shm'].map((suffix) => this.#store.location + suffix)])
      if (this.#flags.atomic) await this.#atomically(names, format)
      else await this.#each(names, format, (block) => this.#store.load([block], { signal: this.#ctx.signal }).then(() => {}))
    } finally {
      if (this.#rejects !== undefined) closeSync(this.#rejects)
      this.#progress.done()
    }
    this.#summary()
  }

  /** One load of the store that gets the blocks of all inputs as they come. */
  async #atomically(names: readonly string[], format: InputFormat | undefined): Promise<void> {
    const { Handover } = await import('../input/handover.ts')
    const blocks = new Handover<Block>()
    const stored = this.#store.load(blocks, { signal: this.#ctx.signal })
    // The failure of the store is seen by whoever hands over the next block, or below.
    stored.catch((error: unknown) => blocks.refuse(error))
    try {
      await this.#each(names, format, (block) => blocks.give(block))
      blocks.end()
    } catch (error) {
      blocks.fail(error)
      await stored.catch(() => {})
      throw error
    }
    await stored
  }

  async #each(names: readonly string[], format: InputFormat | undefined, put: (block: Block) => Promise<void>): Promise<void> {
    for (const name of names) {
      const form = format ?? formatOf(name)
      const given: Given = { file: name === '-' ? undefined : name, store: storeToName(this.#ctx) }
      const input = await openInput(name, this.#ctx.signal, { stdinFd: this.#ctx.io.stdin.fd, unpackFirst: through(given, 'zstd -dc', form) })
      if (input === undefined) throw this.#interrupted()
      this.#bytesBefore = this.#bytes
      await this.#load(input, form, put)
    }
  }

  async #load(input: OpenInput, format: InputFormat, put: (block: Block) => Promise<void>): Promise<void> {
    const { maxKeyBytes, maxValueBytes } = this.#store.limits
    const options = { format, maxKeyBytes, maxValueBytes, skip: this.#flags.onError === 'skip' }
    const { refused, unreadable } = await load(input, options, {
      stop: this.#ctx.signal,
      atOnce: this.#flags.atomic === true,
      store: async (parsed) => {
        if (parsed.block.count > 0) await put(parsed.block)
        this.#count(parsed, input)
      },
    }).catch((error: unknown) => {
      if (error instanceof KvError && error.code === 'KV_INTERRUPTED') throw this.#interrupted()
      throw error instanceof KvError && this.#put > 0 ? this.#withCount(error) : error
    })
    if (refused !== undefined) throw this.#refusal(input, refused)
    if (unreadable !== undefined) throw this.#withCount(unreadable)
    if (this.#ctx.signal.aborted) throw this.#interrupted()
  }

  #interrupted(): KvError {
    return new KvError('KV_INTERRUPTED', `interrupted; ${this.#storedSoFar('so far')}`)
  }

  #withCount(error: KvError): KvError {
    // Of a load whose outcome is unknown all may be stored.
    if (this.#flags.atomic && error.code === 'KV_UNKNOWN_OUTCOME') return error
    return new KvError(error.code, `${error.message}; ${this.#storedSoFar('before that')}`, { hint: error.hint, cause: error })
  }

  #count({ records, inputBytes, skipped }: Parsed, input: OpenInput): void {
    this.#put += records
    this.#bytes += inputBytes
    for (const record of skipped) {
      if (this.#skipped < NAMED) this.#ctx.say(`kv: skipped ${describe(input, record)}`)
      if (this.#skipped === NAMED) this.#ctx.say('kv: more records are skipped, and not named')
      this.#skipped++
      if (this.#rejects !== undefined) {
        writeReject(this.#rejects, record)
      }
    }
    this.#progress.rows(this.#put, input.size === undefined ? this.#bytes : input.file === undefined ? input.read() : this.#bytes - this.#bytesBefore, input.size)
  }

  #refusal(input: OpenInput, record: RefusedRecord): KvError {
    return new KvError('KV_INVALID_INPUT', `${describe(input, record)}; ${this.#storedSoFar('before it')}`, {
      hint: this.#flags.atomic ? 'mend the record and run it again' : 'mend the record and run it again (what is stored already does no harm), or use --on-error skip',
    })
  }

  #storedSoFar(where: string): string {
    if (this.#flags.atomic) return 'nothing was stored'
    return `the ${this.#put.toLocaleString('en')} ${this.#put === 1 ? 'record' : 'records'} ${where} ${this.#put === 1 ? 'is' : 'are'} stored`
  }

  #summary(): void {
    const seconds = (performance.now() - this.#began) / 1000
    const rate = Math.round(this.#put / Math.max(seconds, 0.001))
    const summary = { put: this.#put, skipped: this.#skipped, bytes: this.#bytes, seconds: Number(seconds.toFixed(3)), rows_per_second: rate }
    if (this.#ctx.globals.json) this.#ctx.print.record(summary, '')
    this.#ctx.say(`${this.#put.toLocaleString('en')} put, ${this.#skipped.toLocaleString('en')} skipped, ${formatBytes(this.#bytes)} in ${seconds.toFixed(2)} s (${rate.toLocaleString('en')} rows/s)`)
  }
}

/** What a hint's `--store` must say: nothing where the same store is found without. */
function storeToName({ globals, inSession, io }: Context): string | undefined {
  return inSession || globals.storeIsDefault || globals.store === io.env['KV_STORE'] ? undefined : globals.store
}

function describe(input: OpenInput, { line, reason }: RefusedRecord): string {
  return escapeLine(`${input.name}:${line}: ${reason}`)
}

/** Opens the file for refused records. Throws `KV_USAGE`, also when it is one of the precious files. */
function openRejects(path: string, precious: readonly string[]): number {
  try {
    const there = statSync(path, { throwIfNoEntry: false })
    const isPrecious = (name: string): boolean => {
      const file = name === '-' ? undefined : statSync(name, { throwIfNoEntry: false })
      return file !== undefined && file.isFile() && file.dev === there?.dev && file.ino === there.ino
    }
    if (precious.some(isPrecious)) throw usageError(`--rejects would overwrite ${path}, which is an input or the store`)
    return openSync(path, 'w', 0o600)
  } catch (cause) {
    if (cause instanceof KvError) throw cause
    throw new KvError('KV_USAGE', `cannot write ${path}: ${reasonOf(cause)}`, { cause })
  }
}

function writeReject(file: number, { source }: RefusedRecord): void {
  try {
    writeSync(file, source)
    writeSync(file, '\n')
  } catch (cause) {
    throw new KvError('KV_OUTPUT', `cannot write the rejects: ${reasonOf(cause)}`, { cause })
  }
}
