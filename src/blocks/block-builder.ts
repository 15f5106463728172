import type { Put } from '../store/driver/entry.ts'
import type { Block } from './block.ts'
import { withExpiry } from './checksum.ts'
import { crc32 } from './crc32.ts'
import { type ByteArena, Mover } from './byte-arena.ts'
import { type KeyOrder, isStrictlyAscending, sortKeys } from './sort.ts'

/** Entries this builder has room for at first. */
const FIRST_CAPACITY = 1024

/** Bytes put together after which a block is full: a little less than the power of two that the arena grows to. */
const MADE_BYTES = 7 << 20

/** What of every entry is made: put together in an arena, since it does not lie in the input as it stands. */
export interface Made {
  readonly arena: ByteArena
  readonly keys: boolean
  readonly values: boolean
}

/** What kind of blocks are made. */
export interface BuilderOptions {
  /** Positions of keys or of values are in its arena. Default: all are in the buffer with the input. */
  readonly made?: Made | undefined
  /** Keeps all entries of a key, in input order, for a load with `ifAbsent`. Default: only the last. */
  readonly keepsEqual?: boolean | undefined
}

/** Collects positions of entries in a buffer, in input order, and makes a {@link Block}, which needs the buffer. */
export class BlockBuilder {
  /** The buffer with the input: less than 4 GiB. Parsers change it while they decode. */
  readonly bytes: Uint8Array
  readonly #made: Made | undefined
  #count = 0
  #keyStart: Uint32Array
  #keyLength: Uint32Array
  #valueStart: Uint32Array
  #valueLength: Uint32Array
  #expires: Float64Array | undefined
  #deleted: Uint8Array | undefined
  #deletes = 0
  readonly #keepsEqual: boolean

  /**
   * @param capacity how many entries are expected; it grows when there are more
   */
  constructor(bytes: Uint8Array, capacity: number = FIRST_CAPACITY, { made, keepsEqual = false }: BuilderOptions = {}) {
    this.bytes = bytes
    this.#made = made
    this.#keepsEqual = keepsEqual
    this.#keyStart = new Uint32Array(capacity)
    this.#keyLength = new Uint32Array(capacity)
    this.#valueStart = new Uint32Array(capacity)
    this.#valueLength = new Uint32Array(capacity)
  }

  /** How many entries were added; of a key added twice, both count. */
  get count(): number {
    return this.#count
  }

  /** How many deletes are among them. */
  get deletes(): number {
    return this.#deletes
  }

  /** Where keys and values are put together; only with `made`. */
  get arena(): ByteArena {
    return this.#made!.arena
  }

  /** Whether so much was put together that what comes belongs in another block. */
  get isFull(): boolean {
    return this.#made !== undefined && this.#made.arena.length >= MADE_BYTES
  }

  /** Adds an entry that does not expire. Positions and lengths are in bytes; the key is not empty. */
  add(keyStart: number, keyLength: number, valueStart: number, valueLength: number): void {
    const at = this.#count
    if (at === this.#keyStart.length) this.#grow()
    this.#keyStart[at] = keyStart
    this.#keyLength[at] = keyLength
    this.#valueStart[at] = valueStart
    this.#valueLength[at] = valueLength
    this.#count = at + 1
  }

  /**
   * Adds an entry that expires at a whole number of milliseconds since 1970, or, where that is negative, after as
   * many from the write on.
   */
  addExpiring(keyStart: number, keyLength: number, valueStart: number, valueLength: number, expires: number): void {
    this.add(keyStart, keyLength, valueStart, valueLength)
    this.#expires ??= new Float64Array(this.#keyStart.length).fill(Number.NaN)
    this.#expires[this.#count - 1] = expires
  }

  /** Adds the delete of a key, which is not empty, by its position and length in bytes of the buffer. */
  addDelete(keyStart: number, keyLength: number): void {
    this.add(keyStart, keyLength, keyStart, 0)
    this.#deleted ??= new Uint8Array(this.#keyStart.length)
    this.#deleted[this.#count - 1] = 1
    this.#deletes++
  }

  /**
   * The entries in ascending key order (unsigned bytes) with their checksums; of a key added more
   * than once, the last, unless all are kept. The builder must not be used afterwards: the block may own its arrays.
   *
   * With `packInto`, as long as this builder's buffer, entries that were not in order are copied
   * there in key order, so that whoever stores them walks ascending memory (a quarter less time
   * for a block beyond the processor's cache); the block's `bytes` tells whether that was done. What is made is always
   * copied out of its arena, to memory of its own where `packInto` has no room for it.
   */
  finish(packInto?: Uint8Array): Block {
    const keys = { bytes: this.#keyBytes, count: this.#count, start: this.#keyStart, length: this.#keyLength }
    // Checksums first: entries in input order lie in ascending memory.
    const checksums = this.#checksums()
    const isAscending = isStrictlyAscending(keys)
    if (isAscending && this.#made === undefined) {
      return {
        bytes: this.bytes,
        count: this.#count,
        keyStart: this.#keyStart,
        keyLength: this.#keyLength,
        valueStart: this.#valueStart,
        valueLength: this.#valueLength,
        expires: this.#expires,
        deleted: this.#deleted,
        checksums,
      }
    }
    const { order, hasDuplicates } = isAscending ? inTurn(this.#count) : sortKeys(keys)
    const count = hasDuplicates && !this.#keepsEqual ? this.#dropDuplicates(order) : order.length
    const positions = {
      keyStart: gather(this.#keyStart, order, count),
      keyLength: gather(this.#keyLength, order, count),
      valueStart: gather(this.#valueStart, order, count),
      valueLength: gather(this.#valueLength, order, count),
    }
    let packed = packInto
    if (this.#made !== undefined) {
      let needed = 0
      for (let n = 0; n < count; n++) needed += positions.keyLength[n]! + positions.valueLength[n]!
      // With room for a larger one to come after it.
      if (packed === undefined || packed.length < needed) packed = new Uint8Array(needed + (needed >>> 3))
    }
    if (packed !== undefined) {
      const keyBytes = new Mover(this.#keyBytes, packed)
      const valueBytes = new Mover(this.#valueBytes, packed)
      const { keyStart, keyLength, valueStart, valueLength } = positions
      let at = 0
      for (let n = 0; n < count; n++) {
        const value = keyBytes.move(keyStart[n]!, keyLength[n]!, at)
        keyStart[n] = at
        at = valueBytes.move(valueStart[n]!, valueLength[n]!, value)
        valueStart[n] = value
      }
    }
    return {
      bytes: packed ?? this.bytes,
      count,
      ...positions,
      expires:
        this.#expires === undefined
          ? undefined
          : Float64Array.from(order.subarray(0, count), (i) => this.#expires![i]!),
      deleted:
        this.#deleted === undefined ? undefined : Uint8Array.from(order.subarray(0, count), (i) => this.#deleted![i]!),
      order: isAscending ? undefined : order.subarray(0, count),
      checksums: gather(checksums, order, count),
    }
  }

  get #keyBytes(): Uint8Array {
    return this.#made?.keys === true ? this.#made.arena.bytes : this.bytes
  }

  get #valueBytes(): Uint8Array {
    return this.#made?.values === true ? this.#made.arena.bytes : this.bytes
  }

  /** Keeps the last of each run of equal keys in `order`; returns how many are left. */
  #dropDuplicates(order: Uint32Array): number {
    let kept = 0
    for (let n = 0; n < order.length; n++) {
      const entry = order[n]!
      if (n + 1 < order.length && this.#sameKey(entry, order[n + 1]!)) continue
      order[kept++] = entry
    }
    return kept
  }

  #sameKey(a: number, b: number): boolean {
    const length = this.#keyLength[a]!
    if (length !== this.#keyLength[b]) return false
    const bytes = this.#keyBytes
    const startA = this.#keyStart[a]!
    const startB = this.#keyStart[b]!
    // From the end: neighbours in key order differ there sooner.
    for (let at = length - 1; at >= 0; at--) if (bytes[startA + at] !== bytes[startB + at]) return false
    return true
  }

  #checksums(): Uint32Array {
    const keyBytes = this.#keyBytes
    const valueBytes = this.#valueBytes
    const expires = this.#expires
    const sums = new Uint32Array(this.#count)
    for (let i = 0; i < sums.length; i++) {
      const key = crc32(keyBytes, this.#keyStart[i]!, this.#keyLength[i]!, 0)
      sums[i] = crc32(valueBytes, this.#valueStart[i]!, this.#valueLength[i]!, key)
    }
    if (expires === undefined) return sums
    for (let i = 0; i < sums.length; i++) {
      if (expires[i]! >= 0) sums[i] = withExpiry(sums[i]!, expires[i]!)
    }
    return sums
  }

  #grow(): void {
    const capacity = Math.max(FIRST_CAPACITY, this.#keyStart.length * 2)
    this.#keyStart = enlarged(this.#keyStart, capacity)
    this.#keyLength = enlarged(this.#keyLength, capacity)
    this.#valueStart = enlarged(this.#valueStart, capacity)
    this.#valueLength = enlarged(this.#valueLength, capacity)
    if (this.#expires !== undefined) {
      const expires = new Float64Array(capacity).fill(Number.NaN, this.#count)
      expires.set(this.#expires)
      this.#expires = expires
    }
    if (this.#deleted !== undefined) {
      const deleted = new Uint8Array(capacity)
      deleted.set(this.#deleted)
      this.#deleted = deleted
    }
  }
}

/** The order of keys that are in order. */
function inTurn(count: number): KeyOrder {
  return { order: Uint32Array.from({ length: count }, (_, i) => i), hasDuplicates: false }
}

function enlarged(array: Uint32Array, capacity: number): Uint32Array {
  const larger = new Uint32Array(capacity)
  larger.set(array)
  return larger
}

function gather(array: Uint32Array, order: Uint32Array, count: number): Uint32Array {
  const gathered = new Uint32Array(count)
  for (let n = 0; n < count; n++) gathered[n] = array[order[n]!]!
  return gathered
}

/** A block of puts, in key order and of each key the last. */
export function sortedBlockOf(puts: readonly Put[]): Block {
  const bytes = Buffer.allocUnsafe(puts.reduce((sum, { key, value }) => sum + key.length + value.length, 0))
  const builder = new BlockBuilder(bytes, puts.length)
  let at = 0
  for (const { key, value, expires } of puts) {
    bytes.set(key, at)
    bytes.set(value, at + key.length)
    if (expires === undefined) builder.add(at, key.length, at + key.length, value.length)
    else builder.addExpiring(at, key.length, at + key.length, value.length, expires)
    at += key.length + value.length
  }
  return builder.finish()
}
