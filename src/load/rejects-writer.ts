import { type Stats, fstatSync, openSync, statSync, writeSync } from 'node:fs'
import { resolve } from 'node:path'
import { KvError, unwritable, usageError } from '../errors.ts'
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
    throw unwritable('the rejects', cause, 'KV_OUTPUT')
  }
}

/**
 * Opens the file for skipped records. Throws `KV_USAGE`, also when it is an input (`-`: standard input), or one of
 * the files of the store, which need not be there yet.
 */
export function openRejects(
  path: string,
  inputs: readonly string[],
  stdinFd: number,
  files: readonly string[],
): number {
  try {
    const there = statSync(path, { throwIfNoEntry: false })
    const isThat = (stat: Stats | undefined): boolean =>
      stat !== undefined && stat.isFile() && stat.dev === there?.dev && stat.ino === there.ino
    const isInput = inputs.some((name) =>
      isThat(name === '-' ? fstatSync(stdinFd) : statSync(name, { throwIfNoEntry: false })),
    )
    const isStore = files.some((file) => file === resolve(path) || isThat(statSync(file, { throwIfNoEntry: false })))
    if (isInput || isStore) throw usageError(`--rejects would overwrite ${path}, which is an input or the store`)
    return openSync(path, 'w', 0o600)
  } catch (cause) {
    if (cause instanceof KvError) throw cause
    throw unwritable(path, cause)
  }
}
