import { type Block, blockBytes, blockChecksum, blockKey, blockPart } from '../blocks/block.ts'
import { KvError } from '../errors.ts'
import { displayKey } from '../safe-text.ts'
import type { Limits } from '../store/driver/driver.ts'
import type { RangeOptions } from '../store/range.ts'
import type { Store } from '../store/store.ts'

/** Bytes of keys and values that are stored at once: as much again is read meanwhile. */
const PART_BYTES = 8 << 20

/** A part of a copy, which is stored. */
export interface CopiedPart {
  readonly entries: number
  /** Of these, how many were left because their key was there. */
  readonly existing: number
  /** Of keys and values. */
  readonly bytes: number
  /** The key that was copied last: the rest of the range comes after it. */
  readonly lastKey: Uint8Array
}

/** What to copy, and how. */
export interface CopyOptions {
  readonly range: Omit<RangeOptions, 'keysOnly'>
  /** Leave keys that are there. */
  readonly ifAbsent: boolean
  readonly signal: AbortSignal
  /** Told of each part once it is stored for certain. */
  readonly onPart: (part: CopiedPart) => void
  /** Told of the key whose entry ends the copy, because it cannot be copied. */
  readonly onRefused: (key: Uint8Array) => void
}

/** Entries that are stored at once. */
type Part = readonly Block[]

/**
 * Copies the entries of a range, with their expiry, from one snapshot where the source has them: part by part, one
 * being read while the one before it is stored. What it throws ends it after the last part that `onPart` was told of;
 * `KV_TOO_LARGE` at an entry that the destination does not take, `KV_CORRUPT` at one that does not match its checksum.
 */
export async function copyRange(
  from: Store,
  to: Store,
  { range, ifAbsent, signal, onPart, onRefused }: CopyOptions,
): Promise<void> {
  const isReversed = range.reverse === true
  const refusal = refusalFor(to.limits)
  const parts = partsOf(from.rangeBlocks({ ...range, signal }), isReversed, (block, i) => {
    const error = refusal(block, i)
    if (error !== undefined) onRefused(new Uint8Array(blockKey(block, i)))
    return error
  })
  let next = parts.next()
  try {
    for (;;) {
      const { value: part, done } = await next
      if (done === true) return
      next = parts.next()
      // Its failure is met at the beginning of the next round.
      next.catch(() => {})
      let existing = 0
      const onExisting = (entries: number): void => void (existing += entries)
      await to.load(part, { atomic: false, ifAbsent, onExisting, signal })
      onPart({ ...summaryOf(part, isReversed), existing })
    }
  } finally {
    await parts.return(undefined).catch(() => {})
  }
}

async function* partsOf(
  blocks: AsyncIterable<Block>,
  isReversed: boolean,
  refusal: (block: Block, i: number) => KvError | undefined,
): AsyncGenerator<Part, undefined, void> {
  let part: Block[] = []
  let bytes = 0
  for await (const block of blocks) {
    const refused = firstRefused(block, isReversed, refusal)
    if (refused === undefined) part.push(block)
    else {
      const good = isReversed ? blockPart(block, refused.i + 1, block.count) : blockPart(block, 0, refused.i)
      if (good.count > 0) part.push(good)
    }
    bytes += blockBytes(block)
    if (bytes < PART_BYTES && refused === undefined) continue
    if (part.length > 0) yield part
    if (refused !== undefined) throw refused.error
    part = []
    bytes = 0
  }
  if (part.length > 0) yield part
  return undefined
}

/** The first entry of a block, in the order of the range, that is not to be stored. */
function firstRefused(
  block: Block,
  isReversed: boolean,
  refusal: (block: Block, i: number) => KvError | undefined,
): { readonly i: number; readonly error: KvError } | undefined {
  for (let n = 0; n < block.count; n++) {
    const i = isReversed ? block.count - 1 - n : n
    const error = refusal(block, i)
    if (error !== undefined) return { i, error }
  }
  return undefined
}

function summaryOf(blocks: Part, isReversed: boolean): Omit<CopiedPart, 'existing'> {
  const last = blocks.at(-1)!
  return {
    entries: blocks.reduce((sum, { count }) => sum + count, 0),
    bytes: blocks.reduce((sum, block) => sum + blockBytes(block), 0),
    lastKey: new Uint8Array(blockKey(last, isReversed ? 0 : last.count - 1)),
  }
}

/** Why an entry is not stored: the destination does not take it, or its bytes are not those that were written. */
function refusalFor({ maxKeyBytes, maxValueBytes, maxEntryBytes, maxBatchBytes, opOverheadBytes }: Limits) {
  const maxBytes = Math.min(maxEntryBytes, maxBatchBytes) - opOverheadBytes
  return (block: Block, i: number): KvError | undefined => {
    const [key, value] = [block.keyLength[i]!, block.valueLength[i]!]
    if (key > maxKeyBytes || value > maxValueBytes || key + value > maxBytes) {
      const name = displayKey(blockKey(block, i))
      return new KvError(
        'KV_TOO_LARGE',
        `the entry ${name}, of ${key + value} bytes, is over a limit of the destination`,
      )
    }
    if (blockChecksum(block, i) === block.checksums[i]) return undefined
    return new KvError('KV_CORRUPT', `the entry ${displayKey(blockKey(block, i))} is damaged in the source`)
  }
}
