import { blockOf } from '../../../blocks/block.ts'
import { sortedBlockOf } from '../../../blocks/block-builder.ts'
import type { Condition, Entry, KeyCondition, Op, Put, PutResult } from '../../../store/driver/entry.ts'
import { expiryOf } from '../../../store/expiry.ts'
import { checkConditions, holds } from '../../../store/conditional.ts'
import type { Connection } from '../file/connection.ts'
import { CLUSTERED, INLINE_BYTES } from '../layout/clustered.ts'
import { hasValue, isLive, liveEntry, liveHead, liveRevision } from '../read/lookup.ts'
import { MIN_ROWS, insertBlock, insertBounded } from './bulk-insert.ts'
import { areNew, mayStage } from './staged-insert.ts'
import type { Transaction } from './transaction.ts'

/** Bytes of keys and values packed at once. */
const PACKED_BYTES = 8 << 20

/** Fewer short values are not worth a temporary table. */
const MIN_STAGED = 256

/** Puts one entry if the condition holds; the old value is read only where the condition is about it. */
export function putIf(transaction: Transaction, op: Put, condition: Condition | undefined): PutResult {
  const { connection, now } = transaction
  let created: boolean
  if (condition === undefined) created = !isLive(connection, op.key, now)
  else {
    const old = oldOf(connection, op.key, now, condition)
    if (!holds(condition, old, (value) => hasValue(connection, op.key, value)))
      return { applied: false, created: false, revision: old?.revision ?? 0 }
    created = old === undefined
  }
  transaction.makeRoom(1)
  const revision = transaction.nextRevision()
  transaction.apply(op, revision)
  return { applied: true, created, revision }
}

/** Deletes one entry if it is there and the condition holds; tells whether it did. */
export function deleteIf(transaction: Transaction, key: Uint8Array, condition: Condition | undefined): boolean {
  const { connection, now } = transaction
  if (condition === undefined) {
    if (!isLive(connection, key, now)) return false
  } else {
    const old = oldOf(connection, key, now, condition)
    if (old === undefined || !holds(condition, old, (value) => hasValue(connection, key, value))) return false
  }
  transaction.apply({ type: 'del', key }, transaction.nextRevision())
  return true
}

/** What must be known of an entry before a condition on it; a value that is to be compared must be one. */
function oldOf(
  connection: Connection,
  key: Uint8Array,
  now: number,
  { type }: Condition,
): { readonly revision: number } | undefined {
  return type === 'value' ? liveHead(connection, key, now) : liveRevision(connection, key, now)
}

/** Applies what `change` makes of the entry of a key; nothing for `undefined`. */
export function updateNow(
  transaction: Transaction,
  key: Uint8Array,
  change: (old: Entry | undefined) => Op | undefined,
): void {
  const op = change(liveEntry(transaction.connection, key, transaction.now))
  if (op === undefined) return
  if (op.type === 'put') transaction.makeRoom(1)
  transaction.apply(op, transaction.nextRevision())
}

/** Throws `KV_CONDITION` unless all conditions hold. */
export function checkAll({ connection, now }: Transaction, conditions: readonly KeyCondition[] | undefined): void {
  checkConditions(conditions, ({ key, condition }) =>
    holds(condition, oldOf(connection, key, now, condition), (value) => hasValue(connection, key, value)),
  )
}

function isLong({ value }: Put): boolean {
  return value.length > INLINE_BYTES
}

function samples(puts: readonly Put[]): Uint8Array[] {
  return [0, puts.length >> 1, puts.length - 1].map((n) => puts[n]!.key)
}

/** Puts entries in their order; with `isStaged`, those of a block may go by a temporary table. */
function writeRun(transaction: Transaction, puts: readonly Put[], revision: number, isStaged: boolean): void {
  const { connection } = transaction
  let isBlock = puts.length >= MIN_ROWS
  // Short values of clustered entries: a call for each is as quick, and quicker where it replaces one.
  if (isBlock && connection.layout === CLUSTERED && !puts.some(isLong))
    isBlock = isStaged && puts.length >= MIN_STAGED && areNew(connection, samples(puts))
  if (!isBlock) for (const put of puts) transaction.apply(put, revision)
  else if (connection.isBounded) insertBounded(transaction, blockOf(puts), revision)
  else insertBlock(transaction, isStaged ? sortedBlockOf(puts) : blockOf(puts), revision)
}

/** Applies operations in their order under one revision; many puts in a row go in as a block. */
export function applyOps(transaction: Transaction, ops: readonly Op[], revision: number): void {
  const { connection } = transaction
  let run: Put[] = []
  let bytes = 0
  const isStaged = ops.length >= MIN_STAGED && mayStage(connection)
  const flush = (): void => {
    writeRun(transaction, run, revision, isStaged)
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
