/** Below this many keys an insertion sort beats the passes of a radix sort. */
const INSERTION_BELOW = 40
/** From this many keys on, three passes with 2048 buckets beat four with 256. */
const WIDE_FROM = 6000

/** Keys in one buffer: key `i` is the `length[i]` bytes at `start[i]`. */
export interface KeyArray {
  readonly bytes: Uint8Array
  readonly count: number
  readonly start: Uint32Array
  readonly length: Uint32Array
}

/** Whether every key is greater than the one before it, in unsigned byte order (so no key is there twice). */
export function isStrictlyAscending(keys: KeyArray): boolean {
  const { bytes, count, start, length } = keys
  for (let i = 1; i < count; i++) {
    let a = start[i - 1]!
    let b = start[i]!
    const lengthA = length[i - 1]!
    const lengthB = length[i]!
    const end = a + (lengthA < lengthB ? lengthA : lengthB)
    while (a < end && bytes[a] === bytes[b]) {
      a++
      b++
    }
    if (a < end ? bytes[a]! > bytes[b]! : lengthA >= lengthB) return false
  }
  return true
}

/** What {@link sortKeys} finds. */
export interface KeyOrder {
  /** Element `n` is the index of the `n`-th key in order. */
  readonly order: Uint32Array
  /** Whether any key is there more than once. */
  readonly hasDuplicates: boolean
}

/**
 * The order of the keys by unsigned bytes, a key before those it is a prefix of, equal keys in input order.
 *
 * A most-significant-first radix sort over windows of four bytes. All keys are ordered by their first window after the
 * prefix common to all (radix or insertion sort, both stable); each run of keys equal in it is then ordered by the next
 * window. The work is linear in the bytes needed to tell the keys apart, whatever they look like, and there is no
 * recursion.
 */
export function sortKeys(keys: KeyArray): KeyOrder {
  const sorter = new Sorter(keys)
  sorter.run()
  return sorter
}

class Sorter implements KeyOrder {
  readonly order: Uint32Array
  hasDuplicates = false
  readonly #keys: KeyArray
  /** `#window[n]` belongs to `order[n]`: four key bytes, the first one highest, zeros after the key's end. */
  readonly #window: Uint32Array
  readonly #spareOrder: Uint32Array
  readonly #spareWindow: Uint32Array
  readonly #buckets = new Uint32Array(2048)
  /** Runs still to be ordered, three numbers each: from, to (exclusive), how many key bytes are known to be equal. */
  readonly #todo: number[] = []

  constructor(keys: KeyArray) {
    this.#keys = keys
    this.order = new Uint32Array(keys.count)
    for (let i = 0; i < keys.count; i++) this.order[i] = i
    this.#window = new Uint32Array(keys.count)
    this.#spareOrder = new Uint32Array(keys.count)
    this.#spareWindow = new Uint32Array(keys.count)
  }

  run(): void {
    if (this.#keys.count < 2) return
    this.#todo.push(0, this.#keys.count, this.#commonPrefixLength(0, this.#keys.count, 0))
    while (this.#todo.length > 0) {
      const depth = this.#todo.pop()!
      const to = this.#todo.pop()!
      this.#sortRun(this.#todo.pop()!, to, depth)
    }
  }

  #sortRun(from: number, to: number, depth: number): void {
    const varying = this.#load(from, to, depth)
    const size = to - from
    if (varying === 0) {
      // Likely a long common prefix: better passed key by key than window by window.
      this.#split(from, to, this.#commonPrefixLength(from, to, depth))
      return
    }
    if (size < INSERTION_BELOW) this.#insertionSort(from, to)
    else if (size < WIDE_FROM) for (let shift = 0; shift < 32; shift += 8) this.#pass(from, to, shift, 0xff, varying)
    else for (let shift = 0; shift < 32; shift += 11) this.#pass(from, to, shift, 0x7ff, varying)

    const window = this.#window
    for (let first = from; first < to;) {
      const value = window[first]!
      let next = first + 1
      while (next < to && window[next] === value) next++
      if (next - first > 1) this.#split(first, next, depth + 4)
      first = next
    }
  }

  /** Fills the windows of a run; returns the bits in which they are not all the same. */
  #load(from: number, to: number, depth: number): number {
    const { bytes, start, length } = this.#keys
    const order = this.order
    const window = this.#window
    let varying = 0
    let first = 0
    for (let n = from; n < to; n++) {
      const key = order[n]!
      const at = start[key]! + depth
      const left = length[key]! - depth
      let value = 0
      if (left >= 4) value = (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
      else {
        if (left > 0) value = bytes[at]! << 24
        if (left > 1) value |= bytes[at + 1]! << 16
        if (left > 2) value |= bytes[at + 2]! << 8
      }
      if (n === from) first = value
      varying |= value ^ first
      window[n] = value
    }
    return varying
  }

  /**
   * Orders a run whose windows up to byte `depth` are all equal. A key that ends within them may
   * look like one that goes on with zero bytes; it is that one's prefix, so it comes before it.
   */
  #split(from: number, to: number, depth: number): void {
    const length = this.#keys.length
    const order = this.order
    let ended = 0
    for (let n = from; n < to; n++) if (length[order[n]!]! <= depth) ended++
    if (ended > 0) {
      const run = order.slice(from, to)
      const shorter = run.filter((key) => length[key]! <= depth).sort((a, b) => length[a]! - length[b]! || a - b)
      order.set(shorter, from)
      for (let n = 1; n < ended; n++) if (length[shorter[n]!] === length[shorter[n - 1]!]) this.hasDuplicates = true
      if (ended < to - from)
        order.set(
          run.filter((key) => length[key]! > depth),
          from + ended,
        )
    }
    if (to - from - ended > 1) this.#todo.push(from + ended, to, depth)
  }

  #insertionSort(from: number, to: number): void {
    const order = this.order
    const window = this.#window
    for (let n = from + 1; n < to; n++) {
      const value = window[n]!
      const key = order[n]!
      let hole = n
      while (hole > from && window[hole - 1]! > value) {
        window[hole] = window[hole - 1]!
        order[hole] = order[hole - 1]!
        hole--
      }
      window[hole] = value
      order[hole] = key
    }
  }

  /** One stable distribution by the bits `mask << shift` of the windows; nothing to do when none of them varies. */
  #pass(from: number, to: number, shift: number, mask: number, varying: number): void {
    if (((varying >>> shift) & mask) === 0) return
    const order = this.order
    const window = this.#window
    const spareOrder = this.#spareOrder
    const spareWindow = this.#spareWindow
    const buckets = this.#buckets
    for (let bucket = 0; bucket <= mask; bucket++) buckets[bucket] = 0
    for (let n = from; n < to; n++) buckets[(window[n]! >>> shift) & mask]!++
    let sum = from
    for (let bucket = 0; bucket <= mask; bucket++) {
      const size = buckets[bucket]!
      buckets[bucket] = sum
      sum += size
    }
    for (let n = from; n < to; n++) {
      const value = window[n]!
      const place = buckets[(value >>> shift) & mask]!++
      spareWindow[place] = value
      spareOrder[place] = order[n]!
    }
    if (to - from < WIDE_FROM) {
      for (let n = from; n < to; n++) {
        window[n] = spareWindow[n]!
        order[n] = spareOrder[n]!
      }
    } else {
      window.set(spareWindow.subarray(from, to), from)
      order.set(spareOrder.subarray(from, to), from)
    }
  }

  /** How many bytes all keys of a run begin with, at least `known`. */
  #commonPrefixLength(from: number, to: number, known: number): number {
    const { bytes, start, length } = this.#keys
    const order = this.order
    const first = start[order[from]!]!
    let common = length[order[from]!]!
    for (let n = from + 1; n < to && common > known; n++) {
      const key = order[n]!
      const at = start[key]!
      if (length[key]! < common) common = length[key]!
      let same = known
      while (same < common && bytes[first + same] === bytes[at + same]) same++
      common = same
    }
    return common
  }
}
