import { checkConditions, holds, holdsFor } from '../../../store/conditional.ts'
import type { Condition, KeyCondition, Lifetime, Op, PutResult } from '../../../store/driver/entry.ts'
import { applyOps, checkAll, deleteIf, putIf } from './apply-ops.ts'
import type { Job } from './pending.ts'

/** A write of entries whose keys are known. */
export interface EntryWrite<T> {
  readonly job: Job<T>
  readonly keys: readonly Uint8Array[]
  /** Its result while there is no file, and it need not make one; `undefined` when it must. */
  readonly whenAbsent: () => T | undefined
}

/** The put of an entry. */
export function putWrite(
  key: Uint8Array,
  value: Uint8Array,
  { expires, ttl, condition }: Lifetime & { readonly condition?: Condition | undefined },
): EntryWrite<PutResult> {
  const isRefused = !holds(condition, undefined, () => false)
  return {
    job: (transaction) => putIf(transaction, { type: 'put', key, value, expires, ttl }, condition),
    keys: [key],
    whenAbsent: () => (isRefused ? { applied: false, created: false, revision: 0 } : undefined),
  }
}

/** The delete of an entry. */
export function delWrite(key: Uint8Array, condition: Condition | undefined): EntryWrite<boolean> {
  return { job: (transaction) => deleteIf(transaction, key, condition), keys: [key], whenAbsent: () => false }
}

/** A batch. */
export function batchWrite(ops: readonly Op[], conditions: readonly KeyCondition[] | undefined): EntryWrite<number> {
  return {
    job(transaction) {
      checkAll(transaction, conditions)
      if (ops.length === 0) return transaction.revision
      transaction.makeRoom(ops.length)
      const revision = transaction.nextRevision()
      applyOps(transaction, ops, revision)
      return revision
    },
    keys: ops.map(({ key }) => key),
    whenAbsent() {
      checkConditions(conditions, ({ condition }) => holdsFor(condition, undefined))
      return ops.length === 0 ? 0 : undefined
    },
  }
}
