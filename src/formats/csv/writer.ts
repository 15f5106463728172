import { isUtf8 } from 'node:buffer'
import { utf8 } from '../../bytes.ts'
import { KvError, usageError } from '../../errors.ts'
import { type ByteBuffer, Escaping } from '../byte-buffer.ts'
import { type EntryForm, type EntryWriter, type Output, isPlain } from '../format.ts'
import { displayKey } from '../../safe-text.ts'

/** Adds a field as text; false, and nothing is added, when the bytes are not UTF-8. */
export type WriteField = (out: ByteBuffer, bytes: Uint8Array, isAlone: boolean) => boolean

const NOTHING = new Uint8Array()
const QUOTE = utf8('"')
const QUOTED = new Escaping({ '"': '""' })
const BACKSLASHED = new Escaping({ '\t': '\\t', '\n': '\\n', '\r': '\\r', '\\': '\\\\' })

/**
 * Comma-separated values (RFC 4180), lines ending in LF: a field that holds a comma, a quote or a line end is quoted.
 */
export function csvWriter(out: Output, form: EntryForm): Promise<EntryWriter> {
  return delimitedWriter(out.text, form, ',', CSV_FIELD)
}

/** Tab-separated values as jq and Miller write them: no quotes; tab, line ends and backslash as `\t \n \r \\`. */
export function tsvWriter(out: Output, form: EntryForm): Promise<EntryWriter> {
  return delimitedWriter(out.text, form, '\t', TSV_FIELD)
}

/** A field of CSV. */
export const CSV_FIELD: WriteField = (out, bytes, isAlone) => {
  // A lone empty field would make a blank line, which is no record.
  if (needsQuotes(bytes) || (isAlone && bytes.length === 0)) return out.escaped(QUOTE, bytes, QUOTE, QUOTED)
  if (!isUtf8(bytes)) return false
  out.bytes(bytes)
  return true
}

/** A field of TSV. */
export const TSV_FIELD: WriteField = (out, bytes) => out.escaped(NOTHING, bytes, NOTHING, BACKSLASHED)

/** The error of an entry that these formats cannot say. */
export function notText(key: Uint8Array): KvError {
  return usageError(
    `the entry of key ${displayKey(key)} is not UTF-8, which CSV and TSV cannot say`,
    'use --format jsonl, or --key-encoding and --value-encoding hex',
  )
}

/**
 * Writes the header, `key,value` or with an encoding `key_hex,value_base64`, perhaps with `expires`. The writer throws
 * `KV_USAGE` for bytes that are not UTF-8 when text is asked for, which these formats cannot say, and `KV_IO` for an
 * entry that expires where no column was announced for that.
 */
async function delimitedWriter(
  out: ByteBuffer,
  form: EntryForm,
  separator: ',' | '\t',
  writeField: WriteField,
): Promise<EntryWriter> {
  const { only } = form
  const hasExpires = only === undefined && (await form.expiring())
  const columns = (['key', 'value'] as const)
    .filter((name) => only === undefined || only === name)
    .map((name) => ({ name, encoding: form[`${name}Encoding`] }))
  const header = columns.map(({ name, encoding }) => (encoding === 'utf8' ? name : `${name}_${encoding}`))
  out.text(`${[...header, ...(hasExpires ? ['expires'] : [])].join(separator)}\n`)
  return {
    text: isPlain(form) ? { form: separator === ',' ? 'csv' : 'tsv', expires: hasExpires } : undefined,
    write(entry) {
      for (const [at, { name, encoding }] of columns.entries()) {
        if (at > 0) out.text(separator)
        if (encoding !== 'utf8') out.encoded(entry[name], encoding)
        else if (!writeField(out, entry[name], columns.length === 1)) throw notText(entry.key)
      }
      if (hasExpires)
        out.text(`${separator}${entry.expires === undefined ? '' : new Date(entry.expires).toISOString()}`)
      else if (entry.expires !== undefined && only === undefined)
        throw new KvError(
          'KV_IO',
          `the entry of key ${displayKey(entry.key)} got a time to live after the header without one was written`,
          { hint: 'run it again' },
        )
      out.text('\n')
    },
  }
}

/** A line of CSV from texts, with its line end. */
export function csvLine(texts: readonly string[]): string {
  return `${texts.map((text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)).join(',')}\n`
}

/** The bytes for which a field is quoted. */
const MARKS: readonly number[] = [...Buffer.from(',"\n\r')]
const IS_MARK = new Uint8Array(256)
for (const byte of MARKS) IS_MARK[byte] = 1

/** From this many bytes on, a search for each of these is quicker than one loop. */
const SEARCHED_AT_ONCE = 1024

function needsQuotes(bytes: Uint8Array): boolean {
  if (bytes.length >= SEARCHED_AT_ONCE) return MARKS.some((byte) => bytes.includes(byte))
  for (let i = 0; i < bytes.length; i++) if (IS_MARK[bytes[i]!] === 1) return true
  return false
}
