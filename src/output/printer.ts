import { isUtf8 } from 'node:buffer'
import { type Encoding, encodeParts, textParts } from '../bytes.ts'
import { usageError } from '../errors.ts'
import type { Sink } from '../io.ts'
import type { EntryFormat, Format } from '../cli/options.ts'
import type { Awaitable } from '../store/driver.ts'
import type { Change, Entry } from '../store/entry.ts'
import { ByteBuffer } from '../formats/byte-buffer.ts'
import { binary, cell } from './cell.ts'
import { DeferredText } from '../formats/deferred-text.ts'
import { CSV, TSV, delimitedWriter } from '../formats/csv/writer.ts'
import { escapeJson, escapeText } from '../safe-text.ts'
import { type JsonOptions, writeJsonBytes, writeJsonChange, writeJsonEntry } from '../formats/json/lines-writer.ts'
import { sendLater } from './send-later.ts'

/** What the printer was asked for by global options. */
export interface PrinterOptions {
  readonly format: Format | undefined
  readonly json: boolean
  readonly color: boolean
}

/** How entries are printed. */
export interface EntryOptions extends JsonOptions {
  /** Only the keys or only the values; default: both. */
  readonly only: 'key' | 'value' | undefined
  /** End each key, value or raw item with a NUL instead of a line feed. */
  readonly nul: boolean
  /** With `--format raw`, send the stored bytes to a terminal as they are. */
  readonly exact: boolean
  /** Whether one of the entries expires; asked where a column for that must be announced before the first. */
  expiring(): Awaitable<boolean>
}

/** Rows that decide the widths of a table; later ones are drawn as they come. */
const TABLE_HEAD = 500

/**
 * Prints data on stdout in the form asked for. Nothing from a store reaches a terminal with a
 * control character in it.
 */
export class Printer {
  readonly #sink: Sink
  readonly #options: PrinterOptions

  constructor(sink: Sink, options: PrinterOptions) {
    this.#sink = sink
    this.#options = options
  }

  /** Whether one value stands for itself: no form was asked for that shows entries. */
  get takesValue(): boolean {
    const { format, json } = this.#options
    return format === undefined ? !json : format === 'raw' || format === 'pretty'
  }

  /** Whether JSON values are to be shown in indented lines. */
  get isPretty(): boolean {
    return this.#options.format === 'pretty'
  }

  /**
   * Prints one value: its exact bytes into a pipe or with `--format raw`; safe text and a line feed
   * on a terminal; with `--format pretty` JSON in indented lines, of which at most `lines`.
   */
  async value(
    entry: Entry,
    { valueEncoding, lines }: Pick<EntryOptions, 'valueEncoding'> & { lines?: number },
  ): Promise<void> {
    const { format } = this.#options
    const { value } = entry
    if (this.isPretty) {
      const { PrettyWriter } = await import('./pretty.ts')
      return new PrettyWriter(this.#sink, {
        keyEncoding: 'utf8',
        valueEncoding,
        only: 'value',
        lines,
        color: this.#options.color,
      }).write(entry)
    }
    const isExact = !this.#sink.isTTY || format === 'raw'
    if (valueEncoding !== 'utf8') {
      for (const part of encodeParts(value, valueEncoding)) this.#sink.write(part)
      if (!isExact) this.#sink.write('\n')
    } else if (isExact) {
      this.#sink.write(value)
    } else {
      if (isUtf8(value)) for (const part of textParts(value)) this.#sink.write(escapeText(part))
      else this.#sink.write(binary(value))
      this.#sink.write('\n')
    }
  }

  /** Whether {@link entries} may be given JSON Lines text that the engine made: a pipe gets them as they are. */
  takesJsonLines(options: EntryOptions): boolean {
    const { only, keyEncoding, valueEncoding, jsonValues } = options
    const plain = only === undefined && keyEncoding === 'utf8' && valueEncoding === 'utf8' && !jsonValues
    return plain && this.#format(options) === 'jsonl' && !this.#sink.isTTY
  }

  /** Prints entries as they come, in pages or, where {@link takesJsonLines} allows it, as text. */
  async entries(pages: AsyncIterable<Uint8Array | readonly Entry[]>, options: EntryOptions): Promise<void> {
    const format = this.#format(options)
    if (options.nul && format !== 'raw')
      throw usageError(`-0 does not go with ${format}`, 'it is for --keys, --values and --format raw')
    if (format === 'pretty') return this.#pretty(pages as AsyncIterable<readonly Entry[]>, options)
    if (format === 'table') return this.#table(pages as AsyncIterable<readonly Entry[]>, options)
    const safe = this.#sink.isTTY && !(options.exact && this.#options.format === 'raw')
    const out = new ByteBuffer(safe ? new SafeSink(this.#sink, format) : this.#sink)
    const write = await this.#entryWriter(format, out, options)
    let first = true
    if (format === 'json') out.text('[')
    let writing: Promise<void> | undefined
    for await (const page of pages) {
      // The page before goes out while the engine makes this one.
      await writing
      writing = undefined
      if (page instanceof Uint8Array) {
        writing = this.#sink.writeLater?.(page)
        if (writing === undefined) this.#sink.write(page)
        else writing.catch(() => {})
        continue
      }
      for (const entry of page) {
        if (format === 'json') out.text(first ? '\n' : ',\n')
        write(entry)
        first = false
        out.flushIfFull()
      }
      // What is there should be seen, should the next page take its time.
      out.flush()
    }
    await writing
    if (format === 'json') out.text(first ? ']\n' : '\n]\n')
    out.flush()
  }

  /**
   * Prints changes as they come, each at once: JSON Lines, or on a terminal lines for people. A slow reader is waited
   * for in the background, until `signal` is aborted. Throws `KV_USAGE` for a form they do not have,
   * `KV_INTERRUPTED`.
   */
  async changes(
    pages: AsyncIterable<Uint8Array | readonly Change[]>,
    options: JsonOptions,
    signal?: AbortSignal,
  ): Promise<void> {
    const { format, json, color } = this.#options
    const form = format ?? (json || !this.#sink.isTTY ? 'jsonl' : 'table')
    if (form !== 'jsonl' && form !== 'table' && form !== 'pretty')
      throw usageError(`changes cannot be printed as ${form}`, 'use jsonl, or table for lines to read')
    this.#sink.comesLive?.()
    const lines =
      form === 'jsonl' ? undefined : new (await import('./change-lines.ts')).ChangeLines({ ...options, color })
    const out = new DeferredText()
    for await (const page of pages as AsyncIterable<readonly Change[]>) {
      for (const change of page) {
        if (lines !== undefined) out.text(lines.line(change, this.#sink.isTTY ? this.#sink.columns() : Infinity))
        else {
          writeJsonChange(out, change, options, 'typed')
          out.text('\n')
        }
      }
      await sendLater(this.#sink, lines === undefined && this.#sink.isTTY ? safe(out.take(), form) : out.take(), signal)
    }
  }

  /** Prints one record: an object with `--json`, else what `text` says. */
  record(record: Readonly<Record<string, unknown>>, text: string): void {
    const { format, json } = this.#options
    const line = json || format === 'json' || format === 'jsonl' ? `${JSON.stringify(record)}\n` : `${text}\n`
    this.#sink.write(this.#sink.isTTY ? escapeText(line) : line)
  }

  /** Whether a person reads what is printed. */
  get isTTY(): boolean {
    return this.#sink.isTTY
  }

  /** The form asked for; keys or values alone are one a line unless one is. */
  #format({ only }: EntryOptions): EntryFormat {
    const { format, json } = this.#options
    if (format === 'markdown')
      throw usageError('entries cannot be printed as markdown', 'use table, pretty, jsonl, json, csv, tsv or raw')
    if (format !== undefined || json) return format ?? 'jsonl'
    if (only !== undefined) return 'raw'
    return this.#sink.isTTY ? 'table' : 'jsonl'
  }

  /** Writes what stands before the first entry; returns what writes an entry. */
  async #entryWriter(
    format: Exclude<EntryFormat, 'table' | 'pretty'>,
    out: ByteBuffer,
    options: EntryOptions,
  ): Promise<(entry: Entry) => void> {
    const { only, keyEncoding, valueEncoding } = options
    const encodingOf = (field: 'key' | 'value'): Encoding => (field === 'key' ? keyEncoding : valueEncoding)
    switch (format) {
      case 'json':
      case 'jsonl': {
        const end = format === 'jsonl' ? '\n' : ''
        return (entry) => {
          if (only === undefined) writeJsonEntry(out, entry, options)
          else writeJsonBytes(out, only, entry[only], encodingOf(only))
          out.text(end)
        }
      }
      case 'raw': {
        const field = only ?? 'value'
        const encoding = encodingOf(field)
        const end = options.nul ? '\0' : '\n'
        return (entry) => {
          if (encoding === 'utf8') out.bytes(entry[field])
          else out.encoded(entry[field], encoding)
          out.text(end)
        }
      }
      case 'csv':
      case 'tsv':
        return delimitedWriter(out, format === 'csv' ? CSV : TSV, {
          ...options,
          expires: only === undefined && (await options.expiring()),
        })
    }
  }

  async #pretty(pages: AsyncIterable<readonly Entry[]>, options: EntryOptions): Promise<void> {
    const { PrettyWriter } = await import('./pretty.ts')
    const writer = new PrettyWriter(this.#sink, { ...options, color: this.#options.color })
    for await (const page of pages) for (const entry of page) writer.write(entry)
  }

  async #table(pages: AsyncIterable<readonly Entry[]>, options: EntryOptions): Promise<void> {
    const { TableWriter } = await import('./table.ts')
    const table = new TableWriter(
      columns(options).map((column) => column.toUpperCase()),
      { color: this.#options.color, width: this.#sink.isTTY ? this.#sink.columns() : Infinity },
    )
    const fields = columns(options)
    let count = 0
    let rows: string[][] = []
    const flush = (): void => {
      if (count > 0) this.#sink.write(table.draw(rows))
      rows = []
    }
    for await (const page of pages) {
      for (const entry of page) {
        rows.push(
          fields.map((field) => cell(entry[field], field === 'key' ? options.keyEncoding : options.valueEncoding)),
        )
        count++
      }
      if (count >= TABLE_HEAD) flush()
    }
    if (rows.length > 0) flush()
    this.#sink.write(`(${count === 1 ? '1 row' : `${count.toLocaleString('en')} rows`})\n`)
  }
}

/** A terminal that shows stored bytes: controls arrive escaped, in JSON as JSON escapes. */
class SafeSink implements Pick<Sink, 'write'> {
  readonly #sink: Pick<Sink, 'write'>
  readonly #format: Format

  constructor(sink: Pick<Sink, 'write'>, format: Format) {
    this.#sink = sink
    this.#format = format
  }

  write(data: string | Uint8Array): void {
    for (const part of safe([typeof data === 'string' ? Buffer.from(data) : data], this.#format)) this.#sink.write(part)
  }
}

function* safe(parts: Iterable<Uint8Array>, format: Format): Generator<Buffer, void, void> {
  const escape = format === 'json' || format === 'jsonl' ? escapeJson : escapeText
  for (const part of parts) for (const text of textParts(part)) yield Buffer.from(escape(text))
}

function columns({ only }: EntryOptions): ('key' | 'value')[] {
  return only === undefined ? ['key', 'value'] : [only]
}
