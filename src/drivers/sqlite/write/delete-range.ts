import type { RangeQuery } from '../../../store/driver/driver.ts'
import { expired, expiredInSlices } from '../read/count.ts'
import { hasHistory } from '../history/note-write.ts'
import { CLUSTERED } from '../layout/clustered.ts'
import { hasLog } from '../watch/drop-log.ts'
import { keyAt, rangeSql } from '../read/range.ts'
import { inSlices } from '../read/time-slices.ts'
import type { Transaction } from './transaction.ts'

/** Deletes a range by one statement; returns how many entries had not expired. */
export function deleteNow(transaction: Transaction, query: RangeQuery): number {
  if (isEmpty(transaction, query)) return 0
  transaction.nextRevision()
  const gone = expired(transaction.connection, query, transaction.now)
  const changes = isAllAtOnce(transaction, query) ? deleteAll(transaction, query) : deleteRows(transaction, query)
  return changes - gone
}

/** A store up to this size is emptied in one step, in bytes: that takes 0.1 s, and a sixth of the time of slices. */
const ONE_STEP_BYTES = 200_000_000

/** The same in slices of one transaction. Throws `KV_INTERRUPTED` when aborted; the caller has to roll back. */
export async function deleteInSlices(
  transaction: Transaction,
  query: RangeQuery,
  signal: AbortSignal,
): Promise<number> {
  if (isEmpty(transaction, query)) return 0
  transaction.nextRevision()
  const { connection } = transaction
  const message = 'interrupted, nothing was deleted'
  const gone = await expiredInSlices(connection, query, transaction.now, signal, message)
  if (isAllAtOnce(transaction, query) && connection.fileBytes() <= ONE_STEP_BYTES)
    return deleteAll(transaction, query) - gone
  let changes = 0
  await inSlices(signal, message, (rows) => {
    const next = keyAt(connection, query, rows)
    changes += deleteRows(transaction, { start: query.start, end: next ?? query.end })
    return next !== undefined
  })
  return changes - gone
}

/**
 * Whether all entries go, and the engine may free whole pages without looking at their rows. While somebody watches, in a store
 * with a bound, and where old versions are kept, each row is deleted by itself.
 */
function isAllAtOnce({ connection }: Transaction, { start, end }: RangeQuery): boolean {
  return (
    start === undefined && end === undefined && !hasLog(connection) && !connection.isBounded && !hasHistory(connection)
  )
}

/** In a clustered store up to this size a row at a time is quick enough, in bytes. */
const FEW_BYTES = 1_000_000

/** Deletes all entries; returns how many there were. In a clustered store without the trigger that would see to each row. */
function deleteAll(transaction: Transaction, query: RangeQuery): number {
  const { connection } = transaction
  if (connection.layout !== CLUSTERED || connection.fileBytes() <= FEW_BYTES) return deleteRows(transaction, query)
  connection.exec('drop trigger if exists kv_long_delete')
  const changes = deleteRows(transaction, query)
  connection.exec(`delete from kv_long; create ${CLUSTERED.parts['kv_long_delete']}`)
  return changes
}

/** Whether a range has no rows, expired ones counted. */
function isEmpty({ connection }: Transaction, query: RangeQuery): boolean {
  return keyAt(connection, query, 0) === undefined
}

/** Without bounds, and without triggers, SQLite frees whole pages and does not look at their rows. */
function deleteRows({ connection }: Transaction, query: Pick<RangeQuery, 'start' | 'end'>): number {
  if (query.start === undefined && query.end === undefined)
    return Number(connection.statement(`delete from ${connection.layout.table}`).run().changes)
  const { where, bounds } = rangeSql(query)
  return Number(connection.statement(`delete from ${connection.layout.table} ${where}`).run(...bounds).changes)
}
