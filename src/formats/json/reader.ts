import { JsonDocumentParser } from './document.ts'
import { jsonForm } from './layout.ts'
import { jsonLinesParser } from './lines-reader.ts'
import { recordReader } from './mapped-record.ts'
import type { ParserOptions, RecordParser } from '../record-reader.ts'

/**
 * A parser for one input of JSON, of whichever form it turns out to be, see {@link jsonForm}: many programs write
 * records a line into a `.json`. Nothing is parsed before the form is known.
 */
export function jsonParser(options: ParserOptions): RecordParser {
  let parser: RecordParser | undefined
  const { makes } = recordReader(options)
  return {
    makes,
    parse(into, length, final) {
      if (parser === undefined) {
        const form = jsonForm(into.bytes, length, final, options)
        if (form === undefined) return 0
        parser = form === 'lines' ? jsonLinesParser(options) : new JsonDocumentParser(options, form)
      }
      return parser.parse(into, length, final)
    },
  }
}
