/** Bytes put together one after another in memory that grows: keys and values that do not lie in the input as they stand. */
export class ByteArena {
  /** Holds what was added; another array after it has grown. */
  bytes: Uint8Array
  /** Bytes that were added. */
  length = 0

  constructor(capacity = 1024) {
    this.bytes = new Uint8Array(capacity)
  }

  /** Makes room for so many bytes more. */
  reserve(more: number): void {
    const needed = this.length + more
    if (needed <= this.bytes.length) return
    const larger = new Uint8Array(Math.max(needed, this.bytes.length * 2))
    larger.set(this.bytes.subarray(0, this.length))
    this.bytes = larger
  }

  /** Adds the bytes of `from` between two offsets. */
  add(from: Uint8Array, start = 0, end: number = from.length): void {
    const count = end - start
    this.reserve(count)
    copy(from, start, count, this.bytes, this.length)
    this.length += count
  }

  /** Adds one byte. */
  byte(byte: number): void {
    if (this.length === this.bytes.length) this.reserve(1)
    this.bytes[this.length++] = byte
  }
}

/** From this many bytes on, a call that copies them beats a loop. */
const COPIED_AT_ONCE = 128

/** Copies `count` bytes at `start` of `from` to `at` of `to`. */
export function copy(from: Uint8Array, start: number, count: number, to: Uint8Array, at: number): void {
  if (count >= COPIED_AT_ONCE) to.set(from.subarray(start, start + count), at)
  else for (let i = 0; i < count; i++) to[at + i] = from[start + i]!
}
