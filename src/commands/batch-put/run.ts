import { closeSync } from 'node:fs'
import { type Block, blockOps } from '../../blocks/block.ts'
import type { Context } from '../../cli/context.ts'
import { formatOf } from '../../formats/parsers.ts'
import type { Parsed } from '../../load/block-parser.ts'
import { load } from '../../load/load.ts'
import { openInput } from '../../load/open-input.ts'
import { openRejects } from '../../load/rejects-writer.ts'
import { type InputSource, through } from '../../load/suggested-command.ts'
import type { Entry } from '../../store/entry.ts'
import { expiryOf } from '../../store/expiry.ts'
import type { Store } from '../../store/store.ts'
import type { Request } from './flags.ts'
import { type Reading, Report } from './report.ts'

/** Entries that a dry run shows. */
const SHOWN = 5

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
      throw this.#inputError ?? this.#report.withCount(error)
    } finally {
      if (this.#rejects !== undefined) closeSync(this.#rejects)
      this.#report.done()
    }
    if (dryRun && !this.#ctx.globals.json) await this.#show(first)
    this.#report.summary(
      first.map(({ key, value }) => ({ key: Buffer.from(key).toString(), value: Buffer.from(value).toString() })),
    )
  }

  async #load(blocks: AsyncIterable<Block>): Promise<void> {
    const { signal } = this.#ctx
    const { atomic, ifAbsent } = this.#request
    const options = {
      atomic,
      ifAbsent,
      onExisting: (entries: number): void => this.#report.left(entries),
      onProgress: (entries: number): void => this.#report.ahead(entries),
      signal,
    }
    if (atomic) await this.#store.load(blocks, options)
    else for await (const block of blocks) await this.#store.load([block], options)
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
    await this.#ctx.print.entries({ pages: () => [entries] }, { ...form, expiring })
  }

  /** The blocks of all inputs; each must be stored when the next is asked for. */
  async *#blocks(names: readonly string[]): AsyncGenerator<Block, void, void> {
    try {
      for (const name of names) {
        const reading = await this.#open(name)
        this.#report.begin(reading)
        for await (const parsed of this.#parse(reading)) {
          if (parsed.block.count > 0) yield parsed.block
          this.#report.count(parsed, reading)
          if (parsed.refused !== undefined) throw this.#report.refusal(reading, parsed.refused)
        }
        if (this.#ctx.signal.aborted) throw this.#report.interrupted()
        this.#report.end(reading)
      }
    } catch (error) {
      // The store passes it on, perhaps as the cause of another.
      this.#inputError = error
      throw error
    }
  }

  async #open(name: string): Promise<Reading> {
    const format = this.#request.format ?? formatOf(name)
    const source: InputSource = { file: name === '-' ? undefined : name, store: storeToName(this.#ctx) }
    const input = await openInput(name, this.#ctx.signal, {
      stdinFd: this.#ctx.io.stdin.fd,
      encoding: this.#request.encoding,
      unpackFirst: (program) => through(source, program, format),
    })
    if (input === undefined) throw this.#report.interrupted()
    return { input, format, source: { ...source, unpack: input.unpack } }
  }

  async *#parse({ input, format }: Reading): AsyncGenerator<Parsed, void, void> {
    const { maxKeyBytes, maxValueBytes, maxEntryBytes, maxBatchBytes, opOverheadBytes } = this.#store.limits
    const { parser, skip, atomic, dryRun, ifAbsent, maxErrors } = this.#request
    try {
      yield* load(input, {
        ...parser,
        format,
        maxKeyBytes,
        maxValueBytes,
        maxEntryBytes: Math.min(maxEntryBytes, maxBatchBytes) - opOverheadBytes,
        keepsEqual: ifAbsent,
        skip: skip || dryRun,
        maxSkipped: maxErrors === undefined ? undefined : maxErrors - this.#report.skipped,
        rejects: this.#rejects === undefined ? undefined : { fd: this.#rejects, input: input.name },
        stop: this.#ctx.signal,
        atOnce: atomic || dryRun,
      })
    } catch (error) {
      throw this.#report.withCount(error)
    }
  }
}

/** What a hint's `--store` must say: nothing where the same store is found without. */
function storeToName({ globals, inSession, io }: Context): string | undefined {
  return inSession || globals.storeIsDefault || globals.store === io.env['KV_STORE'] ? undefined : globals.store
}
