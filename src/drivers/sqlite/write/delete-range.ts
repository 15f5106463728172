import type { RangeQuery } from '../../../store/driver/driver.ts'
import { expired, expiredInSlices } from '../read/count.ts'
import { hasHistory } from '../history/note-write.ts'
import { hasLog } from '../watch/drop-log.ts'
import { keyAt, rangeSql } from '../read/range.ts'
import { inSlices } from '../read/time-slices.ts'
import type { Transaction } from './transaction.ts'

/** Deletes a range by one statement; returns how many entries had not expired. */
export function deleteNow(transaction: Transaction, query: RangeQuery): number {
  if (isEmpty(transaction, query)) return 0
  transaction.nextRevision()
  const gone = expired(transaction.connection, query, transaction.now)
  return deleteRows(transaction, query) - gone
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
  // While somebody watches, in a store with a bound, and where old versions are kept, each row is deleted by itself.
  const inOneStep =
    query.start === undefined &&
    query.end === undefined &&
    connection.fileBytes() <= ONE_STEP_BYTES &&
    !hasLog(connection) &&
    !connection.isBounded &&
    !hasHistory(connection)
  let changes = 0
  await inSlices(signal, message, (rows) => {
    const next = inOneStep ? undefined : keyAt(connection, query, rows)
    changes += deleteRows(transaction, { start: query.start, end: next ?? query.end })
    return next !== undefined
  })
  return changes - gone
}

/** Whether a range has no rows, expired ones counted. */
function isEmpty({ connection }: Transaction, query: RangeQuery): boolean {
  return keyAt(connection, query, 0) === undefined
}

/** Without bounds SQLite frees whole pages and does not look at their rows. */
function deleteRows({ connection }: Transaction, query: Pick<RangeQuery, 'start' | 'end'>): number {
  if (query.start === undefined && query.end === undefined)
    return Number(connection.statement(`delete from ${connection.layout.table}`).run().changes)
  const { where, bounds } = rangeSql(query)
  return Number(connection.statement(`delete from ${connection.layout.table} ${where}`).run(...bounds).changes)
}
