import { escapeJson, escapeText } from '../safe-text.ts'
import type { Format } from './format.ts'

/** Every format that `--format` can name, in the order of the help. Markdown is for the figures of `kv bench` only, lines for what batch-put reads. */
export const FORMATS = {
  table: {
    entryWriter: async (out, form) => (await import('./display/table.ts')).tableWriter(out, form),
    columnWriter: async (out, columns) => (await import('./display/table.ts')).columnTableWriter(out, columns),
    changeWriter: async (out, form) => (await import('./display/change-lines.ts')).changeLines(out, form),
  },
  pretty: {
    entryWriter: async (out, form) => (await import('./display/pretty.ts')).prettyWriter(out, form),
    changeWriter: async (out, form) => (await import('./display/change-lines.ts')).changeLines(out, form),
  },
  jsonl: {
    escape: escapeJson,
    entryWriter: async (out, form) => (await import('./json/writer.ts')).jsonLinesWriter(out, form),
    columnWriter: async (out, columns) =>
      (await import('./selection/json-writer.ts')).jsonLinesColumnWriter(out, columns),
    changeWriter: async (out, form) => (await import('./json/writer.ts')).jsonChangeWriter(out, form),
  },
  json: {
    escape: escapeJson,
    entryWriter: async (out, form) => (await import('./json/writer.ts')).jsonArrayWriter(out, form),
    columnWriter: async (out, columns) =>
      (await import('./selection/json-writer.ts')).jsonArrayColumnWriter(out, columns),
  },
  csv: {
    escape: escapeText,
    entryWriter: async (out, form) => (await import('./csv/writer.ts')).csvWriter(out, form),
    columnWriter: async (out, columns) => (await import('./selection/csv-writer.ts')).csvColumnWriter(out, columns),
  },
  tsv: {
    escape: escapeText,
    entryWriter: async (out, form) => (await import('./csv/writer.ts')).tsvWriter(out, form),
    columnWriter: async (out, columns) => (await import('./selection/csv-writer.ts')).tsvColumnWriter(out, columns),
  },
  raw: {
    escape: escapeText,
    entryWriter: async (out, form) => (await import('./raw.ts')).rawWriter(out, form),
  },
  markdown: {},
  lines: {},
} satisfies Record<string, Format>

/** The name of a format, see {@link FORMATS}. */
export type FormatName = keyof typeof FORMATS

/** The names of all formats. */
export const FORMAT_NAMES = Object.keys(FORMATS) as readonly FormatName[]

/** The names of those in which columns of entries are written. */
export const COLUMN_FORMATS = FORMAT_NAMES.filter((name) => 'columnWriter' in FORMATS[name])

/** The names of those in which entries are written. */
export const OUTPUT_FORMATS = FORMAT_NAMES.filter((name) => 'entryWriter' in FORMATS[name])
