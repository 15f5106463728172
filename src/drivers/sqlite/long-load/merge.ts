import type { Block } from '../../../blocks/block.ts'
import { byteView } from '../../../blocks/byte-arena.ts'
import type { Runs } from './record.ts'
import { RunReader } from './run-reader.ts'

/** Entries of a merged block at most, and bytes of its keys and values: one statement inserts it. */
const BLOCK_ROWS = 1 << 14
const BLOCK_BYTES = 4 << 20

/** Memory for what is read of all runs ahead, and of one of them at most and at least, in bytes. */
const READ_BYTES = 48 << 20
const MOST_BYTES = 1 << 20
const LEAST_BYTES = 1 << 13

/** A merged block, with the arrays that the next one may use again. */
export interface Merged {
  readonly arrays: BlockArrays
  readonly count: number
  /** Whether any of its entries expires, and whether any is a delete: otherwise those arrays say nothing. */
  readonly anyExpires: boolean
  readonly anyDeletes: boolean
}

/** Memory for a block. */
export type BlockArrays = Required<Omit<Block, 'count' | 'order' | 'expires' | 'deleted'>> & {
  readonly expires: Float64Array
  readonly deleted: Uint8Array
}

/** What was merged as a block, in the same memory. */
export function blockOfMerged({ arrays, count, anyExpires, anyDeletes }: Merged): Block {
  return {
    ...arrays,
    count,
    expires: anyExpires ? arrays.expires : undefined,
    deleted: anyDeletes ? arrays.deleted : undefined,
  }
}

/**
 * The entries of sorted runs in key order. Of equal keys the one of the last run stays, or with `keepsEqual` all of them,
 * in the order of the runs. The runs are in a heap, by eight bytes of their next keys.
 */
export class Merger {
  readonly #skip: number
  readonly #keepsEqual: boolean
  readonly #readers: RunReader[]
  /** The first eight bytes of the next key of each run, after what all keys have in common. */
  readonly #high: Uint32Array
  readonly #low: Uint32Array
  /** Numbers of the runs that have entries left; the first has the smallest key. */
  readonly #heap: Uint32Array
  #size = 0

  constructor({ fd, runs, commonPrefix }: Runs, keepsEqual: boolean) {
    this.#skip = commonPrefix
    this.#keepsEqual = keepsEqual
    const ahead = Math.max(LEAST_BYTES, Math.min(MOST_BYTES, Math.floor(READ_BYTES / Math.max(1, runs.length))))
    this.#readers = runs.map((run) => new RunReader(fd, run, ahead))
    this.#high = new Uint32Array(runs.length)
    this.#low = new Uint32Array(runs.length)
    this.#heap = new Uint32Array(runs.length)
    for (let run = 0; run < runs.length; run++) if (this.#next(run)) this.#heap[this.#size++] = run
    for (let at = (this.#size >>> 1) - 1; at >= 0; at--) this.#sink(at)
  }

  /** The next block; `undefined` when nothing is left. Throws what the file system throws. */
  next(arrays: BlockArrays = newArrays()): Merged | undefined {
    if (this.#size === 0) return undefined
    let [out, to] = [arrays, byteView(arrays.bytes)]
    let [count, at] = [0, 0]
    let [anyExpires, anyDeletes] = [false, false]
    while (this.#size > 0) {
      const run = this.#heap[0]!
      const reader = this.#readers[run]!
      if (!this.#keepsEqual && count > 0 && this.#isSame(reader, out, count - 1)) at = out.keyStart[--count]!
      const bytes = reader.keyLength + reader.valueLength
      if (count > 0 && (count === BLOCK_ROWS || at + bytes > out.bytes.length)) break
      if (bytes > out.bytes.length) {
        out = { ...out, bytes: new Uint8Array(bytes) }
        to = byteView(out.bytes)
      }
      out.keyStart[count] = at
      out.keyLength[count] = reader.keyLength
      at = reader.copyKey(to, at)
      out.valueStart[count] = at
      out.valueLength[count] = reader.valueLength
      at = reader.copyValue(to, at)
      out.checksums[count] = reader.checksum
      const end = reader.expires
      out.expires[count] = end
      anyExpires ||= !Number.isNaN(end)
      out.deleted[count] = reader.isDelete ? 1 : 0
      anyDeletes ||= reader.isDelete
      count++
      if (!this.#next(run)) this.#heap[0] = this.#heap[--this.#size]!
      this.#sink(0)
    }
    return { arrays: out, count, anyExpires, anyDeletes }
  }

  /** Goes on to the next entry of a run; false when it has none. */
  #next(run: number): boolean {
    const reader = this.#readers[run]!
    if (!reader.next()) return false
    this.#high[run] = reader.window(this.#skip)
    this.#low[run] = reader.window(this.#skip + 4)
    return true
  }

  /** Puts the run at a place of the heap where it belongs below. */
  #sink(from: number): void {
    const heap = this.#heap
    const size = this.#size
    const run = heap[from]!
    let at = from
    for (;;) {
      let child = 2 * at + 1
      if (child >= size) break
      if (child + 1 < size && this.#isBefore(heap[child + 1]!, heap[child]!)) child++
      if (!this.#isBefore(heap[child]!, run)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = run
  }

  /** Whether the next key of run `a` is smaller than that of `b`, or the same and `a` came first. */
  #isBefore(a: number, b: number): boolean {
    const [highA, highB] = [this.#high[a]!, this.#high[b]!]
    if (highA !== highB) return highA < highB
    const [lowA, lowB] = [this.#low[a]!, this.#low[b]!]
    if (lowA !== lowB) return lowA < lowB
    const order = compareKeys(this.#readers[a]!, this.#readers[b]!, this.#skip)
    return order === 0 ? a < b : order < 0
  }

  /** Whether the next entry of a run has the key of one that was put out. */
  #isSame({ bytes, keyAt, keyLength }: RunReader, out: BlockArrays, index: number): boolean {
    if (keyLength !== out.keyLength[index]) return false
    const start = out.keyStart[index]!
    // From the end: neighbours in key order differ there sooner.
    for (let i = keyLength - 1; i >= 0; i--) if (bytes[keyAt + i] !== out.bytes[start + i]) return false
    return true
  }
}

/** Compares the next keys of two runs, whose first `from` bytes are the same. */
function compareKeys(a: RunReader, b: RunReader, from: number): number {
  const [bytesA, bytesB] = [a.bytes, b.bytes]
  const [startA, startB] = [a.keyAt, b.keyAt]
  const length = Math.min(a.keyLength, b.keyLength)
  for (let i = from; i < length; i++) {
    const order = bytesA[startA + i]! - bytesB[startB + i]!
    if (order !== 0) return order
  }
  return a.keyLength - b.keyLength
}

function newArrays(): BlockArrays {
  const column = (): Uint32Array => new Uint32Array(BLOCK_ROWS)
  return {
    bytes: new Uint8Array(BLOCK_BYTES),
    keyStart: column(),
    keyLength: column(),
    valueStart: column(),
    valueLength: column(),
    checksums: column(),
    expires: new Float64Array(BLOCK_ROWS),
    deleted: new Uint8Array(BLOCK_ROWS),
  }
}

/** The memory of arrays, to be handed to another thread. */
export function buffersOf(arrays: BlockArrays): ArrayBuffer[] {
  return Object.values(arrays).map((array) => array.buffer as ArrayBuffer)
}
