import type { RangeQuery } from '../../../store/driver/driver.ts'
import type { Connection } from '../file/connection.ts'
import { LIMIT, type RangeSql, keyAt, rangeSql } from './range.ts'
import { inSlices } from './time-slices.ts'

/** Keys of a range that have not expired, at most `limit`, from one statement. */
export function countNow(connection: Connection, query: RangeQuery, now: number): number {
  const { where, bounds } = rangeSql(query)
  if (query.limit !== Infinity) {
    const limited = `select count(*) from (select 1 from kv ${where} and (expires is null or expires > ?) ${LIMIT})`
    return (connection.statement(limited).get(...bounds, now, query.limit) as [number])[0]
  }
  // From the indexes alone: every key, less those that have expired.
  const whole = `select (select count(*) from kv ${where}) - (select count(*) ${expiredSql(connection, where)})`
  return (connection.statement(whole).get(...bounds, ...bounds, now) as [number])[0]
}

/** The same in slices; of one snapshot when the caller holds a transaction. Throws `KV_INTERRUPTED` when aborted. */
export async function countInSlices(
  connection: Connection,
  query: RangeQuery,
  now: number,
  signal: AbortSignal,
): Promise<number> {
  let count = -(await expiredInSlices(connection, query, now, signal, 'interrupted'))
  let rest = rangeSql(query)
  let { start } = query
  await inSlices(signal, 'interrupted', (rows) => {
    const next = keyAt(connection, { start, end: query.end }, rows)
    if (next !== undefined) {
      count += rows
      start = next
      rest = rangeSql({ start, end: query.end })
      return count < query.limit
    }
    count += (connection.statement(`select count(*) from kv ${rest.where}`).get(...rest.bounds) as [number])[0]
    return false
  })
  return Math.min(count, query.limit)
}

/** Expired entries of a range. */
export function expired(connection: Connection, query: RangeQuery, now: number): number {
  const { where, bounds } = rangeSql(query)
  return (connection.statement(`select count(*) ${expiredSql(connection, where)}`).get(...bounds, now) as [number])[0]
}

/** The same in slices. Throws `KV_INTERRUPTED` with `message` when aborted. */
export async function expiredInSlices(
  connection: Connection,
  query: RangeQuery,
  now: number,
  signal: AbortSignal,
  message: string,
): Promise<number> {
  const { where, bounds } = rangeSql(query)
  const matches = connection.statement(`select 1 ${expiredSql(connection, where)}`).iterate(...bounds, now)
  let count = 0
  try {
    await inSlices(signal, message, (rows) => {
      for (let i = 0; i < rows; i++) {
        if (matches.next().done === true) return false
        count++
      }
      return true
    })
  } finally {
    matches.return?.()
  }
  return count
}

function expiredSql(connection: Connection, where: RangeSql['where']): string {
  return `from ${connection.layout.table} indexed by kv_expires ${where} and expires <= ?`
}
