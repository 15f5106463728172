import { withExpiry } from './checksum.ts'
import { crc32 } from './crc32.ts'
import type { Entry, Op } from './driver.ts'

/**
 * Many puts packed in one buffer, in ascending key order and no key twice: what bulk loading hands
 * from the parser (perhaps in another thread) to the driver without an object per entry.
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
  /** Milliseconds since 1970, `NaN` for an entry that does not expire; `undefined` when none expires. */
  readonly expires: Float64Array | undefined
  /** Of each entry, as `checksum` in ./checksum.ts computes it. */
  readonly checksums: Uint32Array
}

/** Blocks one after the other; of a key in several, the last wins. */
export type Blocks = Iterable<Block> | AsyncIterable<Block>

/** The entries of a block as puts, views of its buffer. */
export function* blockOps(block: Block): Generator<Extract<Op, { type: 'put' }>, void, void> {
  const { bytes, keyStart, keyLength, valueStart, valueLength } = block
  for (let i = 0; i < block.count; i++) {
    const expires = block.expires?.[i] ?? NaN
    yield {
      type: 'put',
      key: bytes.subarray(keyStart[i], keyStart[i]! + keyLength[i]!),
      value: bytes.subarray(valueStart[i], valueStart[i]! + valueLength[i]!),
      expires: Number.isNaN(expires) ? undefined : expires,
    }
  }
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
