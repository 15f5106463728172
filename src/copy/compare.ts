import { type Block, blockKey } from '../blocks/block.ts'
import { asBuffer } from '../bytes.ts'

/** A key that is not the same in two stores. */
export interface Difference {
  readonly key: Uint8Array
  /** Only one has it; or its value differs, or, where that is the same, when it expires. */
  readonly diff: 'only_a' | 'only_b' | 'value' | 'expiry'
}

/** Compares two ranges, each in ascending order of keys, by merging them, and counts. Memory is that of a block of each. */
export class Comparison {
  /** Keys that only one has. */
  onlyA = 0
  onlyB = 0
  /** Keys that both have, with another value or expiry. */
  different = 0
  equal = 0
  /** Whether both were read to the end. */
  isWhole = false

  readonly #keysOnly: boolean

  /** @param keysOnly compare keys, and nothing else */
  constructor(keysOnly: boolean) {
    this.#keysOnly = keysOnly
  }

  /** The differences in key order, at most `limit`, in pages that are never empty. */
  async *differences(
    a: AsyncIterator<Block, void>,
    b: AsyncIterator<Block, void>,
    limit: number,
  ): AsyncGenerator<Difference[], void, void> {
    const [one, other] = [new Cursor(a), new Cursor(b)]
    try {
      for (let left = limit; left > 0;) {
        await Promise.all([one.fill(), other.fill()])
        if (one.block === undefined && other.block === undefined) {
          this.isWhole = true
          return
        }
        const page = this.#merge(one, other, left)
        left -= page.length
        if (page.length > 0) yield page
      }
    } finally {
      await Promise.allSettled([a.return?.(), b.return?.()])
    }
  }

  /** The differences, at most so many, up to where one of the blocks ends. */
  #merge(one: Cursor, other: Cursor, most: number): Difference[] {
    const found: Difference[] = []
    const [a, b] = [one.block, other.block]
    if (a !== undefined && b !== undefined && one.at + other.at === 0 && isSame(a, b)) {
      this.equal += one.at = other.at = a.count
      return found
    }
    const add = (block: Block, at: number, diff: Difference['diff']): void =>
      void found.push({ key: new Uint8Array(blockKey(block, at)), diff })
    while (found.length < most && one.at !== a?.count && other.at !== b?.count) {
      const order = a === undefined ? 1 : b === undefined ? -1 : compareKeys(a, one.at, b, other.at)
      if (order < 0) {
        add(a!, one.at++, 'only_a')
        this.onlyA++
      } else if (order > 0) {
        add(b!, other.at++, 'only_b')
        this.onlyB++
      } else {
        const diff = this.#keysOnly ? undefined : differenceOf(a!, one.at, b!, other.at)
        if (diff === undefined) this.equal++
        else {
          add(a!, one.at, diff)
          this.different++
        }
        one.at++
        other.at++
      }
    }
    return found
  }
}

/** Where the merge is in one of the ranges. */
class Cursor {
  readonly #blocks: AsyncIterator<Block, void>
  /** The block it is in; `undefined` at the end. */
  block: Block | undefined
  /** The next entry of it. */
  at = 0
  #isDone = false

  constructor(blocks: AsyncIterator<Block, void>) {
    this.#blocks = blocks
  }

  /** Goes on to the next block where this one is through. */
  async fill(): Promise<void> {
    if (this.#isDone || (this.block !== undefined && this.at < this.block.count)) return
    const { value, done } = await this.#blocks.next()
    this.#isDone = done === true
    this.block = value ?? undefined
    this.at = 0
  }
}

/** Whether two blocks lie alike in memory, as equal ranges of files do: quicker told than entry by entry. */
function isSame(a: Block, b: Block): boolean {
  return (
    a.count === b.count &&
    sameMemory(a.bytes, b.bytes) &&
    sameMemory(a.keyStart, b.keyStart) &&
    sameMemory(a.keyLength, b.keyLength) &&
    sameMemory(a.valueStart, b.valueStart) &&
    sameMemory(a.valueLength, b.valueLength) &&
    sameMemory(a.expires, b.expires)
  )
}

type Columns = Uint8Array | Uint32Array | Float64Array | undefined

function sameMemory(a: Columns, b: Columns): boolean {
  if (a === undefined || b === undefined) return a === b
  const [one, other] = [a, b].map(({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength))
  return one!.equals(other!)
}

function compareKeys(a: Block, i: number, b: Block, j: number): number {
  return compareParts(a.bytes, a.keyStart[i]!, a.keyLength[i]!, b.bytes, b.keyStart[j]!, b.keyLength[j]!)
}

function differenceOf(a: Block, i: number, b: Block, j: number): 'value' | 'expiry' | undefined {
  const [length, other] = [a.valueLength[i]!, b.valueLength[j]!]
  if (length !== other || compareParts(a.bytes, a.valueStart[i]!, length, b.bytes, b.valueStart[j]!, other) !== 0)
    return 'value'
  const [end, otherEnd] = [a.expires?.[i] ?? Number.NaN, b.expires?.[j] ?? Number.NaN]
  return Object.is(end, otherEnd) ? undefined : 'expiry'
}

/** From this many bytes on a native call pays. */
const NATIVE_FROM = 64

/** Unsigned byte order of two parts of memory. */
function compareParts(
  a: Uint8Array,
  aStart: number,
  aLength: number,
  b: Uint8Array,
  bStart: number,
  bLength: number,
): number {
  const length = Math.min(aLength, bLength)
  if (length >= NATIVE_FROM) return asBuffer(a).compare(b, bStart, bStart + bLength, aStart, aStart + aLength)
  for (let n = 0; n < length; n++) {
    const order = a[aStart + n]! - b[bStart + n]!
    if (order !== 0) return order
  }
  return aLength - bLength
}
