import type { Encoding } from '../bytes.ts'
import type { Change, Entry } from '../store/driver/entry.ts'
import type { TextForm } from '../store/driver/text-form.ts'
import type { ByteBuffer, TextOutput } from './byte-buffer.ts'

/** How keys and values are written. */
export interface ValueForm {
  readonly keyEncoding: Encoding
  readonly valueEncoding: Encoding
  /** Write values that are JSON text as JSON. */
  readonly jsonValues: boolean
  /** Every value is JSON text on one line, and JSON formats write it as that. */
  readonly isJson?: boolean | undefined
}

/** How entries are written, in whichever format. */
export interface EntryForm extends ValueForm {
  /** Only the keys or only the values; absent: both. */
  readonly only?: 'key' | 'value' | undefined
  /** End each key, value or raw item with a NUL instead of a line feed. */
  readonly nul?: boolean | undefined
  /** With `--format raw`, send the stored bytes to a terminal as they are. */
  readonly exact?: boolean
  /** Lines of a value that `pretty` shows at most; absent: all. */
  readonly lines?: number
  /** Print these of each entry in place of key and value. */
  readonly columns?: Columns | undefined
  /** Writes entries in place of a format. */
  readonly template?: ((out: Output) => EntryWriter) | undefined
  /** Whether one of the entries expires; asked where a column for that must be announced before the first. */
  expiring(): boolean | Promise<boolean>
}

/** Whether keys and values are written whole and as the text that they are. */
export function isPlain({ only, keyEncoding, valueEncoding, jsonValues, isJson }: EntryForm): boolean {
  const isText = keyEncoding === 'utf8' && valueEncoding === 'utf8' && !jsonValues && isJson !== true
  return only === undefined && isText
}

/** A column: a part of the entry, or a field of its value, which must be JSON for that. */
export interface Column {
  /** As its head shows it. */
  readonly name: string
  readonly of: 'key' | 'value' | 'expires' | 'field'
  /** How its bytes are written; those of fields are UTF-8. */
  readonly encoding: Encoding
}

/** What stands in columns of one entry after another. */
export interface Columns {
  readonly list: readonly Column[]
  /** Goes on to an entry. */
  read(entry: Entry): void
  /** The bytes in a column by its place in the list: empty where there is nothing. Good until the next call. */
  text(column: number): Uint8Array
  /** The source of a column that is a field, as JSON on one line; `undefined`: there is none. */
  source(column: number): Uint8Array | undefined
}

/** Where entries or changes are written. */
export interface Output<Text = ByteBuffer> {
  readonly text: Text
  /** Whether a person reads it. */
  readonly isTTY: boolean
  readonly color: boolean
  /** Columns of the terminal now; `Infinity` where nothing cuts lines. */
  columns(): number
}

/** Writes entries one by one. */
export interface EntryWriter {
  /** The form in which an engine would write the same of all entries; absent: none. */
  readonly text?: TextForm | undefined
  write(entry: Entry): void
  /** No entry may come for a while: what there is should be seen. */
  endPage?(): void
  /** After the last entry. */
  end?(): void
}

/** How a format is written. What it cannot do has no method; what it does is loaded when asked for. */
export interface Format {
  /** Makes its text safe for a terminal; absent where it is so as it is written. */
  readonly escape?: (text: string) => string
  /** Writes what stands before the first entry. */
  entryWriter?(out: Output, form: EntryForm): EntryWriter | Promise<EntryWriter>
  /** Writes columns of entries in place of key and value. */
  columnWriter?(out: Output, columns: Columns): EntryWriter | Promise<EntryWriter>
  /** What writes a change. */
  changeWriter?(out: Output<TextOutput>, form: ValueForm): Promise<(change: Change) => void>
}
