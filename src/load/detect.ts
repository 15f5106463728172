import { isUtf8 } from 'node:buffer'
import { quoteWord } from '../shell-quote.ts'
import { utf8 } from '../bytes.ts'
import { columnsOf } from '../formats/csv/columns.ts'
import type { InputFormat } from '../formats/parsers.ts'
import { jsonForm } from '../formats/json/layout.ts'
import { JsonScanner } from '../formats/json/scanner.ts'
import { type InputSource, after, copyOf, through, throughFilter, withFormat } from './suggested-command.ts'
import { DIALECTS, fieldsOf } from '../formats/csv/row.ts'
import { type BadRecord, FIELDS } from '../formats/record-reader.ts'
import { INVALID_UTF8, wholeSequences } from '../formats/utf8.ts'

/** What begins with these bytes, and the programs that unpack it from a file and from a pipe. */
const PACKED: readonly (readonly [name: string, begin: string, program: string, filter?: string])[] = [
  ['xz', '\xfd7zXZ\0', 'xz -dc'],
  ['bzip2', 'BZh', 'bzip2 -dc'],
  ['zip', 'PK\x03\x04', 'unzip -p', 'funzip'],
  ['LZ4', '\x04\x22\x4d\x18', 'lz4 -dc'],
  ['lzip', 'LZIP', 'lzip -dc'],
  ['compress', '\x1f\x9d', 'gzip -dc'],
]

/** The longest name of a field or column that a hint repeats. */
const LONGEST_NAME = 100

/** The mark of a kv store in the header of a SQLite database, and where it stands. */
const STORE_MARK = 'kvf1'
const STORE_MARK_AT = 68

/**
 * How to give an input in which a record is bad: by what the input looks like where that is the first one, and by its
 * encoding where the record is not UTF-8. `head` is its beginning, some kilobytes.
 */
export function suggestionFor(
  { record, reason }: BadRecord,
  head: Uint8Array,
  format: InputFormat,
  source: InputSource,
): string | undefined {
  const looks = record <= 1 ? diagnose(head, format, source) : undefined
  return looks ?? (reason.startsWith(INVALID_UTF8) ? notUtf8(format, source) : undefined)
}

/**
 * What an input looks like whose first record or header is bad, and the command that reads it; `undefined` when
 * it looks like what it was read as.
 */
export function diagnose(head: Uint8Array, format: InputFormat, source: InputSource): string | undefined {
  const begin = Buffer.from(head.subarray(0, 100)).toString('latin1')
  const isFile = source.file !== undefined && source.unpack === undefined
  for (const [name, magic, program, filter = program] of PACKED) {
    if (begin.startsWith(magic))
      return `it is packed with ${name}: ${through(source, isFile ? program : filter, format)}`
  }
  if (begin.startsWith('SQLite format 3\0')) {
    if (source.file === undefined || !isFile || !begin.startsWith(STORE_MARK, STORE_MARK_AT))
      return 'it is a SQLite database, no file of records'
    return `it is a store of kv: ${copyOf(source.file, source)}`
  }
  const utf16 = utf16Of(head)
  if (utf16 !== undefined) {
    const text = new TextDecoder(utf16 === 'UTF-16BE' ? 'utf-16be' : 'utf-16le').decode(head)
    const form = formOf(text)
    // A line that is a document may well be a record.
    const isLine = form === 'json' && format === 'jsonl' && isJson(firstLine(text))
    return `it is UTF-16: ${through(source, `iconv -f ${utf16} -t UTF-8`, isLine ? format : (form ?? format))}`
  }
  const whole = head.subarray(0, wholeSequences(head, head.length))
  if (!isUtf8(whole)) return notUtf8(format, source)
  if (begin.includes('\0')) return 'it begins with zero bytes, as no text does'
  const text = Buffer.from(whole).toString()
  const hasMark = text.startsWith('\ufeff')
  return diagnoseText(hasMark ? text.slice(1) : text, format, { ...source, hasMark })
}

/** What helps against bytes that are not UTF-8. */
function notUtf8(format: InputFormat, source: InputSource): string {
  return `if it is Windows-1252 or Latin-1: ${through(source, 'iconv -f WINDOWS-1252 -t UTF-8', format)}`
}

/** The name of UTF-16 as `iconv` has it, when text is in it; by the mark, or by the zeros of ASCII without one. */
function utf16Of(head: Uint8Array): string | undefined {
  const [first, second] = head
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff))
    return first === 0xff ? 'UTF-16' : 'UTF-16BE'
  const even = Buffer.from(head.subarray(0, 32)).filter((_, at) => at % 2 === 0)
  const odd = Buffer.from(head.subarray(0, 32)).filter((_, at) => at % 2 === 1)
  if (odd.length < 4) return undefined
  if (odd.every((byte) => byte === 0) && !even.includes(0)) return 'UTF-16LE'
  return even.every((byte) => byte === 0) && !odd.includes(0) ? 'UTF-16BE' : undefined
}

/** The form text seems to have. */
function formOf(text: string): InputFormat | undefined {
  if (/^\s*[[{]/.test(text)) return isDocument(text) ? 'json' : 'jsonl'
  const line = firstLine(text)
  return line.includes('\t') ? 'tsv' : line.includes(',') ? 'csv' : undefined
}

function firstLine(text: string): string {
  return /^[^\r\n]*/.exec(text)![0]
}

/** Whether text is JSON, and nothing else follows. */
function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** Whether JSON text is a document, or records that take several lines, and is right as far as it goes. */
function isDocument(text: string): boolean {
  const bytes = utf8(text)
  const scanner = new JsonScanner()
  scanner.reset(bytes, bytes.length)
  const isRight = scanner.value(scanner.space(0)) >= 0 || scanner.failedAt >= bytes.length
  return isRight && jsonForm(bytes, bytes.length, true) !== 'lines'
}

/** The byte between fields. */
const SEPARATORS: Readonly<Record<'csv' | 'tsv', string>> = { csv: ',', tsv: '\t' }

function diagnoseText(text: string, format: InputFormat, source: InputSource): string | undefined {
  const form = formOf(text)
  const isTable = format === 'csv' || format === 'tsv'
  if (/\r[^\r\n]/.test(text) && !text.includes('\n')) {
    return `its lines end in CR alone: ${throughFilter(source, String.raw`tr '\r' '\n'`, form ?? format)}`
  }
  if (form === 'json' || form === 'jsonl') {
    if (isTable) return `it looks like JSON: ${withFormat(source, form)}`
    const isLines =
      form === 'jsonl' || (format === 'jsonl' && /^\s*\{/.test(text) && isJson(firstLine(text.trimStart())))
    const keyed = keyOfRecords(text, isLines, source)
    if (keyed !== undefined || isLines || format !== 'jsonl') return keyed
    return `it looks like one JSON document: ${withFormat(source, 'json')}`
  }
  const line = firstLine(text)
  const isRead = isTable && line.includes(SEPARATORS[format])
  if (form !== undefined && form !== format && !isRead)
    return `it looks like ${form.toUpperCase()}: ${withFormat(source, form)}`
  return isTable ? diagnoseHeader(line, format, source) : undefined
}

/** Where the first field of records is no field of a record of kv: how jq takes it for the key. */
function keyOfRecords(text: string, isLines: boolean, source: InputSource): string | undefined {
  const [, bracket, quoted = '""'] = /^\s*(\[)?\s*\{\s*("(?:[^"\\]|\\.)*")\s*:/.exec(text) ?? []
  if (isLines === (bracket !== undefined) || quoted.length > LONGEST_NAME || !isJson(quoted)) return undefined
  const name = JSON.parse(quoted) as string
  if (name === '' || FIELDS.includes(name)) return undefined
  const each = bracket === undefined ? '' : '.[] | '
  const path = /^[a-z_]\w*$/i.test(name) ? `.${name}` : `.${quoted}`
  if (name === 'type' && /"key(?:_base64)?"/.test(text))
    return `these are changes, of which the puts are records: ${through(source, `jq -c 'select(.type == "put") | del(.type)'`, 'jsonl')}`
  return `jq makes a key of a field, and a value of all: ${through(source, `jq -c ${quoteWord(`${each}[(${path} | tostring), .]`)}`, 'jsonl')}`
}

/** What helps where the first line of CSV or TSV is no header for kv. */
function diagnoseHeader(line: string, format: 'csv' | 'tsv', source: InputSource): string | undefined {
  const mlr = format === 'csv' ? '--icsv --ocsv' : '--itsv --otsv'
  const separator =
    /^sep=(.)$/.exec(line)?.[1] ?? (line.includes(SEPARATORS[format]) ? undefined : /[;|]/.exec(line)?.[0])
  if (separator !== undefined) {
    const program = `mlr ${mlr} --ifs ${quoteWord(separator)} cat`
    return `the separator seems to be ${separator}: ${line.startsWith('sep=') ? through(source, 'sed 1d', format, program) : through(source, program, format)}`
  }
  const names = fieldsOf(line, DIALECTS[format]) ?? []
  if (typeof columnsOf(names) !== 'string') return undefined
  const header = ['key', 'value'].join(SEPARATORS[format])
  if (names.length < 2) return `the first line must be ${header}, perhaps with ttl or expires`
  if (names.length > 2) {
    const known = names.filter((name) => FIELDS.includes(name.trim().toLowerCase()))
    if (known.length > 1)
      return `other columns must go: ${through(source, `mlr ${mlr} cut -f ${quoteWord(known.join(','))}`, format)}`
    const [key, value] = names as [string, string]
    const isPlain = key !== value && [key, value].every((name) => /^[^,"]+$/.test(name) && name.length <= LONGEST_NAME)
    const choose = isPlain
      ? `cut -o -f ${quoteWord(`${key},${value}`)} then rename ${quoteWord(`${key},key,${value},value`)}`
      : 'label key,value then cut -o -f key,value'
    return `two columns must be named key and value: ${through(source, `mlr ${mlr} ${choose}`, format)}`
  }
  const echo = format === 'csv' ? `echo ${header}` : String.raw`printf 'key\tvalue\n'`
  return `where the first line is a record: ${after(source, echo, format)}`
}
