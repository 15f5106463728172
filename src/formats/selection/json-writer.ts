import { utf8 } from '../../bytes.ts'
import type { ByteBuffer } from '../byte-buffer.ts'
import type { Columns, EntryWriter, Output } from '../format.ts'
import { jsonField, writeJsonField } from '../json/writer.ts'

const NULL = utf8('null')

/** JSON Lines of columns: an object a line with a field for each; `null` where there is nothing. */
export function jsonLinesColumnWriter({ text: out }: Output, columns: Columns): EntryWriter {
  const write = rowWriter(out, columns)
  return {
    write(entry) {
      columns.read(entry)
      write()
      out.text('\n')
    },
  }
}

/** One JSON array of what {@link jsonLinesColumnWriter} writes, a line each. */
export function jsonArrayColumnWriter({ text: out }: Output, columns: Columns): EntryWriter {
  const write = rowWriter(out, columns)
  let isFirst = true
  out.text('[')
  return {
    write(entry) {
      out.text(isFirst ? '\n' : ',\n')
      isFirst = false
      columns.read(entry)
      write()
    },
    end: () => out.text(isFirst ? ']\n' : '\n]\n'),
  }
}

function rowWriter(out: ByteBuffer, columns: Columns): () => void {
  const cells = columns.list.map(({ name, of, encoding }, at) => {
    const before = `${at === 0 ? '{' : ','}${JSON.stringify(name)}`
    if (of === 'field') {
      const begin = utf8(`${before}:`)
      return () => {
        out.bytes(begin)
        out.bytes(columns.source(at) ?? NULL)
      }
    }
    // The name without its last quote: what follows may tell an encoding.
    const field = jsonField(before.slice(0, -1))
    const nothing = utf8(`${before}:null`)
    return () => {
      const bytes = columns.text(at)
      if (of === 'expires' && bytes.length === 0) out.bytes(nothing)
      else writeJsonField(out, field, bytes, encoding)
    }
  })
  return () => {
    for (const cell of cells) cell()
    out.text('}')
  }
}
