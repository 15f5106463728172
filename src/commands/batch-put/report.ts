import type { Context } from '../../cli/context.ts'
import { KvError } from '../../errors.ts'
import { type BadRecord, explain } from '../../formats/record-reader.ts'
import type { InputFormat } from '../../formats/parsers.ts'
import { NAMED, type Parsed } from '../../load/block-parser.ts'
import { suggestionFor } from '../../load/detect.ts'
import type { OpenInput } from '../../load/open-input.ts'
import type { InputSource } from '../../load/suggested-command.ts'
import { Progress } from '../../output/progress.ts'
import type { Collected } from '../../store/stream/load-stream.ts'
import { escapeLine, formatBytes, formatCount } from '../../safe-text.ts'
import type { Request } from './flags.ts'

/** The input that is read now. */
export interface Reading {
  readonly input: Pick<OpenInput, 'name' | 'size' | 'file' | 'read' | 'grown' | 'head'>
  /** The form of its records; of `files`, each of its records is the name of one. */
  readonly format: InputFormat | 'files'
  /** How the user gave it. */
  readonly source: InputSource
}

interface FirstSkipped {
  readonly reading: Reading
  readonly record: BadRecord
}

/** Counts what one run of batch-put comes to, and puts it into words: progress, faults, and the end. */
export class Report {
  readonly #ctx: Context
  readonly #request: Request
  readonly #progress: Progress
  readonly #began = performance.now()
  /** Records done with, those that delete or were left among them. */
  #records = 0
  #deletes = 0
  /** Puts that were left because their key was there. */
  #existing = 0
  /** Of what is being stored, entries that are. */
  #ahead = 0
  /** Entries that are put aside, to be stored later, and how many records were stored before them. */
  #collected: Collected | undefined
  #storedBefore = 0
  #skipped = 0
  #bytes = 0
  /** Of the inputs before the one that is read. */
  #bytesBefore = 0
  #reading: Reading | undefined
  #firstSkipped: FirstSkipped | undefined

  constructor(ctx: Context, request: Request) {
    this.#ctx = ctx
    this.#request = request
    this.#progress = new Progress(ctx.io.stderr, ctx.drawsProgress)
  }

  /** Records that were skipped so far. */
  get skipped(): number {
    return this.#skipped
  }

  /** The next input begins. */
  begin(reading: Reading): void {
    this.#reading = reading
    this.#bytesBefore = this.#bytes
  }

  /** So many entries of what is being stored, a block or what was put aside, are stored for certain. */
  ahead(entries: number): void {
    this.#ahead = entries
    if (this.#collected === undefined) this.#draw()
  }

  /** Entries were put aside, or some of them written; or all are stored. */
  collected(collected: Collected | undefined): void {
    if (this.#collected === undefined) this.#storedBefore = this.#records
    if (collected === undefined) this.#ahead = 0
    this.#collected = collected
    if (collected !== undefined && collected.written > 0) this.#progress.rowsOf(collected.written, collected.entries)
  }

  /** Whether entries are put aside and not stored. */
  get isCollecting(): boolean {
    return this.#collected !== undefined
  }

  /** So many puts were left because their key was there. */
  left(entries: number): void {
    this.#existing += entries
  }

  /** A stretch of input is done with. */
  count({ records, deletes, inputBytes, skipped, named }: Parsed, reading: Reading): void {
    this.#records += records
    this.#deletes += deletes
    this.#ahead = 0
    this.#bytes += inputBytes
    for (const [n, record] of named.entries()) {
      if (this.#skipped + n < NAMED) this.#ctx.say(`kv: skipped ${describe(reading, record)}`)
      this.#firstSkipped ??= { reading, record }
    }
    if (this.#skipped <= NAMED && this.#skipped + skipped > NAMED)
      this.#ctx.say('kv: more records are skipped, and not named')
    this.#skipped += skipped
    this.#draw()
  }

  /** An input is done with, to its end. */
  end({ input }: Reading): void {
    // Bytes are counted before they become UTF-8.
    this.#bytes -= input.grown()
  }

  /** Takes the progress line away. */
  done(): void {
    this.#progress.done()
  }

  #draw(): void {
    const { input } = this.#reading!
    const ofInput = (): number => (input.file === undefined ? input.read() : this.#bytes - this.#bytesBefore)
    this.#progress.rows(this.#records + this.#ahead, input.size === undefined ? this.#bytes : ofInput(), input.size)
  }

  /** What a user is told who interrupted the run. */
  interrupted(): KvError {
    return new KvError('KV_INTERRUPTED', `interrupted; ${this.#storedSoFar('so far')}`)
  }

  /** The same error, which also says what is stored, unless that is clear. */
  withCount(error: unknown): unknown {
    if (!(error instanceof KvError)) return error
    const { code, message, hint } = error
    if (code === 'KV_INTERRUPTED') return this.interrupted()
    // Of a load whose outcome is unknown all may be stored.
    const isClear =
      (this.#records + this.#ahead === 0 && code !== 'KV_INVALID_INPUT') ||
      (this.#request.atomic && code === 'KV_UNKNOWN_OUTCOME')
    return isClear
      ? error
      : new KvError(code, `${message}; ${this.#storedSoFar('before that')}`, { hint, cause: error })
  }

  /** The error of a bad record that ends the run. */
  refusal(reading: Reading, record: BadRecord): KvError {
    const { maxErrors } = this.#request
    const isOver = maxErrors !== undefined && record.isLast !== true
    const tooMany = isOver ? `, and no more than ${maxErrors} may be refused` : ''
    // Also what is put aside is stored by the time this is told.
    const message = `${describe(reading, record)}${tooMany}; ${this.#storedSoFar('before it', this.#records)}`
    return new KvError('KV_INVALID_INPUT', message, {
      hint: record.hint ?? this.#suggestion(reading, record) ?? this.#hint(record),
    })
  }

  /** What can be done about a record that ended the input. */
  #hint(record: BadRecord): string {
    const { skip, atomic, isFiles } = this.#request
    const mend = isFiles
      ? 'leave it out and run it again'
      : `mend the ${record.record === 0 ? 'header' : 'record'} and run it again`
    if (record.isLast && skip)
      return `${mend}: it cannot be told where the next record begins, so this one cannot be skipped`
    const harmless = this.#records > 0 && !atomic ? ' (what is stored already does no harm)' : ''
    return `${mend}${harmless}${record.isLast || skip || atomic ? '' : ', or use --on-error skip'}`
  }

  #storedSoFar(where: string, records = this.#collected === undefined ? this.#records : this.#storedBefore): string {
    const { atomic, dryRun, ifAbsent } = this.#request
    if (atomic || dryRun || records + this.#ahead === 0) return 'nothing was stored'
    const ahead = this.#ahead === 0 ? '' : `, and ${this.#ahead.toLocaleString('en')} of those that follow`
    const done = ifAbsent || this.#deletes > 0 ? 'done' : 'stored'
    return `the ${formatCount(records, 'record')} ${where} ${records === 1 ? 'is' : 'are'} ${done}${ahead}`
  }

  /**
   * The end: what was put. Throws `KV_INVALID_INPUT` where nothing but refused records came, since nobody meant that,
   * and where a dry run found one.
   */
  summary(first?: readonly unknown[]): void {
    const { dryRun, ifAbsent } = this.#request
    const put = this.#records - this.#deletes - this.#existing
    const seconds = (performance.now() - this.#began) / 1000
    const rate = Math.round(this.#records / Math.max(seconds, 0.001))
    const summary = {
      ...(dryRun ? { dry_run: true } : {}),
      put,
      ...(this.#deletes > 0 ? { deleted: this.#deletes } : {}),
      ...(ifAbsent && !dryRun ? { existing: this.#existing } : {}),
      skipped: this.#skipped,
      bytes: this.#bytes,
      ...(dryRun ? { first } : { seconds: Number(seconds.toFixed(3)), rows_per_second: rate }),
    }
    if (this.#ctx.globals.json) this.#ctx.print.record(summary, '')
    const many = (count: number): string => count.toLocaleString('en')
    const deleted = this.#deletes > 0 ? `${many(this.#deletes)} deleted, ` : ''
    const existing = ifAbsent ? `${many(this.#existing)} existing, ` : ''
    this.#ctx.say(
      dryRun
        ? `${ifAbsent ? 'up to ' : ''}${many(put)} would be put, ${deleted}${many(this.#skipped)} refused; nothing was stored`
        : `${many(put)} put, ${deleted}${existing}${many(this.#skipped)} skipped, ${formatBytes(this.#bytes)} in ${seconds.toFixed(2)} s (${many(rate)} rows/s)`,
    )
    if (this.#firstSkipped !== undefined && (dryRun || this.#records === 0))
      throw this.#nothingButRefused(this.#firstSkipped)
  }

  #nothingButRefused({ reading, record }: FirstSkipped): KvError {
    const count = this.#skipped.toLocaleString('en')
    const all = this.#records === 0
    const what =
      this.#skipped === 1
        ? `${all ? 'the only record' : 'a record'} was refused`
        : `${all ? `all ${count}` : count} records were refused`
    return new KvError('KV_INVALID_INPUT', `${what}; nothing was stored`, { hint: this.#suggestion(reading, record) })
  }

  /** How to give the input, by what it looks like. */
  #suggestion({ input, format, source }: Reading, record: BadRecord): string | undefined {
    return format === 'files' ? undefined : suggestionFor(record, input.head(), format, source, this.#request.parser)
  }
}

function describe({ input, format }: Reading, record: BadRecord): string {
  // A file is named by its path, which its reason begins with.
  return escapeLine(`${format === 'files' ? '' : `${input.name}:${record.line}: `}${explain(record)}`)
}
