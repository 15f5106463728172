import { closeSync, openSync, statfsSync, unlinkSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { type Block, blockKey } from '../../../blocks/block.ts'
import { Mover } from '../../../blocks/byte-arena.ts'
import { compareBytes } from '../../../bytes.ts'
import { temporaryName } from '../format/temporary-names.ts'
import { DELETES, EXPIRES, EXPIRY_BYTES, HEAD_BYTES, type Run, type Runs } from './record.ts'

/** Bytes of a write. */
const WRITE_BYTES = 1 << 20

/** What runs take at most of the space that is free: the store needs as much for them, and once more for its log. */
const PART_OF_FREE = 1 / 4

/**
 * Sorted runs in a temporary file, each from one block. It has no name and goes with the process, and lies in the folder
 * of the store, where there is room for as much: a folder for temporary files may be small, or memory.
 */
export class RunFile implements Runs {
  readonly fd: number
  readonly runs: Run[] = []
  #length = 0
  readonly #most: number
  #first: Uint8Array | undefined
  #last: Uint8Array | undefined
  readonly #buffer = new Uint8Array(WRITE_BYTES)
  readonly #view = new DataView(this.#buffer.buffer)
  #buffered = 0

  /** Makes the file. Throws what the file system throws. */
  constructor(folder: string) {
    const path = join(folder, temporaryName())
    this.fd = openSync(path, 'wx+', 0o600)
    unlinkSync(path)
    this.#most = freeBytes(folder) * PART_OF_FREE
  }

  /** Bytes of all runs. */
  get length(): number {
    return this.#length
  }

  /** Whether no more should be put here, for want of space. */
  get isFull(): boolean {
    return this.#length >= this.#most
  }

  get commonPrefix(): number {
    const [first, last] = [this.#first, this.#last]
    if (first === undefined || last === undefined) return 0
    let length = 0
    while (length < first.length && first[length] === last[length]) length++
    return length
  }

  /** Appends the entries of a block, which is in key order, as a run. Throws what the file system throws. */
  add(block: Block): void {
    const { bytes, count, keyStart, keyLength, valueStart, valueLength, checksums, expires, deleted } = block
    if (count === 0) return
    const from = this.#length
    this.#spread(blockKey(block, 0), blockKey(block, count - 1))
    const mover = new Mover(bytes, this.#buffer)
    const view = this.#view
    for (let i = 0; i < count; i++) {
      const [keyBytes, valueBytes] = [keyLength[i]!, valueLength[i]!]
      const end = expires?.[i] ?? Number.NaN
      const isExpiring = !Number.isNaN(end)
      const head = isExpiring ? HEAD_BYTES + EXPIRY_BYTES : HEAD_BYTES
      const isWhole = head + keyBytes + valueBytes <= WRITE_BYTES
      if (this.#buffered + head + keyBytes + (isWhole ? valueBytes : 0) > WRITE_BYTES) this.#flush()
      let at = this.#buffered
      view.setUint16(at, keyBytes, true)
      view.setUint16(at + 2, (deleted?.[i] === 1 ? DELETES : 0) | (isExpiring ? EXPIRES : 0), true)
      view.setUint32(at + 4, valueBytes, true)
      view.setUint32(at + 8, checksums[i]!, true)
      if (isExpiring) view.setFloat64(at + HEAD_BYTES, end, true)
      at = mover.move(keyStart[i]!, keyBytes, at + head)
      if (isWhole) this.#buffered = mover.move(valueStart[i]!, valueBytes, at)
      else {
        this.#buffered = at
        this.#flush()
        this.#write(bytes.subarray(valueStart[i]!, valueStart[i]! + valueBytes))
      }
    }
    this.#flush()
    this.runs.push({ from, to: this.#length })
  }

  /** Frees the file. */
  close(): void {
    closeSync(this.fd)
  }

  /** Keeps the smallest and the greatest key of all. */
  #spread(first: Uint8Array, last: Uint8Array): void {
    if (this.#first === undefined || compareBytes(first, this.#first) < 0) this.#first = first.slice()
    if (this.#last === undefined || compareBytes(last, this.#last) > 0) this.#last = last.slice()
  }

  #flush(): void {
    this.#write(this.#buffer.subarray(0, this.#buffered))
    this.#buffered = 0
  }

  #write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      const written = writeSync(this.fd, bytes, at, bytes.length - at, this.#length)
      at += written
      this.#length += written
    }
  }
}

/** Bytes that are free where a folder is; any number where the file system does not tell. */
function freeBytes(folder: string): number {
  try {
    const { bavail, bsize } = statfsSync(folder)
    return bavail * bsize || Infinity
  } catch {
    return Infinity
  }
}
