import { DelimitedParser } from './csv/reader.ts'
import { JsonParser } from './json/reader.ts'
import { JsonLinesParser } from './json/lines-reader.ts'
import type { ParserOptions, RecordParser } from './record-reader.ts'

/** The forms of input of batch-put. */
export const INPUT_FORMATS = ['jsonl', 'json', 'csv', 'tsv'] as const

/** A form of input, see {@link INPUT_FORMATS}. */
export type InputFormat = (typeof INPUT_FORMATS)[number]

const EXTENSIONS: Readonly<Record<string, InputFormat>> = {
  jsonl: 'jsonl',
  ndjson: 'jsonl',
  json: 'json',
  csv: 'csv',
  tsv: 'tsv',
  tab: 'tsv',
}

/** The form of a file by its name, `.gz` and `.zst` set aside; JSON Lines when the name says nothing. */
export function formatOf(name: string): InputFormat {
  const extension = /\.([a-z]+)$/i.exec(name.replace(/\.(?:gz|zst)$/i, ''))?.[1]?.toLowerCase() ?? ''
  return EXTENSIONS[extension] ?? 'jsonl'
}

/** A parser for one input of a form. */
export function createParser(format: InputFormat, options: ParserOptions): RecordParser {
  switch (format) {
    case 'jsonl':
      return new JsonLinesParser(options)
    case 'json':
      return new JsonParser(options)
    case 'csv':
    case 'tsv':
      return new DelimitedParser(options, format)
  }
}
