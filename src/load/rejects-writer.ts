import { writeSync } from 'node:fs'
import { KvError, reasonOf } from '../errors.ts'
import { ByteBuffer } from '../formats/byte-buffer.ts'
import { jsonField, writeJsonField } from '../formats/json/writer.ts'
import { type BadRecord, explain } from '../formats/record-reader.ts'

/** Where skipped records go. */
export interface RejectsFile {
  /** The descriptor of the file; any thread of this process may write to it. */
  readonly fd: number
  /** The input, as messages name it. */
  readonly input: string
}

/**
 * Writes skipped records as JSON Lines: `{"file":F,"line":N,"reason":R,"source":S}`, with `source_base64` in place of
 * `source` where that is not UTF-8. They are written where they are parsed, so however many there are, none is held.
 */
export class RejectsWriter {
  readonly #out: ByteBuffer
  readonly #before: string

  constructor({ fd, input }: RejectsFile) {
    this.#out = new ByteBuffer({ write: (data) => writeAll(fd, data as Uint8Array) })
    this.#before = `{"file":${JSON.stringify(input)},"line":`
  }

  /** Adds a record whose source lies in `bytes`. Throws `KV_OUTPUT`. */
  add(bytes: Uint8Array, bad: BadRecord): void {
    const out = this.#out
    const source = bytes.subarray(bad.start, bad.end)
    out.text(`${this.#before}${bad.line},"reason":${JSON.stringify(explain(bad))}`)
    writeJsonField(out, SOURCE, source, 'utf8')
    out.text('}\n')
    out.flushIfFull()
  }

  /** Writes out what was added. Throws `KV_OUTPUT`. */
  flush(): void {
    this.#out.flush()
  }
}

const SOURCE = jsonField(',"source')

function writeAll(fd: number, bytes: Uint8Array): void {
  try {
    for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at)
  } catch (cause) {
    throw new KvError('KV_OUTPUT', `cannot write the rejects: ${reasonOf(cause)}`, { cause })
  }
}
