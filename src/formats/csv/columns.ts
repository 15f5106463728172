import type { BytesEncoding } from '../../bytes.ts'
import type { Path } from '../path.ts'
import { type BadRecord, FIELDS } from '../record-reader.ts'

/** What is wrong with a row, and what helps. */
export type Fault = Pick<BadRecord, 'reason' | 'expected' | 'hint'>

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
  return { key, value, ttl: names.indexOf('ttl'), expires: names.indexOf('expires') }
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

/** Names of columns that a message lists, and how much of each. */
const LISTED = 20
const LISTED_CHARS = 40

/** The column of a name that `--key` or `--value` gives: as it is written, else as a path of one name; -1: none. */
export function columnNamed(name: string, path: Path, header: readonly string[]): number {
  const at = header.indexOf(name)
  return at < 0 && path.length === 1 ? header.indexOf(path[0]!) : at
}

/** Why there is no column of this name. */
export function noColumn(name: string, header: readonly string[]): string {
  const names = header.slice(0, LISTED).map((other) => brief(other) || '""')
  const more = header.length > LISTED ? ` and ${(header.length - LISTED).toLocaleString('en')} more` : ''
  const [verb, list] = names.length === 1 ? ['is', `only ${names[0]}`] : ['are', names.join(', ') || 'none']
  return `no column ${JSON.stringify(brief(name))}; there ${verb} ${list}${more}`
}

function brief(name: string): string {
  return (name.length <= LISTED_CHARS ? name : `${name.slice(0, LISTED_CHARS)}...`).toWellFormed()
}

/** The name that was probably meant: of another case, or with one or two letters wrong. */
export function nearestColumn(name: string, header: readonly string[]): string | undefined {
  const known = header.slice(0, 1000).filter((other) => other !== '' && other.length <= LISTED_CHARS)
  const same = known.find((other) => other.toLowerCase() === name.toLowerCase())
  if (same !== undefined || name.length > LISTED_CHARS) return same
  const near = known.map((other) => ({ other, far: distance(name.toLowerCase(), other.toLowerCase()) }))
  const best = near.reduce((a, b) => (b.far < a.far ? b : a), { other: '', far: Infinity })
  return best.far <= Math.min(2, Math.floor(name.length / 2)) ? best.other : undefined
}

/** How many characters must be put in, taken out or changed to make one text of another (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, n) => n)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    row = next
  }
  return row[b.length]!
}
