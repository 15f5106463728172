import type { Encoding } from '../bytes.ts'
import type { Change, Entry } from '../store/entry.ts'
import type { TextForm } from '../store/driver.ts'
import type { ByteBuffer, TextOutput } from './byte-buffer.ts'

/** How keys and values are written. */
export interface ValueForm {
  readonly keyEncoding: Encoding
  readonly valueEncoding: Encoding
  /** Write values that are JSON text as JSON. */
  readonly jsonValues: boolean
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
  /** Whether one of the entries expires; asked where a column for that must be announced before the first. */
  expiring(): boolean | Promise<boolean>
}

/** Whether keys and values are written whole and as the text that they are. */
export function isPlain({ only, keyEncoding, valueEncoding, jsonValues }: EntryForm): boolean {
  return only === undefined && keyEncoding === 'utf8' && valueEncoding === 'utf8' && !jsonValues
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
  /** What writes a change. */
  changeWriter?(out: Output<TextOutput>, form: ValueForm): Promise<(change: Change) => void>
}
