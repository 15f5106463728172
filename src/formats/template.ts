import type { ByteArena } from '../blocks/byte-arena.ts'
import { utf8 } from '../bytes.ts'
import { usageError } from '../errors.ts'
import { type Padding, pad, parsePadding } from './padding.ts'
import { type Path, parsePath } from './path.ts'

/** A place of a template that a field fills. */
export interface Place {
  /** Which of the fields. */
  readonly field: number
  /** As the template writes it. */
  readonly name: string
  readonly padding: Padding | undefined
}

/** Text with places that fields of a record fill. */
export interface Template {
  readonly parts: readonly (Uint8Array | Place)[]
}

/** The fields that templates take from each record, each once, in the order in which they were first named. */
export class FieldList {
  readonly paths: Path[] = []
  /** As they were written. */
  readonly names: string[] = []

  /** The number of a field. Throws `KV_USAGE` for a text that names none. */
  add(name: string): number {
    const path = parsePath(name)
    const known = this.paths.findIndex((other) => JSON.stringify(other) === JSON.stringify(path))
    if (known >= 0) return known
    this.paths.push(path)
    return this.names.push(name) - 1
  }
}

/** A brace that stands for itself, a place, a lone brace, or text without braces. */
const PART = /\{\{|\}\}|\{((?:"(?:[^"\\]|\\.)*"|[^"{}:])*)(?::([^{}]*))?\}|[{}]|[^{}]+/gsu

/**
 * Reads a template such as `user:{country}:{id:08}`; `{{` and `}}` are braces, and `literal` says what other text
 * between fields stands for. Its fields are added to `fields`. Throws `KV_USAGE`.
 */
export function parseTemplate(text: string, fields: FieldList, literal = (part: string): string => part): Template {
  const parts: (Uint8Array | Place)[] = []
  for (const [part, name, padding] of text.matchAll(PART)) {
    if (name !== undefined) {
      const field = fields.add(name.trim())
      parts.push({ field, name: name.trim(), padding: padding === undefined ? undefined : parsePadding(padding) })
    } else if (part === '{' || part === '}') {
      throw usageError(`a lone ${part} in the template ${text}`, 'a field is {name}; a brace itself is {{ or }}')
    } else {
      parts.push(utf8(part === '{{' ? '{' : part === '}}' ? '}' : literal(part)))
    }
  }
  return { parts }
}

/** What `--key` and `--value` take: a template where the text has a brace, else the name of one field. */
export function parseFieldOrTemplate(text: string, fields: FieldList): Template {
  if (/[{}]/.test(text)) return parseTemplate(text, fields)
  return { parts: [{ field: fields.add(text), name: text, padding: undefined }] }
}

/** The fields of the record that is read now. */
export interface Fields {
  /** Adds the text of a field; returns why there is none (`no field "id"`), and has added nothing. */
  addText(field: number, out: ByteArena): string | undefined
}

/** Adds what a template makes of a record; returns why it makes nothing, and leaves what was added to the caller. */
export function fill({ parts }: Template, fields: Fields, out: ByteArena): string | undefined {
  for (let n = 0; n < parts.length; n++) {
    const part = parts[n]!
    if (part instanceof Uint8Array) {
      out.add(part)
      continue
    }
    const start = out.length
    const reason = fields.addText(part.field, out)
    if (reason !== undefined) return reason
    if (part.padding === undefined) continue
    const fault = pad(out, start, part.padding)
    if (fault !== undefined) return `${JSON.stringify(part.name)} ${fault}`
  }
  return undefined
}
