import { withExpiry } from './checksum.ts'
import { crc32 } from './crc32.ts'
import type { Entry, Lifetime, Op } from '../store/driver/entry.ts'
import { expiryOf } from '../store/expiry.ts'

/**
 * Many puts and deletes packed in one buffer, in ascending key order and no key twice: what bulk loading hands
 * from the parser (perhaps in another thread) to the driver without an object per entry. Only in a block for a load
 * with `ifAbsent` a key may be there several times; then these are to be done in their order.
 *
 * Entry `i` has the key `bytes[keyStart[i] .. keyStart[i] + keyLength[i]]`, and its value likewise.
 * The arrays may be longer than `count`.
 */
export interface Block {
  /** Holds every key and value somewhere. */
  readonly bytes: Uint8Array
  readonly count: number
  readonly keyStart: Uint32Array
  readonly keyLength: Uint32Array
  readonly valueStart: Uint32Array
  readonly valueLength: Uint32Array
  /**
   * Milliseconds since 1970, `NaN` for an entry that does not expire; `undefined` when none expires. A negative number
   * is a time to live with its sign turned, in milliseconds from the write on: see {@link settled}.
   */
  readonly expires: Float64Array | undefined
  /**
   * 1: entry `i` is the delete of its key, which need not be there; its value is empty, and it does not expire. 0: it
   * is a put. `undefined` when all are puts.
   */
  readonly deleted?: Uint8Array | undefined
  /** The place of entry `i` among the others in the input; `undefined`: they came as they lie here, or nobody knows. */
  readonly order?: Uint32Array | undefined
  /** Of each entry, as `checksum` in ./checksum.ts computes it; with a time to live, of key and value alone. */
  readonly checksums: Uint32Array
}

/** Blocks one after the other; of a key in several, the last wins. */
export type Blocks = Iterable<Block> | AsyncIterable<Block>

/** The entries of a block as operations, views of its buffer. */
export function* blockOps(block: Block): Generator<Op, void, void> {
  const { deleted } = block
  for (let i = 0; i < block.count; i++) {
    const key = blockKey(block, i)
    if (deleted?.[i] === 1) {
      yield { type: 'del', key }
      continue
    }
    // Named one by one here and wherever many puts are made: V8 takes microseconds for an object that another is
    // spread into.
    const { expires, ttl } = lifetimeOf(block.expires?.[i] ?? Number.NaN)
    yield {
      type: 'put',
      key,
      value: blockValue(block, i),
      expires,
      ttl,
    }
  }
}

/** The same entries in the order in which they came. */
export function asTheyCame(block: Block): Block {
  const { count, order } = block
  if (order === undefined) return block
  const turns = Uint32Array.from({ length: count }, (_, i) => i).sort((a, b) => order[a]! - order[b]!)
  return {
    bytes: block.bytes,
    count,
    keyStart: turns.map((i) => block.keyStart[i]!),
    keyLength: turns.map((i) => block.keyLength[i]!),
    valueStart: turns.map((i) => block.valueStart[i]!),
    valueLength: turns.map((i) => block.valueLength[i]!),
    expires: block.expires && Float64Array.from(turns, (i) => block.expires![i]!),
    deleted: block.deleted && Uint8Array.from(turns, (i) => block.deleted![i]!),
    checksums: turns.map((i) => block.checksums[i]!),
  }
}

/** The key of entry `i`, a view of the buffer. */
export function blockKey({ bytes, keyStart, keyLength }: Block, i: number): Uint8Array {
  return bytes.subarray(keyStart[i], keyStart[i]! + keyLength[i]!)
}

/** The value of entry `i`, a view of the buffer. */
export function blockValue({ bytes, valueStart, valueLength }: Block, i: number): Uint8Array {
  return bytes.subarray(valueStart[i], valueStart[i]! + valueLength[i]!)
}

/** Bytes of all keys and values of a block. */
export function blockBytes({ count, keyLength, valueLength }: Block): number {
  let bytes = 0
  for (let i = 0; i < count; i++) bytes += keyLength[i]! + valueLength[i]!
  return bytes
}

/** The checksum that the bytes of entry `i` have, whatever {@link Block.checksums} says. */
export function blockChecksum(
  { bytes, keyStart, keyLength, valueStart, valueLength, expires }: Block,
  i: number,
): number {
  const sum = crc32(bytes, valueStart[i]!, valueLength[i]!, crc32(bytes, keyStart[i]!, keyLength[i]!, 0))
  const end = expires?.[i] ?? Number.NaN
  return Number.isNaN(end) ? sum : withExpiry(sum, end)
}

/** The entries of a block from `from` up to `end`, in the same memory. */
export function blockPart(block: Block, from: number, end: number): Block {
  if (from === 0 && end === block.count) return block
  return {
    bytes: block.bytes,
    count: end - from,
    keyStart: block.keyStart.subarray(from, end),
    keyLength: block.keyLength.subarray(from, end),
    valueStart: block.valueStart.subarray(from, end),
    valueLength: block.valueLength.subarray(from, end),
    expires: block.expires?.subarray(from, end),
    deleted: block.deleted?.subarray(from, end),
    order: block.order?.subarray(from, end),
    checksums: block.checksums.subarray(from, end),
  }
}

/** What a number of {@link Block.expires} means. */
export function lifetimeOf(expires: number): Lifetime {
  return expires < 0 ? { ttl: -expires } : { expires: Number.isNaN(expires) ? undefined : expires }
}

/** A block that is written `now`: each time to live has become an expiry, and its checksum covers it. */
export function settled(block: Block, now: number): Block {
  if (!hasTtl(block)) return block
  const expires = block.expires!.slice(0, block.count)
  const checksums = block.checksums.slice(0, block.count)
  for (let i = 0; i < block.count; i++) {
    if (!(expires[i]! < 0)) continue
    expires[i] = expiryOf(lifetimeOf(expires[i]!), now)!
    checksums[i] = withExpiry(checksums[i]!, expires[i]!)
  }
  return { ...block, expires, checksums }
}

/** Whether an entry of a block has a time to live. */
export function hasTtl({ count, expires }: Block): boolean {
  if (expires !== undefined) for (let i = 0; i < count; i++) if (expires[i]! < 0) return true
  return false
}

/** The puts of a block, in the same memory. */
export function putsOf(block: Block): Block {
  const { deleted, count } = block
  if (deleted === undefined) return block
  const isPut = (_: number, i: number): boolean => i < count && deleted[i] === 0
  const checksums = block.checksums.filter(isPut)
  return {
    bytes: block.bytes,
    count: checksums.length,
    keyStart: block.keyStart.filter(isPut),
    keyLength: block.keyLength.filter(isPut),
    valueStart: block.valueStart.filter(isPut),
    valueLength: block.valueLength.filter(isPut),
    expires: block.expires?.filter(isPut),
    order: block.order?.filter(isPut),
    checksums,
  }
}

/** The keys that a block deletes, views of its buffer. */
export function* deletedKeys(block: Block): Generator<Uint8Array, void, void> {
  const { count, deleted } = block
  if (deleted === undefined) return
  for (let i = 0; i < count; i++) if (deleted[i] === 1) yield blockKey(block, i)
}

/** A block of entries in their order; bulk loading needs them in key order with no key twice. */
export function blockOf(entries: readonly (Pick<Entry, 'key' | 'value'> & Partial<Pick<Entry, 'expires'>>)[]): Block {
  const count = entries.length
  const bytes = Buffer.allocUnsafe(entries.reduce((sum, { key, value }) => sum + key.length + value.length, 0))
  const column = (): Uint32Array<ArrayBuffer> => new Uint32Array(count)
  const [keyStart, keyLength, valueStart, valueLength, checksums] = [column(), column(), column(), column(), column()]
  const expires = entries.some((entry) => entry.expires !== undefined) ? new Float64Array(count) : undefined
  let at = 0
  for (let i = 0; i < count; i++) {
    const { key, value, expires: end } = entries[i]!
    const start = at
    keyStart[i] = start
    keyLength[i] = key.length
    bytes.set(key, start)
    at += key.length
    valueStart[i] = at
    valueLength[i] = value.length
    bytes.set(value, at)
    at += value.length
    const sum = crc32(bytes, start, at - start, 0)
    checksums[i] = end === undefined ? sum : withExpiry(sum, end)
    if (expires !== undefined) expires[i] = end ?? Number.NaN
  }
  return { bytes, count, keyStart, keyLength, valueStart, valueLength, expires, checksums }
}
