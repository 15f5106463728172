import type { BlockBuilder, Made } from '../../blocks/block-builder.ts'
import type { ByteArena } from '../../blocks/byte-arena.ts'
import { type FieldMapping, fieldMapping } from '../mapping.ts'
import { MAX_SKIPPED_BYTES, type ParserOptions, lengthFault } from '../record-reader.ts'
import { type Fields, fill } from '../template.ts'
import { ABSENT, ESCAPED_STRING, JsonFields, OTHER } from './fields.ts'
import { JsonRecordReader, type RecordReader } from './record.ts'
import { JsonScanner } from './scanner.ts'
import { decodedLength, decodeInPlace } from './string.ts'

const OPEN_OBJECT = 0x7b
const OPEN_ARRAY = 0x5b
const NULL = 0x6e
const QUOTE = 0x22

/** What reads the records of an input, by its options. */
export function recordReader(options: ParserOptions): RecordReader {
  const { mapping } = options
  if (mapping?.key === undefined) return new JsonRecordReader(options)
  return new MappedRecordReader(options, fieldMapping(mapping.key, mapping))
}

/** Reads records of any fields, of which a {@link Mapping} makes entries. Keys are put together in the arena. */
class MappedRecordReader implements RecordReader, Fields {
  readonly makes: Omit<Made, 'arena'>
  readonly scanner = new JsonScanner()
  reason: string | undefined
  readonly #options: ParserOptions
  readonly #mapping: FieldMapping
  readonly #fields: JsonFields
  /** The field that is the value as it stands; -1: none. */
  readonly #valueField: number
  #bytes: Uint8Array = new Uint8Array(0)
  /** Where the record lies. */
  #start = 0
  #end = 0

  constructor(options: ParserOptions, mapping: FieldMapping) {
    const { fields, value } = mapping
    this.#options = options
    this.#mapping = mapping
    this.#fields = new JsonFields(fields.paths, this.scanner)
    const only = value?.parts.length === 1 ? value.parts[0]! : undefined
    const isAsItStands = only !== undefined && 'field' in only && only.padding === undefined
    this.#valueField = isAsItStands ? only.field : -1
    this.makes = { keys: true, values: value !== undefined && !isAsItStands }
  }

  reset(bytes: Uint8Array, end: number): void {
    this.#bytes = bytes
    this.#fields.reset(bytes)
    this.scanner.reset(bytes, end)
  }

  get decodes(): boolean {
    return this.#valueField >= 0 && this.#fields.kind(this.#valueField) === ESCAPED_STRING
  }

  record(at: number): number {
    this.#start = at
    this.#end = this.#fields.read(at)
    this.reason = this.#end < 0 ? undefined : (this.#fault() ?? this.#missing())
    return this.#end
  }

  /** See {@link RecordReader.member}: the name is no field. */
  member(at: number): number {
    const { scanner } = this
    this.#start = at
    this.#fields.clear()
    if (scanner.at(at) !== QUOTE) return scanner.fail(at, 'a string')
    at = scanner.string(at)
    if (at >= 0) at = scanner.colon(at)
    return at < 0 ? -1 : this.record(at)
  }

  badAlready(end: number): string | undefined {
    const fault = this.#fault()
    if (fault !== undefined) return fault
    const { maxValueBytes } = this.#options
    const length = end - this.#start
    const missing = length < MAX_SKIPPED_BYTES ? undefined : this.#missing()
    if (missing !== undefined) return `${missing} in the first ${MAX_SKIPPED_BYTES >> 20} MiB of a record`
    if (this.#mapping.value === undefined && length > maxValueBytes)
      return `value is longer than ${maxValueBytes} bytes`
    return undefined
  }

  commit(into: BlockBuilder): string | undefined {
    const { key, value, prefix, ttl } = this.#mapping
    const { arena } = into
    const keyStart = arena.length
    arena.add(prefix)
    let reason = fill(key, this, arena)
    const keyLength = arena.length - keyStart
    const field = this.#valueField
    let start = this.#start
    let length = this.#end - start
    if (field >= 0) {
      start = this.#fields.start(field)
      length = this.#decodedLength(field)
    } else if (value !== undefined) {
      start = arena.length
      reason ??= fill(value, this, arena)
      length = arena.length - start
    }
    reason ??= lengthFault(keyLength, length, this.#options)
    if (reason !== undefined) {
      arena.length = keyStart
      return reason
    }
    if (this.decodes) decodeInPlace(this.#bytes, start, this.#fields.end(field))
    if (ttl === undefined) into.add(keyStart, keyLength, start, length)
    else into.addExpiring(keyStart, keyLength, start, length, -ttl)
    return undefined
  }

  /** See {@link Fields.addText}: of a string its text, of anything else its source. */
  addText(field: number, out: ByteArena): undefined {
    const start = out.length
    out.add(this.#bytes, this.#fields.start(field), this.#fields.end(field))
    if (this.#fields.kind(field) === ESCAPED_STRING) out.length = start + decodeInPlace(out.bytes, start, out.length)
  }

  /** Why the fields that were found are wrong, if they are. */
  #fault(): string | undefined {
    const { fields, keyFields } = this.#mapping
    if (this.#fields.twice !== undefined) return `field ${JSON.stringify(this.#fields.twice)} is there twice`
    for (let field = 0; field < fields.names.length; field++) {
      if (this.#fields.kind(field) !== OTHER) continue
      const first = this.#bytes[this.#fields.start(field)]
      if (first === NULL) return `${JSON.stringify(fields.names[field])} is null`
      if (field < keyFields && (first === OPEN_OBJECT || first === OPEN_ARRAY))
        return `${JSON.stringify(fields.names[field])} is an ${first === OPEN_OBJECT ? 'object' : 'array'}`
    }
    return undefined
  }

  /** That a field is not there, if one is not. */
  #missing(): string | undefined {
    const { names } = this.#mapping.fields
    for (let field = 0; field < names.length; field++)
      if (this.#fields.kind(field) === ABSENT) return `no field ${JSON.stringify(names[field])}`
    return undefined
  }

  #decodedLength(field: number): number {
    const start = this.#fields.start(field)
    const end = this.#fields.end(field)
    return this.decodes ? decodedLength(this.#bytes, start, end) : end - start
  }
}
