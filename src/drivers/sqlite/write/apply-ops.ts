import { blockOf } from '../../../blocks/block.ts'
import type { Op } from '../../../store/entry.ts'
import { expiryOf } from '../../../store/expiry.ts'
import { FEWEST, insertBlock } from './bulk-insert.ts'
import type { Transaction } from './writer.ts'

type Put = Extract<Op, { type: 'put' }>

/** Bytes of keys and values packed at once. */
const PACKED_BYTES = 8 << 20

/** Applies operations in their order under one revision; many puts in a row go in as a block. */
export function applyOps(transaction: Transaction, ops: readonly Op[], revision: number): void {
  let run: Put[] = []
  let bytes = 0
  const flush = (): void => {
    if (run.length >= FEWEST) insertBlock(transaction, blockOf(run), revision)
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
    run.push(op.ttl === undefined ? op : { ...op, ttl: undefined, expires: expiryOf(op, transaction.now) })
    bytes += size
  }
  flush()
}
