import type { ParserOptions, RecordParser } from './record-reader.ts'

/** What makes a parser for one input. */
type MakeParser = (options: ParserOptions) => RecordParser

/** The formats that are read: how files in them end, without the dot, and the parser, loaded when asked for. */
export const PARSERS = {
  jsonl: {
    extensions: ['jsonl', 'ndjson'],
    parser: async () => (await import('./json/lines-reader.ts')).jsonLinesParser,
  },
  json: { extensions: ['json'], parser: async () => (await import('./json/reader.ts')).jsonParser },
  csv: { extensions: ['csv'], parser: async () => (await import('./csv/reader.ts')).csvParser },
  tsv: { extensions: ['tsv', 'tab'], parser: async () => (await import('./csv/reader.ts')).tsvParser },
  lines: { extensions: [], parser: async () => (await import('./lines.ts')).linesParser },
} satisfies Record<string, { extensions: string[]; parser(): Promise<MakeParser> }>

/** The name of a format that is read. */
export type InputFormat = keyof typeof PARSERS

/** The names of those. */
export const INPUT_FORMATS = Object.keys(PARSERS) as readonly InputFormat[]

/** The format of a file by its name, `.gz` and `.zst` set aside; `undefined` when the name says nothing. */
export function formatOf(name: string): InputFormat | undefined {
  const extension = /\.([a-z]+)$/i.exec(name.replace(/\.(?:gz|zst)$/i, ''))?.[1]?.toLowerCase() ?? ''
  const has = (format: InputFormat): boolean => (PARSERS[format].extensions as readonly string[]).includes(extension)
  return INPUT_FORMATS.find(has)
}
