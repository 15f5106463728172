import type { BytesEncoding } from '../../bytes.ts'
import { FIELDS } from '../record-reader.ts'

/** A column of keys or of values. */
export interface Column {
  readonly name: string
  /** Which field of a record it is, from 0. */
  readonly field: number
  /** How its bytes are written; `undefined`: as they are. */
  readonly encoding: BytesEncoding | undefined
}

/** What the header of CSV or TSV says about the records after it. */
export interface Columns {
  /** Fields of each record. */
  readonly width: number
  readonly key: Column
  readonly value: Column
  /** Which field is the time to live, and which the expiry; -1: none. */
  readonly ttl: number
  readonly expires: number
}

/** What a header should be, for people. */
export const EXPECTED_HEADER = 'key,value'

/** The columns that a header names, without regard to case and blanks around a name; or what is wrong with it. */
export function columnsOf(header: readonly string[]): Columns | string {
  const names = header.map((name) => name.trim().toLowerCase())
  for (const [index, name] of names.entries()) {
    if (!FIELDS.includes(name)) return `unknown column ${JSON.stringify(header[index]!.slice(0, 40).toWellFormed())}`
    if (names.indexOf(name) !== index) return `column ${JSON.stringify(name)} is there twice`
  }
  const key = columnOf('key', names)
  if (typeof key === 'string') return key
  const value = columnOf('value', names)
  if (typeof value === 'string') return value
  return { width: names.length, key, value, ttl: names.indexOf('ttl'), expires: names.indexOf('expires') }
}

/** The one column of `key` or of `value` among these names, or what is wrong. */
function columnOf(field: 'key' | 'value', names: readonly string[]): Column | string {
  const [name, other] = FIELDS.filter((form) => form.startsWith(field) && names.includes(form))
  if (name === undefined) return `no column "${field}"`
  if (other !== undefined) return `both columns ${name} and ${other}`
  return {
    name,
    field: names.indexOf(name),
    encoding: name.endsWith('_hex') ? 'hex' : name.endsWith('_base64') ? 'base64' : undefined,
  }
}
