import { KvError } from '../../../errors.ts'
import type { Connection } from '../file/connection.ts'
import type { Changed } from '../read/key-reads.ts'
import type { Transaction } from './transaction.ts'

/** What a write does inside the transaction it shares with others. */
export type Job<T> = (transaction: Transaction) => T

/** A write that waits for its transaction. */
export interface Pending {
  run(transaction: Transaction): unknown
  /** Has a transaction of its own, on a connection of its own, and may wait within it. */
  readonly isLong: boolean
  resolve(value: unknown): void
  reject(error: unknown): void
  /** When to give up waiting for the lock, in `monotonicMs` time. */
  readonly deadline: number
  /** Aborted when it need not begin any more. */
  readonly signal: AbortSignal | undefined
  /** All keys whose entries it may change, if that is known. */
  readonly keys: readonly Uint8Array[] | undefined
}

/** What writes that share a commit may have changed; `undefined` where one of them does not say. */
export function changedBy(connection: Connection, group: readonly Pending[]): Changed | undefined {
  const all = group.map(({ keys }) => keys).filter((keys) => keys !== undefined)
  return all.length === group.length ? { connection, keys: all.flat() } : undefined
}

/** Takes back one job; when the engine has taken back the whole transaction, throws why. */
export function rollBackJob(connection: Connection, reason: unknown): void {
  connection.forgetTemporary()
  try {
    connection.exec('rollback to job')
  } catch {
    throw reason
  }
}

/** For a write that a long one of this process keeps waiting. */
export function lockedHere(): KvError {
  return new KvError('KV_LOCKED', 'the store is locked by a long write of this process', {
    hint: 'wait for it, or give more time with --lock-timeout 60s',
  })
}

/** For a long write into a file that another has replaced. */
export function replaced(): KvError {
  return new KvError(
    'KV_UNAVAILABLE',
    'the file of the store was replaced or removed during a long write; nothing of it was stored',
    { hint: 'run it again' },
  )
}
