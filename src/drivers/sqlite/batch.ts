import type { Block } from '../../store/block.ts'
import { checksum } from '../../store/checksum.ts'
import type { Op } from '../../store/driver.ts'
import { FEWEST, insertBlock } from './load.ts'
import type { Transaction } from './writer.ts'

type Put = Extract<Op, { type: 'put' }>

/** Bytes of keys and values packed at once. */
const PACKED_BYTES = 8 << 20

/** Applies operations in their order under one revision; many puts in a row go in as a block. */
export function applyOps(transaction: Transaction, ops: readonly Op[], revision: number): void {
  let run: Put[] = []
  let bytes = 0
  const flush = (): void => {
    if (run.length >= FEWEST) insertBlock(transaction, pack(run, bytes), revision)
    else for (const op of run) transaction.apply(op, revision)
    run = []
    bytes = 0
  }
  for (const op of ops) {
    const size = op.type === 'put' ? op.key.length + op.value.length : Infinity
    if (bytes + size > PACKED_BYTES) flush()
    // A delete, or a put as large as a block of them.
    if (op.type === 'del' || size > PACKED_BYTES) {
      transaction.apply(op, revision)
      continue
    }
    run.push(op)
    bytes += size
  }
  flush()
}

/** The puts as a block, in their order and with every key as often as it comes. */
function pack(puts: readonly Put[], size: number): Block {
  const count = puts.length
  const bytes = Buffer.allocUnsafe(size)
  const column = (): Uint32Array<ArrayBuffer> => new Uint32Array(count)
  const [keyStart, keyLength, valueStart, valueLength, checksums] = [column(), column(), column(), column(), column()]
  const expires = puts.some((put) => put.expires !== undefined) ? new Float64Array(count) : undefined
  let at = 0
  for (const [i, put] of puts.entries()) {
    keyStart[i] = at
    keyLength[i] = put.key.length
    bytes.set(put.key, at)
    at += put.key.length
    valueStart[i] = at
    valueLength[i] = put.value.length
    bytes.set(put.value, at)
    at += put.value.length
    checksums[i] = checksum(put.key, put.value, put.expires)
    if (expires !== undefined) expires[i] = put.expires ?? Number.NaN
  }
  return { bytes, count, keyStart, keyLength, valueStart, valueLength, expires, checksums }
}
