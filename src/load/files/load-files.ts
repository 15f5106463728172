import { type Stats, statSync } from 'node:fs'
import { pause, turn } from '../../async.ts'
import { BlockBuilder } from '../../blocks/block-builder.ts'
import { ByteArena } from '../../blocks/byte-arena.ts'
import { KvError, reasonOf } from '../../errors.ts'
import { type FieldMapping, fieldMapping } from '../../formats/mapping.ts'
import { type BadRecord, lengthFault } from '../../formats/record-reader.ts'
import { fill } from '../../formats/template.ts'
import { NAMED, type Parsed } from '../block-parser.ts'
import type { LoadOptions } from '../load.ts'
import { RejectsWriter } from '../rejects-writer.ts'
import { FileFields } from './file-fields.ts'
import type { FileName } from './file-names.ts'
import { type OpenFile, openFile } from './open-file.ts'

/** Bytes of a block, unless a single file is longer. */
const BLOCK_BYTES = 8 << 20

/** How long entries may wait for the rest of their block, in milliseconds. */
const LIVE_MS = 250

/** Time that files are read for at a stretch, in milliseconds; then signals and timers have their turn. */
const SLICE_MS = 50

/** How files are loaded. */
export interface FilesOptions extends Omit<LoadOptions, 'format'> {
  /** Paths of files that are not read: those of the store. They need not be there. */
  readonly storeFiles: readonly string[]
}

/**
 * Makes an entry of each file: its path, or what a template makes of that, is the key, and its bytes are the value. What
 * is no file, or cannot be read, is a bad record. Each result must be done with before the next is asked for; entries come
 * within half a second, unless all are stored at once. Throws `KV_USAGE` for a template with a field that files do not have, `KV_OUTPUT`, and
 * what `names` throws, after the entries before it.
 */
export async function* loadFiles(
  names: AsyncIterable<readonly FileName[]>,
  options: FilesOptions,
): AsyncGenerator<Parsed, void, void> {
  const { stop, atOnce } = options
  const blocks = new FileBlocks(options)
  const lists = names[Symbol.asyncIterator]()
  const stopped = new Promise<undefined>((resolve) => {
    stop.addEventListener('abort', () => resolve(undefined), { once: true })
  })
  try {
    let readUntil = performance.now() + SLICE_MS
    for (let next = lists.next(); ; next = lists.next()) {
      if (!atOnce && blocks.count > 0) {
        const settled = next.then(
          () => true,
          () => true,
        )
        if ((await Promise.race([settled, pause(LIVE_MS, stop)])) !== true) yield blocks.cut()
      }
      const list = await Promise.race([next, stopped]).catch((error: unknown) => error as Error)
      if (list === undefined || stop.aborted) return
      if (list instanceof Error || list.done === true) {
        yield blocks.cut(undefined, true)
        if (list instanceof Error) throw list
        return
      }
      for (const name of list.value) {
        for (const parsed of blocks.add(name)) {
          yield parsed
          if (parsed.final) return
        }
        if (!atOnce && blocks.isOld) yield blocks.cut()
        if (performance.now() < readUntil) continue
        await turn()
        if (stop.aborted) return
        readUntil = performance.now() + SLICE_MS
      }
    }
  } finally {
    void lists.return?.()
  }
}

/** Collects files in a buffer of a block's size. */
class FileBlocks {
  readonly #options: FilesOptions
  readonly #mapping: FieldMapping
  readonly #fields: FileFields
  readonly #key = new ByteArena()
  readonly #rejects: RejectsWriter | undefined
  #buffer: Uint8Array = new Uint8Array(BLOCK_BYTES)
  #builder: BlockBuilder
  #length = 0
  #valueBytes = 0
  /** When the first entry of the block came. */
  #since = 0
  #files = 0
  #skipped = 0
  #skippedBefore = 0
  #named: BadRecord[] = []
  /** Device and number of each file of the store that is there now. */
  #storeFiles: readonly string[] | undefined

  constructor(options: FilesOptions) {
    const { mapping = {}, rejects } = options
    this.#options = options
    this.#mapping = fieldMapping(mapping.key ?? 'path', mapping)
    this.#fields = new FileFields(this.#mapping.fields)
    this.#rejects = rejects === undefined ? undefined : new RejectsWriter(rejects)
    this.#builder = this.#newBuilder()
  }

  /** Entries of the block so far. */
  get count(): number {
    return this.#builder.count
  }

  /** Whether an entry has waited as long as it may. */
  get isOld(): boolean {
    return this.count > 0 && performance.now() - this.#since >= LIVE_MS
  }

  /** Adds a file; yields the block that has no room for it, and the last one where the file is refused and not skipped. */
  *add(name: FileName): Generator<Parsed, void, void> {
    this.#files++
    let file: OpenFile | undefined
    let reason = this.#makeKey(name.path)
    try {
      if (reason === undefined) {
        file = openFile(name.path, (stat) =>
          this.#ofStore().includes(idOf(stat)) ? 'it is a file of the store' : undefined,
        )
        reason = lengthFault(this.#key.length, file.size, this.#options)
      }
      if (file !== undefined && reason === undefined) {
        const needed = this.#key.length + file.size
        if (needed > this.#buffer.length - this.#length && this.#length > 0) yield this.cut()
        if (needed > this.#buffer.length) this.#replaceBuffer(needed)
        this.#put(file)
      }
    } catch (cause) {
      if (cause instanceof KvError) throw cause
      reason = reasonOf(cause)
    } finally {
      file?.close()
    }
    if (reason === undefined) return
    const bad = { line: name.line, record: this.#files, start: 0, end: name.path.length }
    const named = { ...bad, reason: `${Buffer.from(name.path).toString()}: ${reason}` }
    const { skip, maxSkipped = Infinity } = this.#options
    if (!skip || this.#skippedBefore + this.#skipped === maxSkipped) {
      yield this.cut(named)
      return
    }
    if (this.#skipped++ < NAMED) this.#named.push(named)
    this.#rejects?.add(name.path, { ...bad, reason })
  }

  /** The block of what was added since the last one. With `refused` or `last`, nothing follows. Throws `KV_OUTPUT`. */
  cut(refused?: BadRecord, last = refused !== undefined): Parsed {
    this.#rejects?.flush()
    const parsed = {
      records: this.#builder.count,
      deletes: 0,
      inputBytes: this.#valueBytes,
      skipped: this.#skipped,
      named: this.#named,
      refused,
      more: false,
      final: last,
      block: this.#builder.finish(),
    }
    this.#skippedBefore += this.#skipped
    this.#skipped = 0
    this.#named = []
    this.#valueBytes = 0
    // By the time that the next file comes, this block is stored, and perhaps the store has come into being by that.
    this.#storeFiles = undefined
    this.#replaceBuffer(BLOCK_BYTES)
    return parsed
  }

  #makeKey(path: Uint8Array): string | undefined {
    if (path.includes(0)) return 'its name has a NUL in it, which is for -0'
    this.#fields.path = path
    this.#key.length = 0
    this.#key.add(this.#mapping.prefix)
    return fill(this.#mapping.key, this.#fields, this.#key)
  }

  #put(file: OpenFile): void {
    const keyStart = this.#length
    const valueStart = keyStart + this.#key.length
    const length = file.read(this.#buffer.subarray(valueStart))
    this.#buffer.set(this.#key.bytes.subarray(0, this.#key.length), keyStart)
    if (this.count === 0) this.#since = performance.now()
    const { ttl } = this.#mapping
    if (ttl === undefined) this.#builder.add(keyStart, this.#key.length, valueStart, length)
    else this.#builder.addExpiring(keyStart, this.#key.length, valueStart, length, -ttl)
    this.#length = valueStart + length
    this.#valueBytes += length
  }

  #replaceBuffer(bytes: number): void {
    if (this.#buffer.length !== bytes) this.#buffer = new Uint8Array(bytes)
    this.#builder = this.#newBuilder()
    this.#length = 0
  }

  #newBuilder(): BlockBuilder {
    return new BlockBuilder(this.#buffer, undefined, { keepsEqual: this.#options.keepsEqual })
  }

  #ofStore(): readonly string[] {
    return (this.#storeFiles ??= this.#options.storeFiles.flatMap((file) => {
      const stat = statSync(file, { throwIfNoEntry: false })
      return stat === undefined ? [] : [idOf(stat)]
    }))
  }
}

function idOf({ dev, ino }: Stats): string {
  return `${dev}:${ino}`
}
