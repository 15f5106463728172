import type { RangeQuery } from '../../../store/driver/driver.ts'
import type { Connection } from '../file/connection.ts'
import { rangeSql } from './range.ts'

/** Entries that expire which are looked at, at most: some milliseconds' worth. */
const LOOKED_AT = 10_000

/**
 * Whether an entry of a range, its `limit` aside, expires after `now`; `undefined` when so many of the store do that
 * reading the range is likely to meet one sooner.
 */
export function anyExpires(connection: Connection, query: RangeQuery, now: number): boolean | undefined {
  const { where, bounds } = rangeSql(query)
  const expiring = `select key from ${connection.layout.table} indexed by kv_expires where expires > ? limit ${LOOKED_AT}`
  const sql = `select exists (select 1 from (${expiring}) ${where}), (select count(*) from (${expiring}))`
  const [found, count] = connection.statement(sql).get(now, ...bounds, now) as [number, number]
  if (found === 1) return true
  return count < LOOKED_AT ? false : undefined
}
