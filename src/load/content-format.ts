import { isUtf8 } from 'node:buffer'
import { utf8 } from '../bytes.ts'
import { columnNamed, columnsOf } from '../formats/csv/columns.ts'
import { DIALECTS, fieldsOf } from '../formats/csv/row.ts'
import { jsonForm } from '../formats/json/layout.ts'
import { JsonScanner } from '../formats/json/scanner.ts'
import { fieldMapping } from '../formats/mapping.ts'
import type { InputFormat } from '../formats/parsers.ts'
import type { ParserOptions } from '../formats/record-reader.ts'
import { wholeSequences } from '../formats/utf8.ts'

/** What is asked of the records tells which form they can have. */
type Asked = Pick<ParserOptions, 'mapping' | 'columns'>

/**
 * The format of what begins with these bytes, where that is beyond doubt: JSON by its first line or record, CSV and TSV by
 * a header that names what is asked for. `undefined` otherwise, also for a single object that would be a map: whoever
 * forgot `--key` does not want its members for keys.
 */
export function formatOfContent(head: Uint8Array, asked: Asked): InputFormat | undefined {
  const whole = head.subarray(0, wholeSequences(head, head.length))
  if (!isUtf8(whole)) return undefined
  const text = Buffer.from(whole)
    .toString()
    .replace(/^\ufeff/, '')
  return /^\s*[\x1e[{]/.test(text) ? formatOfJson(text.trimStart(), asked) : formatOfTable(firstLine(text), asked)
}

/** The first line of a text, without its ending. */
export function firstLine(text: string): string {
  return /^[^\r\n]*/.exec(text)![0]
}

/** Whether text is JSON, and nothing else follows. */
export function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

function formatOfJson(text: string, asked: Asked): InputFormat | undefined {
  // An array of records is none itself.
  if (text.startsWith('\x1e') || /^\[\s*[[{]/.test(text)) return 'json'
  const line = firstLine(text)
  if (isJson(line)) return 'jsonl'
  // More of the first line is still to come.
  if (line.length === text.length) return undefined
  const bytes = utf8(text)
  const scanner = new JsonScanner()
  scanner.reset(bytes, bytes.length)
  if (scanner.value(0) < 0 && scanner.failedAt < bytes.length) return undefined
  return asked.mapping?.key !== undefined || jsonForm(bytes, bytes.length, true, asked) === 'documents'
    ? 'json'
    : undefined
}

function formatOfTable(line: string, { mapping, columns }: Asked): InputFormat | undefined {
  const format = line.includes('\t') ? 'tsv' : 'csv'
  // As Excel names the delimiter.
  if (/^sep=.$/.test(line)) return 'csv'
  // Flags that only tables have.
  if (columns !== undefined) return format
  const names = fieldsOf(line, DIALECTS[format])?.map((name) => name.trim())
  if (names === undefined) return undefined
  if (mapping?.key === undefined) return typeof columnsOf(names) === 'string' ? undefined : format
  const { fields } = fieldMapping(mapping.key, mapping)
  const hasAll = fields.names.every((name, n) => columnNamed(name, fields.paths[n]!, names) >= 0)
  return hasAll && fields.names.length > 0 ? format : undefined
}
