import { isUtf8 } from 'node:buffer'
import { encodeParts, textParts } from '../bytes.ts'
import { usageError } from '../errors.ts'
import type { TextOutput } from '../formats/byte-buffer.ts'
import type { EntryForm, Format, Output, ValueForm } from '../formats/format.ts'
import { COLUMN_FORMATS, FORMATS, type FormatName, OUTPUT_FORMATS } from '../formats/index.ts'
import type { Sink } from '../io.ts'
import { binary, escapeText } from '../safe-text.ts'
import type { Change, Entry } from '../store/driver/entry.ts'
import type { EntrySource } from './print-entries.ts'
import type { RowForm, RowView } from './print-rows.ts'

/** What the printer was asked for by global options. */
export interface PrinterOptions {
  readonly format: FormatName | undefined
  readonly json: boolean
  readonly color: boolean
}

/**
 * Prints data on stdout in the format asked for. Nothing from a store reaches a terminal with a
 * control character in it.
 */
export class Printer {
  readonly #sink: Sink
  readonly #options: PrinterOptions

  constructor(sink: Sink, options: PrinterOptions) {
    this.#sink = sink
    this.#options = options
  }

  /** Whether JSON values are to be shown in indented lines. */
  get isPretty(): boolean {
    return this.#options.format === 'pretty'
  }

  /** Whether a person reads what is printed. */
  get isTTY(): boolean {
    return this.#sink.isTTY
  }

  /** Whether entries are printed as JSON; `isOne`: a single one, see {@link entry}. */
  printsJson(form: Pick<EntryForm, 'only'>, isOne: boolean): boolean {
    const { format, json } = this.#options
    if (isOne && format === undefined && !json) return false
    const name = this.#formatOf(form)
    return name === 'json' || name === 'jsonl'
  }

  /** Prints one entry: its value alone, unless a format of entries was asked for. */
  async entry(entry: Entry, form: EntryForm): Promise<void> {
    const { format, json } = this.#options
    const isValue = format === undefined ? !json : format === 'raw' || format === 'pretty'
    const isChosen = form.columns !== undefined || form.template !== undefined
    return isValue && !isChosen ? this.value(entry, form) : this.entries({ pages: () => [[entry]] }, form)
  }

  /**
   * Prints one value: its exact bytes into a pipe or with `--format raw`; safe text and a line feed
   * on a terminal; with `--format pretty` JSON in indented lines, of which at most `lines`.
   */
  async value(entry: Entry, form: Pick<EntryForm, 'valueEncoding' | 'lines'>): Promise<void> {
    const { value } = entry
    const { valueEncoding } = form
    if (this.isPretty) {
      const plain = { keyEncoding: 'utf8', jsonValues: false, expiring: () => false } as const
      return this.entries({ pages: () => [[entry]] }, { ...plain, ...form, only: 'value' })
    }
    const isExact = !this.#sink.isTTY || this.#options.format === 'raw'
    if (valueEncoding !== 'utf8') for (const part of encodeParts(value, valueEncoding)) this.#sink.write(part)
    else if (isExact) this.#sink.write(value)
    else if (isUtf8(value)) for (const part of textParts(value)) this.#sink.write(escapeText(part))
    else this.#sink.write(binary(value.length))
    if (!isExact) this.#sink.write('\n')
  }

  /** Prints entries as they come. Throws `KV_USAGE` for a format they do not have. */
  async entries(source: EntrySource, form: EntryForm): Promise<void> {
    const format = this.#writerOf(form)
    const isExact = form.exact === true && this.#options.format === 'raw'
    const { printEntries } = await import('./print-entries.ts')
    await printEntries(this.#sink, this.#output, source, format, form, isExact)
  }

  /**
   * Prints changes as they come, each at once: JSON Lines, or on a terminal lines for people. A slow reader is waited
   * for in the background, until `signal` is aborted. Throws `KV_USAGE` for a format they do not have,
   * `KV_INTERRUPTED`.
   */
  async changes(
    pages: AsyncIterable<Uint8Array | readonly Change[]>,
    form: ValueForm,
    signal?: AbortSignal,
  ): Promise<void> {
    const { format, json } = this.#options
    const name = format ?? (json || !this.#sink.isTTY ? 'jsonl' : 'table')
    const { changeWriter, escape }: Format = FORMATS[name]
    if (changeWriter === undefined)
      throw usageError(`changes cannot be printed as ${name}`, 'use jsonl, or table for lines to read')
    const { printChanges } = await import('./print-changes.ts')
    await printChanges(this.#sink, pages as AsyncIterable<readonly Change[]>, escape, signal, (text) =>
      changeWriter({ ...this.#output, text }, form),
    )
  }

  /** Prints one record: an object with `--json`, else what `text` says. */
  record(record: Readonly<Record<string, unknown>>, text: string): void {
    const { format, json } = this.#options
    const line = json || format === 'json' || format === 'jsonl' ? `${JSON.stringify(record)}\n` : `${text}\n`
    this.#sink.write(this.#sink.isTTY ? escapeText(line) : line)
  }

  /** Prints records as they come, as {@link record} does: what `json` writes, else what `text` says, a line each. */
  async records<T>(
    pages: AsyncIterable<Uint8Array | readonly T[]>,
    json: (out: TextOutput, item: T) => void,
    text: (item: T) => string,
  ): Promise<void> {
    const { format } = this.#options
    const isJson = this.#options.json || format === 'json' || format === 'jsonl'
    const { printRecords } = await import('./print-records.ts')
    await printRecords(
      this.#sink,
      pages as AsyncIterable<readonly T[]>,
      isJson ? json : (out, item) => out.text(text(item)),
    )
  }

  /** How rows of a list are printed, see {@link rows}. */
  get rowForm(): RowForm {
    const { format, json } = this.#options
    if (format === 'table' || format === 'json') return format
    if (format === 'jsonl' || json) return 'jsonl'
    return format === undefined && this.#sink.isTTY ? 'table' : 'lines'
  }

  /** Prints the rows of a list as they come. */
  async rows<T>(pages: AsyncIterable<readonly T[]>, view: RowView<T>): Promise<void> {
    const { printRows } = await import('./print-rows.ts')
    await printRows(this.#sink, this.#output, this.rowForm, pages, view)
  }

  get #output(): Omit<Output, 'text'> {
    const { isTTY } = this.#sink
    return { isTTY, color: this.#options.color, columns: () => (isTTY ? this.#sink.columns() : Infinity) }
  }

  /** What writes the entries. Throws `KV_USAGE` where the form asked for cannot be written in the format. */
  #writerOf(form: EntryForm): Format {
    const { columns, template, nul } = form
    if (template !== undefined) return { entryWriter: template, escape: escapeText }
    const name = this.#formatOf(form)
    if (nul && name !== 'raw')
      throw usageError(`-0 does not go with ${name}`, 'it is for --keys, --values, --template and --format raw')
    const format: Format = FORMATS[name]
    if (columns === undefined) return format
    const { columnWriter, escape } = format
    if (columnWriter === undefined)
      throw usageError(`columns cannot be printed as ${name}`, `one of ${COLUMN_FORMATS.join(' ')}`)
    return { entryWriter: (out) => columnWriter(out, columns), ...(escape && { escape }) }
  }

  /** The format asked for; keys or values alone are one a line unless one is. */
  #formatOf({ only }: Pick<EntryForm, 'only'>): FormatName {
    const { format, json } = this.#options
    if (format !== undefined && !OUTPUT_FORMATS.includes(format))
      throw usageError(`entries cannot be printed as ${format}`, `one of ${OUTPUT_FORMATS.join(' ')}`)
    if (format !== undefined || json) return format ?? 'jsonl'
    if (only !== undefined) return 'raw'
    return this.#sink.isTTY ? 'table' : 'jsonl'
  }
}
