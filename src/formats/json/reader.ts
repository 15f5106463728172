import type { BlockBuilder } from '../../blocks/block-builder.ts'
import { JsonDocumentParser } from './document.ts'
import { jsonForm } from './layout.ts'
import { JsonLinesParser } from './lines-reader.ts'
import type { ParserOptions, RecordParser } from '../record-reader.ts'

/**
 * Parses JSON of whichever form it turns out to be, see {@link jsonForm}: many programs write records a line into a
 * `.json`.
 */
export class JsonParser implements RecordParser {
  readonly #options: ParserOptions
  #parser: RecordParser | undefined

  constructor(options: ParserOptions) {
    this.#options = options
  }

  /** See {@link RecordParser.parse}. Nothing is done with before the form is known. */
  parse(into: BlockBuilder, length: number, final: boolean): number {
    if (this.#parser === undefined) {
      const form = jsonForm(into.bytes, length, final)
      if (form === undefined) return 0
      this.#parser = form === 'lines' ? new JsonLinesParser(this.#options) : new JsonDocumentParser(this.#options, form)
    }
    return this.#parser.parse(into, length, final)
  }
}
