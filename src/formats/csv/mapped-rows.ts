import type { BlockBuilder } from '../../blocks/block-builder.ts'
import type { ByteArena } from '../../blocks/byte-arena.ts'
import { quoteWord } from '../../shell-quote.ts'
import { type FieldMapping, type Mapping, fieldMapping } from '../mapping.ts'
import { type ParserOptions, lengthFault } from '../record-reader.ts'
import { type Fields, type Template, fill } from '../template.ts'
import { type Fault, columnNamed, nearestColumn, noColumn } from './columns.ts'
import type { RowEntries } from './entry-rows.ts'
import { ObjectOfColumns } from './object.ts'
import type { Row } from './row.ts'

/** Rows whose columns a {@link Mapping} makes keys and values of. The value is an object of all columns, if nothing else. */
export class MappedRows implements RowEntries, Fields {
  readonly makes: RowEntries['makes']
  readonly names: readonly string[] = []
  readonly widest = 1
  readonly #options: ParserOptions
  readonly #given: Mapping
  readonly #mapping: FieldMapping
  /** The field that the value is as it stands; -1: it is put together. */
  readonly #valueField: number
  /** Whether the key need not be put together either. */
  readonly #keyStands: boolean
  /** The column of each field of the mapping. */
  #columns: number[] = []
  #object: ObjectOfColumns | undefined
  #row: Row | undefined
  #bytes: Uint8Array = new Uint8Array(0)

  /** Throws `KV_USAGE` for a wrong template. */
  constructor(options: ParserOptions) {
    const given = options.mapping!
    this.#options = options
    this.#given = given
    this.#mapping = fieldMapping(given.key!, given)
    const { prefix, key, value } = this.#mapping
    this.#valueField = value === undefined ? -1 : onlyField(value)
    this.#keyStands = prefix.length === 0 && onlyField(key) >= 0 && this.#valueField >= 0
    this.makes = this.#keyStands ? undefined : { keys: true, values: this.#valueField < 0 }
  }

  columns(names: readonly string[]): Fault | undefined {
    const header = names.map((name) => name.trim())
    const { fields, value } = this.#mapping
    this.#columns = fields.names.map((name, field) => columnNamed(name, fields.paths[field]!, header))
    for (const [field, column] of this.#columns.entries()) {
      const path = fields.paths[field]!
      const name = path.length === 1 ? path[0]! : fields.names[field]!
      if (column < 0) return { reason: noColumn(name, header), hint: this.#correction(field, name, header) }
      if (header.includes(header[column]!, column + 1))
        return { reason: `column ${JSON.stringify(name)} is there twice` }
    }
    if (value !== undefined) return undefined
    const seen = new Set<string>()
    for (const name of header) {
      if (seen.has(name))
        return {
          reason: `column ${JSON.stringify(name)} is there twice, which an object cannot say`,
          hint: "choose the value with --value, as in --value '{a}:{b}', or name the columns with --no-header --fields",
        }
      seen.add(name)
    }
    this.#object = new ObjectOfColumns(header)
    return undefined
  }

  add(into: BlockBuilder, row: Row): string | undefined {
    const { bytes } = into
    this.#row = row
    this.#bytes = bytes
    const { prefix, key, value, ttl } = this.#mapping
    const valueColumn = this.#valueField < 0 ? -1 : this.#columns[this.#valueField]!
    let keyStart: number
    let keyLength: number
    let valueStart = 0
    let valueLength = valueColumn < 0 ? 0 : row.decodedLength(valueColumn)
    let fault: string | undefined
    if (this.#keyStands) {
      const column = this.#columns[0]!
      keyStart = row.start(column)
      keyLength = row.decodedLength(column)
      fault = lengthFault(keyLength, valueLength, this.#options)
      if (fault === undefined && column !== valueColumn) row.decode(bytes, column)
    } else {
      const { arena } = into
      keyStart = arena.length
      arena.add(prefix)
      fault = fill(key, this, arena)
      keyLength = arena.length - keyStart
      if (valueColumn < 0 && fault === undefined) {
        valueStart = arena.length
        fault =
          value === undefined
            ? this.#object!.add(bytes, row, arena, this.#options.maxValueBytes)
            : fill(value, this, arena)
        valueLength = arena.length - valueStart
      }
      fault ??= lengthFault(keyLength, valueLength, this.#options)
      if (fault !== undefined) arena.length = keyStart
    }
    if (fault !== undefined) return fault
    if (valueColumn >= 0) {
      row.decode(bytes, valueColumn)
      valueStart = row.start(valueColumn)
    }
    if (ttl === undefined) into.add(keyStart, keyLength, valueStart, valueLength)
    else into.addExpiring(keyStart, keyLength, valueStart, valueLength, -ttl)
    return undefined
  }

  /** See {@link Fields.addText}. */
  addText(field: number, out: ByteArena): string | undefined {
    this.#row!.addText(this.#bytes, this.#columns[field]!, out)
    return undefined
  }

  /** The option with the name that was probably meant, where a column is not there. */
  #correction(field: number, name: string, header: readonly string[]): string | undefined {
    const near = nearestColumn(name, header)
    if (near === undefined) return undefined
    const isOfKey = field < this.#mapping.keyFields
    const text = (isOfKey ? this.#given.key : this.#given.value)!
    const asPath = /[."{}:]/.test(near) ? JSON.stringify(near) : near
    const right = text.replace(this.#mapping.fields.names[field]!, () => asPath)
    return `perhaps ${isOfKey ? '--key' : '--value'} ${quoteWord(right)}`
  }
}

/** The field that a template is and nothing else; -1: none. */
function onlyField({ parts }: Template): number {
  const [part] = parts
  return parts.length > 1 || part === undefined || part instanceof Uint8Array || part.padding !== undefined
    ? -1
    : part.field
}
