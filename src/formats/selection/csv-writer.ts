import { utf8 } from '../../bytes.ts'
import type { Columns, EntryWriter, Output } from '../format.ts'
import { type WriteField, CSV_FIELD, TSV_FIELD, notText } from '../csv/writer.ts'

/** Comma-separated values of columns, see `csvWriter`. */
export function csvColumnWriter(out: Output, columns: Columns): EntryWriter {
  return columnWriter(out, columns, ',', CSV_FIELD)
}

/** Tab-separated values of columns, see `tsvWriter`. */
export function tsvColumnWriter(out: Output, columns: Columns): EntryWriter {
  return columnWriter(out, columns, '\t', TSV_FIELD)
}

function columnWriter({ text: out }: Output, columns: Columns, separator: string, writeField: WriteField): EntryWriter {
  const { list } = columns
  const isAlone = list.length === 1
  for (const [at, { name }] of list.entries()) {
    if (at > 0) out.text(separator)
    writeField(out, utf8(name), isAlone)
  }
  out.text('\n')
  return {
    write(entry) {
      columns.read(entry)
      for (let at = 0; at < list.length; at++) {
        if (at > 0) out.text(separator)
        const { encoding } = list[at]!
        const bytes = columns.text(at)
        if (encoding !== 'utf8') out.encoded(bytes, encoding)
        else if (!writeField(out, bytes, isAlone)) throw notText(entry.key)
      }
      out.text('\n')
    },
  }
}
