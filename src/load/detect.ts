import { isUtf8 } from 'node:buffer'
import { jsonForm } from '../formats/json/layout.ts'
import { JsonScanner } from '../formats/json/scanner.ts'
import { type InputFormat, formatOf } from '../formats/parsers.ts'
import type { BadRecord, ParserOptions } from '../formats/record-reader.ts'
import { INVALID_UTF8, wholeSequences } from '../formats/utf8.ts'
import { utf8 } from '../bytes.ts'
import { firstLine, isJson } from './content-format.ts'
import { fieldsHint } from './json-advice.ts'
import { type InputSource, again, copyOf, through, throughFilter } from './suggested-command.ts'
import { SEPARATORS, headerOptions } from './table-advice.ts'

/** What begins with these bytes, and the programs that unpack it from a file and from a pipe. */
const PACKED: readonly (readonly [name: string, begin: string, program: string, filter?: string])[] = [
  ['xz', '\xfd7zXZ\0', 'xz -dc'],
  ['bzip2', 'BZh', 'bzip2 -dc'],
  ['zip', 'PK\x03\x04', 'unzip -p', 'funzip'],
  ['LZ4', '\x04\x22\x4d\x18', 'lz4 -dc'],
  ['lzip', 'LZIP', 'lzip -dc'],
  ['compress', '\x1f\x9d', 'gzip -dc'],
]

/** The mark of a kv store in the header of a SQLite database, and where it stands. */
const STORE_MARK = 'kvf1'
const STORE_MARK_AT = 68

/** Text that begins with two lines of comment: one may be a header such as `#id,name`. */
const COMMENTS = /^#.*\n#/

/** A line that is the name of something: no JSON, and no table. */
const WORDS = /^[\p{L}\p{N}./_-][^;|"{}[\]]*$/u

/** What was asked of the records. */
export type Asked = Pick<ParserOptions, 'mapping' | 'at' | 'columns' | 'delimiter' | 'quote'>

/**
 * How to give an input in which a record is bad: by what the input looks like where that is the first one, and by its
 * encoding where the record is not UTF-8. `head` is its beginning, some kilobytes.
 */
export function suggestionFor(
  { record, reason }: BadRecord,
  head: Uint8Array,
  format: InputFormat,
  source: InputSource,
  asked: Asked,
): string | undefined {
  const looks = record <= 1 ? diagnose(head, format, source, asked) : undefined
  if (looks !== undefined) return looks
  if (reason.startsWith(INVALID_UTF8)) return notUtf8(format, source)
  return format === 'csv' && isShort(reason) && isPlainTable(asked) ? ragged(source) : undefined
}

/** Whether that is the reason of a row with fewer fields than the header. */
function isShort(reason: string): boolean {
  const [, fields, columns] = /^(\d+) fields? where the header has (\d+)/.exec(reason) ?? []
  return Number(fields) < Number(columns)
}

/** Whether nothing is known of a table but which of its columns is the key. */
function isPlainTable({ mapping, columns, delimiter, quote }: Asked): boolean {
  return mapping?.key !== undefined && (columns ?? delimiter ?? quote) === undefined
}

/** What reads rows that leave out their last fields; `-S`: all fields stay texts. */
function ragged(source: InputSource): string {
  const program = 'mlr -S --icsv --ojsonl --allow-ragged-csv-input cat'
  return `where rows leave out their last fields: ${through(source, program, 'jsonl')}`
}

/**
 * What an input looks like whose first record or header is bad, and the command that reads it; `undefined` when
 * it looks like what it was read as.
 */
export function diagnose(
  head: Uint8Array,
  format: InputFormat,
  source: InputSource,
  asked: Asked = {},
): string | undefined {
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
  const encoding = utf16Of(head)
  if (encoding !== undefined) {
    const text = new TextDecoder(encoding).decode(head)
    const form = formOf(text)
    // A line that is a document may well be a record.
    const isLine = form === 'json' && format === 'jsonl' && isJson(firstLine(text))
    const options = ['--encoding', encoding, ...formatOptions(isLine ? format : (form ?? format), source)]
    return `it is UTF-16: ${again(source, options)}`
  }
  const whole = head.subarray(0, wholeSequences(head, head.length))
  if (!isUtf8(whole)) return notUtf8(format, source)
  if (begin.includes('\0')) return 'it begins with zero bytes, as no text does'
  if (format === 'lines') return undefined
  const text = Buffer.from(whole)
    .toString()
    .replace(/^\ufeff/, '')
  return diagnoseText(text, format, source, asked)
}

/** What helps against bytes that are not UTF-8. */
function notUtf8(format: InputFormat, source: InputSource): string {
  const options = ['--encoding', 'latin1', ...formatOptions(format, source)]
  return `if it is Windows-1252 or Latin-1: ${again(source, options)}`
}

/** What says the format where the name of the input says another. */
function formatOptions(format: InputFormat, { file = '' }: InputSource): string[] {
  return format === (formatOf(file) ?? 'jsonl') ? [] : ['--format', format]
}

/** The encoding of text in UTF-16, by the mark, or by the zeros of ASCII without one. */
function utf16Of(head: Uint8Array): 'utf-16' | 'utf-16be' | undefined {
  const [first, second] = head
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff))
    return first === 0xff ? 'utf-16' : 'utf-16be'
  const even = Buffer.from(head.subarray(0, 32)).filter((_, at) => at % 2 === 0)
  const odd = Buffer.from(head.subarray(0, 32)).filter((_, at) => at % 2 === 1)
  if (odd.length < 4) return undefined
  if (odd.every((byte) => byte === 0) && !even.includes(0)) return 'utf-16'
  return even.every((byte) => byte === 0) && !odd.includes(0) ? 'utf-16be' : undefined
}

/** The form text seems to have. */
function formOf(text: string): InputFormat | undefined {
  if (/^\s*[[{]/.test(text)) return isDocument(text) ? 'json' : 'jsonl'
  const line = firstLine(text)
  return line.includes('\t') ? 'tsv' : line.includes(',') ? 'csv' : undefined
}

/** Whether JSON text is a document, or records that take several lines, and is right as far as it goes. */
function isDocument(text: string): boolean {
  const bytes = utf8(text)
  const scanner = new JsonScanner()
  scanner.reset(bytes, bytes.length)
  const isRight = scanner.value(scanner.space(0)) >= 0 || scanner.failedAt >= bytes.length
  return isRight && jsonForm(bytes, bytes.length, true) !== 'lines'
}

function diagnoseText(text: string, format: InputFormat, source: InputSource, asked: Asked): string | undefined {
  const form = formOf(text)
  if (/\r[^\r\n]/.test(text) && !text.includes('\n')) {
    return `its lines end in CR alone: ${throughFilter(source, String.raw`tr '\r' '\n'`, form ?? format)}`
  }
  const isTable = format === 'csv' || format === 'tsv'
  if (form === 'json' || form === 'jsonl') {
    if (isTable) return `it looks like JSON: ${again(source, ['--format', form])}`
    const isLines =
      form === 'jsonl' || (format === 'jsonl' && /^\s*\{/.test(text) && isJson(firstLine(text.trimStart())))
    const asDocument = isLines || format !== 'jsonl' ? formatOptions(format, source) : ['--format', 'json']
    const fields = fieldsHint(text, isLines, source, asked, asDocument)
    if (fields !== undefined || isLines || format !== 'jsonl') return fields
    return `it looks like one JSON document: ${again(source, asDocument)}`
  }
  const line = firstLine(text)
  if (isTable && COMMENTS.test(text))
    return `lines that begin with # seem to be comments: ${through(source, "grep -v '^#'", format)}`
  if (
    isTable &&
    (form === format || form === undefined || line.includes(SEPARATORS[format]) || asked.delimiter !== undefined)
  ) {
    const [what, options] = headerOptions(text, format, asked) ?? []
    if (what === undefined || options === undefined) return what
    const form = options.includes('--delimiter') ? [] : formatOptions(format, source)
    return `${what}: ${again(source, [...form, ...options])}`
  }
  if (
    form === undefined &&
    format === 'jsonl' &&
    (asked.mapping?.key ?? 'line') === 'line' &&
    asked.at === undefined &&
    WORDS.test(line)
  )
    return `if each line is a key: ${again(source, ['--lines'])}`
  if (form === undefined && format === 'jsonl' && isTableWith(/[;|]/.exec(line)?.[0], text)) {
    const [what, options] = headerOptions(text, 'csv', asked) ?? []
    return options === undefined ? undefined : `${what}: ${again(source, ['--format', 'csv', ...options])}`
  }
  if (form !== 'csv' && form !== 'tsv') return undefined
  const [, options = []] = headerOptions(text, form, asked) ?? []
  return `it looks like ${form.toUpperCase()}: ${again(source, ['--format', form, ...options])}`
}

/** Whether a character stands in each of the first two lines as often. */
function isTableWith(separator: string | undefined, text: string): boolean {
  if (separator === undefined) return false
  const [first, second] = text.split('\n', 2).map((line) => line.split(separator).length)
  return first === second
}
