import { escapeJson, escapeText } from '../safe-text.ts'
import type { Format } from './format.ts'

/** Every format that `--format` can name, in the order of the help. Markdown is for the figures of `kv bench` only. */
export const FORMATS = {
  table: {
    entryWriter: async (out, form) => (await import('./display/table.ts')).tableWriter(out, form),
    changeWriter: async (out, form) => (await import('./display/change-lines.ts')).changeLines(out, form),
  },
  pretty: {
    entryWriter: async (out, form) => (await import('./display/pretty.ts')).prettyWriter(out, form),
    changeWriter: async (out, form) => (await import('./display/change-lines.ts')).changeLines(out, form),
  },
  jsonl: {
    extensions: ['jsonl', 'ndjson'],
    escape: escapeJson,
    parser: async () => (await import('./json/lines-reader.ts')).jsonLinesParser,
    entryWriter: async (out, form) => (await import('./json/writer.ts')).jsonLinesWriter(out, form),
    changeWriter: async (out, form) => (await import('./json/writer.ts')).jsonChangeWriter(out, form),
  },
  json: {
    extensions: ['json'],
    escape: escapeJson,
    parser: async () => (await import('./json/reader.ts')).jsonParser,
    entryWriter: async (out, form) => (await import('./json/writer.ts')).jsonArrayWriter(out, form),
  },
  csv: {
    extensions: ['csv'],
    escape: escapeText,
    parser: async () => (await import('./csv/reader.ts')).csvParser,
    entryWriter: async (out, form) => (await import('./csv/writer.ts')).csvWriter(out, form),
  },
  tsv: {
    extensions: ['tsv', 'tab'],
    escape: escapeText,
    parser: async () => (await import('./csv/reader.ts')).tsvParser,
    entryWriter: async (out, form) => (await import('./csv/writer.ts')).tsvWriter(out, form),
  },
  raw: {
    escape: escapeText,
    entryWriter: async (out, form) => (await import('./raw.ts')).rawWriter(out, form),
  },
  markdown: {},
} satisfies Record<string, Format>

/** The name of a format, see {@link FORMATS}. */
export type FormatName = keyof typeof FORMATS

/** The name of a format that is read. */
export type InputFormat = {
  [Name in FormatName]: (typeof FORMATS)[Name] extends { extensions: readonly string[] } ? Name : never
}[FormatName]

/** The names of all formats. */
export const FORMAT_NAMES = Object.keys(FORMATS) as readonly FormatName[]

/** The names of those in which entries are written. */
export const OUTPUT_FORMATS = FORMAT_NAMES.filter((name) => 'entryWriter' in FORMATS[name])

/** The names of those that are read. */
export const INPUT_FORMATS = FORMAT_NAMES.filter((name) => 'parser' in FORMATS[name]) as readonly InputFormat[]

/** The format of a file by its name, `.gz` and `.zst` set aside; JSON Lines when the name says nothing. */
export function formatOf(name: string): InputFormat {
  const extension = /\.([a-z]+)$/i.exec(name.replace(/\.(?:gz|zst)$/i, ''))?.[1]?.toLowerCase() ?? ''
  return (
    INPUT_FORMATS.find((format) => (FORMATS[format].extensions as readonly string[]).includes(extension)) ?? 'jsonl'
  )
}
