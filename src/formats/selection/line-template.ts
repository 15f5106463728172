import { ByteArena } from '../../blocks/byte-arena.ts'
import { type Encoding, encode, utf8 } from '../../bytes.ts'
import { usageError } from '../../errors.ts'
import type { Entry } from '../../store/driver/entry.ts'
import type { ByteBuffer } from '../byte-buffer.ts'
import type { EntryWriter, Output } from '../format.ts'
import { pad } from '../padding.ts'
import { type Path, pathText } from '../path.ts'
import { FieldList, type Template, parseTemplate } from '../template.ts'
import { EntryFields } from './entry-fields.ts'

/** What a template may take of an entry besides fields of its value. */
const PARTS = ['key', 'value', 'expires']

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', '0': '\0', '\\': '\\' }

interface Encodings {
  readonly keyEncoding: Encoding
  readonly valueEncoding: Encoding
}

/**
 * Writes a line for each entry by a template such as `{key} {value.name}`: its fields are `key`, `value`, `expires` and
 * `value.PATH`, a field of a value that is JSON. What cannot be padded stays as it is.
 */
export class LineTemplate extends EntryFields {
  readonly #template: Template
  readonly #encodings: Encodings
  readonly #end: string
  /** For each field of the template: the field of the value, or a name of {@link PARTS}. */
  readonly #sources: readonly (number | string)[]
  readonly #padded = new ByteArena()

  /** @param end what ends each line. Throws `KV_USAGE`. */
  constructor(text: string, encodings: Encodings, end: string) {
    const named = new FieldList()
    const template = parseTemplate(text, named, unescaped)
    const fields = new FieldList()
    const sources = named.paths.map((path, at) => sourceOf(path, named.names[at]!, fields))
    super(fields, sources.includes('value'))
    this.#template = template
    this.#encodings = encodings
    this.#end = end
    this.#sources = sources
  }

  writer({ text: out }: Pick<Output, 'text'>): EntryWriter {
    return {
      write: (entry) => {
        this.read(entry)
        this.#write(out, entry)
        out.text(this.#end)
      },
    }
  }

  #write(out: ByteBuffer, entry: Entry): void {
    for (const part of this.#template.parts) {
      if (part instanceof Uint8Array) {
        out.bytes(part)
        continue
      }
      const source = this.#sources[part.field]!
      const encoding =
        source === 'key' ? this.#encodings.keyEncoding : source === 'value' ? this.#encodings.valueEncoding : 'utf8'
      const bytes = typeof source === 'number' ? this.fieldText(source) : partOf(entry, source)
      if (part.padding !== undefined) {
        const padded = this.#padded
        padded.length = 0
        padded.add(encoding === 'utf8' ? bytes : utf8(encode(bytes, encoding)))
        pad(padded, 0, part.padding)
        out.bytes(padded.bytes.subarray(0, padded.length))
      } else if (encoding === 'utf8') out.bytes(bytes)
      else out.encoded(bytes, encoding)
    }
  }
}

function partOf({ key, value, expires }: Entry, name: string): Uint8Array {
  if (name === 'key') return key
  if (name === 'value') return value
  return utf8(expires === undefined ? '' : new Date(expires).toISOString())
}

function sourceOf(path: Path, name: string, fields: FieldList): number | string {
  const [first, ...rest] = path
  if (rest.length === 0 && PARTS.includes(first!)) return first!
  if (first === 'value') return fields.add(pathText(rest))
  throw usageError(`no field ${name} in an entry`, `key, value, expires; a field of the value: {value.${name}}`)
}

/** Text of a template with its escapes replaced. Throws `KV_USAGE` for one that there is not. */
function unescaped(text: string): string {
  return text.replace(/\\(.?)/gsu, (escape, char: string) => {
    const stands = ESCAPES[char]
    if (stands === undefined)
      throw usageError(`no escape ${escape} in templates`, String.raw`there are \n \t \0 and \\`)
    return stands
  })
}
