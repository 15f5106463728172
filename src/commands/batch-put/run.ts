import { closeSync } from 'node:fs'
import { type Block, blockOps } from '../../blocks/block.ts'
import { untilAborted } from '../../async.ts'
import { utf8 } from '../../bytes.ts'
import { usageError } from '../../errors.ts'
import type { Context } from '../../cli/context.ts'
import { useColor } from '../../cli/environment.ts'
import { textOrBase64 } from '../../formats/json/writer.ts'
import { type InputFormat, formatOf } from '../../formats/parsers.ts'
import type { Parsed } from '../../load/block-parser.ts'
import { formatOfContent } from '../../load/content-format.ts'
import { type FileName, namesIn } from '../../load/files/file-names.ts'
import { loadFiles } from '../../load/files/load-files.ts'
import { type LoadOptions, load } from '../../load/load.ts'
import { type OpenInput, openInput } from '../../load/open-input.ts'
import { Printer } from '../../output/printer.ts'
import { openRejects } from '../../load/rejects-writer.ts'
import { type InputSource, through } from '../../load/suggested-command.ts'
import type { Entry } from '../../store/driver/entry.ts'
import { expiryOf } from '../../store/expiry.ts'
import type { Store } from '../../store/store.ts'
import type { Request } from './flags.ts'
import { type Reading, Report } from './report.ts'

/** Entries that a dry run shows. */
const SHOWN = 5

/** A {@link Reading} of records. */
type InputReading = Reading & { readonly input: OpenInput; readonly format: InputFormat }

/** One run of batch-put over all its inputs. */
export class Run {
  readonly #ctx: Context
  readonly #store: Store
  readonly #request: Request
  readonly #report: Report
  #rejects: number | undefined
  /** Why the inputs could not be parsed to their end. */
  #inputError: unknown

  constructor(ctx: Context, store: Store, request: Request) {
    this.#ctx = ctx
    this.#store = store
    this.#request = request
    this.#report = new Report(ctx, request)
  }

  /** Loads all inputs. Throws the first fault, with what is stored by then. */
  async all(names: readonly string[]): Promise<void> {
    const { rejects, dryRun } = this.#request
    const first: Entry[] = []
    this.#ctx.handleSignals()
    try {
      if (rejects !== undefined) this.#rejects = openRejects(rejects, names, this.#ctx.io.stdin.fd, this.#store.files)
      const blocks = this.#blocks(names)
      await (dryRun ? this.#look(blocks, first) : this.#load(blocks))
    } catch (error) {
      // What was put aside is stored before the fault of an input is told, unless that fails or the run is interrupted.
      const isStored = this.#inputError !== undefined && !this.#report.isCollecting
      throw isStored ? this.#inputError : this.#report.withCount(error)
    } finally {
      if (this.#rejects !== undefined) closeSync(this.#rejects)
      this.#report.done()
    }
    if (dryRun && !this.#ctx.globals.json) await this.#show(first)
    this.#report.summary(
      first.map(({ key, value }) => ({ ...textOrBase64('key', key), ...textOrBase64('value', value) })),
    )
  }

  async #load(blocks: AsyncIterable<Block>): Promise<void> {
    const { signal } = this.#ctx
    const { atomic, ifAbsent } = this.#request
    await this.#store.loadStream(blocks, {
      atomic,
      ifAbsent,
      onExisting: (entries) => this.#report.left(entries),
      onProgress: (entries) => this.#report.ahead(entries),
      onCollected: (collected) => this.#report.collected(collected),
      signal,
    })
  }

  /** Stores nothing; keeps the first entries. */
  async #look(blocks: AsyncIterable<Block>, first: Entry[]): Promise<void> {
    for await (const block of blocks) {
      for (const op of blockOps(block)) {
        if (first.length === SHOWN) break
        if (op.type === 'del') continue
        const expires = expiryOf(op, Date.now())
        first.push({ key: new Uint8Array(op.key), value: new Uint8Array(op.value), revision: 0, expires })
      }
    }
  }

  async #show(entries: readonly Entry[]): Promise<void> {
    const form = { keyEncoding: 'utf8', valueEncoding: 'utf8', jsonValues: false } as const
    const expiring = (): boolean => entries.some(({ expires }) => expires !== undefined)
    // `--format` names the form of the input.
    const { io, globals } = this.#ctx
    const color = useColor(io.stdout.isTTY, globals, io.env)
    await new Printer(io.stdout, { format: undefined, json: false, color }).entries(
      { pages: () => [entries] },
      { ...form, expiring },
    )
  }

  /** The blocks of all inputs; each must be stored when the next is asked for. */
  async *#blocks(names: readonly string[]): AsyncGenerator<Block, void, void> {
    try {
      if (this.#request.isFiles) yield* this.#take(filesReading(names), this.#files(names))
      else
        for (const name of names) {
          const reading = await this.#open(name)
          yield* this.#take(reading, this.#parse(reading))
        }
    } catch (error) {
      // The store passes it on, perhaps as the cause of another.
      this.#inputError = error
      throw error
    }
  }

  /** The blocks of one input. */
  async *#take(reading: Reading, stretches: AsyncIterable<Parsed>): AsyncGenerator<Block, void, void> {
    this.#report.begin(reading)
    for await (const parsed of stretches) {
      // An empty block says that the input pauses.
      if (parsed.block.count > 0 || parsed.inputBytes === 0) yield parsed.block
      this.#report.count(parsed, reading)
      if (parsed.refused !== undefined) throw this.#report.refusal(reading, parsed.refused)
    }
    if (this.#ctx.signal.aborted) throw this.#report.interrupted()
    this.#report.end(reading)
  }

  async #open(name: string): Promise<InputReading> {
    const named = this.#request.format ?? formatOf(name)
    if (this.#request.parser.columns !== undefined && named !== undefined && named !== 'csv' && named !== 'tsv')
      throw usageError(
        `--no-header is for CSV and TSV, and ${name} is read as ${named}`,
        'if it is CSV, add --format csv',
      )
    const source: InputSource = {
      file: name === '-' ? undefined : name,
      store: storeToName(this.#ctx),
      options: this.#request.given,
    }
    const input = await openInput(name, this.#ctx.signal, {
      stdinFd: this.#ctx.io.stdin.fd,
      encoding: this.#request.encoding,
      unpackFirst: (program) => through(source, program, named ?? 'jsonl'),
    })
    if (input === undefined) throw this.#report.interrupted()
    const format = named ?? (await this.#formatOfContent(input))
    return { input, format, source: { ...source, unpack: input.unpack } }
  }

  async #formatOfContent(input: OpenInput): Promise<InputFormat> {
    try {
      const head = await untilAborted(input.begin(), this.#ctx.signal)
      return formatOfContent(head, this.#request.parser) ?? 'jsonl'
    } catch (error) {
      input.close()
      throw this.#report.withCount(error)
    }
  }

  async *#parse({ input, format }: InputReading): AsyncGenerator<Parsed, void, void> {
    try {
      yield* load(input, { ...this.#loadOptions(input.name), format })
    } catch (error) {
      throw this.#report.withCount(error)
    }
  }

  /** The entries that files become. `-` among their names: a list of names. */
  async *#files(names: readonly string[]): AsyncGenerator<Parsed, void, void> {
    const options = { ...this.#loadOptions(nameOfList(names)), storeFiles: this.#store.files }
    try {
      yield* loadFiles(this.#fileNames(names), options)
    } catch (error) {
      throw this.#report.withCount(error)
    }
  }

  async *#fileNames(names: readonly string[]): AsyncGenerator<FileName[], void, void> {
    for (const [n, name] of names.entries()) {
      if (name !== '-') {
        yield [{ path: utf8(name), line: n + 1 }]
        continue
      }
      const input = await openInput(name, this.#ctx.signal, { stdinFd: this.#ctx.io.stdin.fd })
      if (input === undefined) return
      const close = (): void => input.close()
      this.#ctx.signal.addEventListener('abort', close)
      try {
        yield* namesIn(input.chunks, this.#request.parser.nul === true, input.name)
      } finally {
        this.#ctx.signal.removeEventListener('abort', close)
        input.close()
      }
    }
  }

  #loadOptions(input: string): Omit<LoadOptions, 'format'> {
    const { maxKeyBytes, maxValueBytes, maxEntryBytes, maxBatchBytes, opOverheadBytes } = this.#store.limits
    const { parser, skip, atomic, dryRun, ifAbsent, maxErrors } = this.#request
    return {
      ...parser,
      maxKeyBytes,
      maxValueBytes,
      maxEntryBytes: Math.min(maxEntryBytes, maxBatchBytes) - opOverheadBytes,
      keepsEqual: ifAbsent,
      skip: skip || dryRun,
      maxSkipped: maxErrors === undefined ? undefined : maxErrors - this.#report.skipped,
      rejects: this.#rejects === undefined ? undefined : { fd: this.#rejects, input },
      stop: this.#ctx.signal,
      atOnce: atomic || dryRun,
    }
  }
}

/** Files have no form and no size of their own. */
function filesReading(names: readonly string[]): Reading {
  const input = { name: nameOfList(names), size: undefined, file: undefined, read: () => 0, grown: () => 0 }
  return {
    input: { ...input, head: () => new Uint8Array() },
    format: 'files',
    source: { file: undefined, store: undefined },
  }
}

/** Where the names of files come from, as the rejects say it. */
function nameOfList(names: readonly string[]): string {
  return names.includes('-') ? 'stdin' : 'arguments'
}

/** What a hint's `--store` must say: nothing where the same store is found without. */
function storeToName({ globals, inSession, io }: Context): string | undefined {
  return inSession || globals.storeIsDefault || globals.store === io.env['KV_STORE'] ? undefined : globals.store
}
