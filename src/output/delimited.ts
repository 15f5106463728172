import { type Encoding, decodeUtf8, encode } from '../bytes.ts'
import { usageError } from '../errors.ts'
import type { Entry } from '../store/driver.ts'
import { displayKey } from './escape.ts'

/** A separated-values format: the field separator and how a field is quoted. */
export interface Delimited {
  readonly separator: ',' | '\t'
}

/** Comma-separated values (RFC 4180), lines ending in LF. */
export const CSV: Delimited = { separator: ',' }
/** The same with tabs between the fields. */
export const TSV: Delimited = { separator: '\t' }

/** One line of fields, with its line end. */
export function delimitedLine({ separator }: Delimited, fields: readonly string[]): string {
  return `${fields.map((field) => quote(field, separator)).join(separator)}\n`
}

/**
 * A field's text in the encoding asked for. Throws `KV_USAGE` for bytes that are not UTF-8 when
 * text is asked for: these formats have no other way to say them.
 */
export function delimitedField(bytes: Uint8Array, encoding: Encoding, entry: Entry): string {
  const text = encoding === 'utf8' ? decodeUtf8(bytes) : encode(bytes, encoding)
  if (text !== undefined) return text
  throw usageError(`the entry of key ${displayKey(entry.key)} is not UTF-8, which CSV and TSV cannot say`, 'use --format jsonl, or --key-encoding and --value-encoding hex')
}

function quote(field: string, separator: string): string {
  return field.includes(separator) || /["\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field
}
