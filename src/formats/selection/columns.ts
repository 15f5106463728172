import { type Encoding, utf8 } from '../../bytes.ts'
import { usageError } from '../../errors.ts'
import type { Entry } from '../../store/driver/entry.ts'
import type { Column, Columns } from '../format.ts'
import { FieldList } from '../template.ts'
import { EntryFields } from './entry-fields.ts'

const NOTHING = new Uint8Array()

/** A path and the comma after it; in double quotes a comma is one of the name. */
const NAME = /((?:"(?:[^"\\]|\\.)*"|[^,"])*),/sy

interface Parsed extends Column {
  /** Which of the fields of the value; -1: it is a part of the entry. */
  readonly field: number
}

/** The columns that `--columns id,name,address.city` names: `key`, `value` and `expires`, else a field of the value. */
export class EntryColumns extends EntryFields implements Columns {
  readonly list: readonly Parsed[]
  #entry: Entry | undefined

  /** Throws `KV_USAGE` for what names no columns, or one twice. */
  constructor(text: string, encodings: { readonly keyEncoding: Encoding; readonly valueEncoding: Encoding }) {
    const fields = new FieldList()
    const list = namesOf(text).map((written) => column(written, fields, encodings))
    super(
      fields,
      list.some(({ of }) => of === 'value'),
    )
    this.list = list
    for (const [at, { name }] of list.entries())
      if (list.findIndex((other) => other.name === name) !== at) throw usageError(`column ${name} is named twice`)
  }

  override read(entry: Entry): void {
    this.#entry = entry
    super.read(entry)
  }

  text(column: number): Uint8Array {
    const { of, field } = this.list[column]!
    const { key, value, expires } = this.#entry!
    if (of === 'key') return key
    if (of === 'value') return value
    if (of === 'expires') return expires === undefined ? NOTHING : utf8(new Date(expires).toISOString())
    return this.fieldText(field)
  }

  source(column: number): Uint8Array | undefined {
    return this.values.source(this.list[column]!.field)
  }
}

function namesOf(text: string): string[] {
  const names: string[] = []
  const list = `${text},`
  for (NAME.lastIndex = 0; NAME.lastIndex < list.length;) {
    const name = NAME.exec(list)?.[1]?.trim()
    if (!name) throw usageError(`not a list of columns: ${text}`, 'names and commas between them: id,name,address.city')
    names.push(name)
  }
  return names
}

function column(
  written: string,
  fields: FieldList,
  encodings: { readonly keyEncoding: Encoding; readonly valueEncoding: Encoding },
): Parsed {
  if (written === 'key') return { name: written, of: 'key', encoding: encodings.keyEncoding, field: -1 }
  if (written === 'value') return { name: written, of: 'value', encoding: encodings.valueEncoding, field: -1 }
  if (written === 'expires') return { name: written, of: 'expires', encoding: 'utf8', field: -1 }
  const field = fields.add(written)
  const path = fields.paths[field]!
  // A single name in quotes is that name; a path is shown as it is written.
  return { name: path.length === 1 ? path[0]! : written, of: 'field', encoding: 'utf8', field }
}
