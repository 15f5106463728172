import type { RangeQuery } from '../../../store/driver/driver.ts'
import type { Entry } from '../../../store/driver/entry.ts'
import { LATEST_EXPIRY } from '../../../store/expiry.ts'
import type { Connection } from '../file/connection.ts'
import type { SqlValue } from '../engine/engine.ts'
import { damagedRow } from '../engine/result-codes.ts'

/** The `where` clause of a range and the values for its parameters. */
export interface RangeSql {
  readonly where: string
  readonly bounds: readonly Uint8Array[]
}

/** One page of a range. */
export interface Page {
  readonly entries: Entry[]
  /** Nothing follows. */
  readonly last: boolean
}

/** Entries of a page at most. */
const PAGE_ENTRIES = 1000

/** Values longer than this are fetched one by one, so that a page ends soon after {@link PAGE_BYTES}. */
export const LONG_VALUE = 16_384

const PAGE_BYTES = 1 << 20

/** The expiry of a row within the years kv knows: another tool may have written one that is no JavaScript number. */
export const EXPIRES = `min(expires, ${LATEST_EXPIRY})`

/** A limit given when the statement runs. Of a plain `limit ?` SQLite reads the value and plans anew each time. */
export const LIMIT = 'limit 0 + ?'

const NOTHING = new Uint8Array()

/** The clause for a query's bounds; always at least one condition, so that more can follow with `and`. */
export function rangeSql({ start, end }: Pick<RangeQuery, 'start' | 'end'>): RangeSql {
  if (start !== undefined && end !== undefined) return { where: 'where key >= ? and key < ?', bounds: [start, end] }
  if (start !== undefined) return { where: 'where key >= ?', bounds: [start] }
  if (end !== undefined) return { where: 'where key < ?', bounds: [end] }
  return { where: 'where true', bounds: [] }
}

/** The key `rows` entries after the first of a range, counting expired ones; `undefined` when it has no more. */
export function keyAt(
  connection: Connection,
  query: Pick<RangeQuery, 'start' | 'end'>,
  rows: number,
): Uint8Array | undefined {
  const { where, bounds } = rangeSql(query)
  const row = connection.statement(`select key from kv ${where} order by key limit 1 offset ?`).get(...bounds, rows) as
    | [Uint8Array]
    | undefined
  return row?.[0]
}

/** The columns of an entry. */
export type EntryRow = [key: SqlValue, value: SqlValue, revision: SqlValue, expires: SqlValue]

/** The entry that a row's columns make. Throws where damage has given them types that the table does not allow. */
export function entryOf(key: SqlValue, value: SqlValue, revision: SqlValue, expires: SqlValue): Entry {
  const isSound =
    key instanceof Uint8Array &&
    value instanceof Uint8Array &&
    typeof revision === 'number' &&
    (expires === null || typeof expires === 'number')
  if (!isSound) throw damagedRow()
  return { key, value, revision, expires: expires ?? undefined }
}

/**
 * The pages of a range, of one snapshot when the caller holds a transaction. A page is one call into the engine: a call
 * per row, as its iterator makes, takes three times as long.
 */
export function* pages(connection: Connection, query: RangeQuery, now: number): Generator<Page, void, void> {
  const { reverse, keysOnly } = query
  let { start, end } = query
  let from = '>='
  for (let left = query.limit; left > 0;) {
    const sql = `select key, ${keysOnly ? 'null' : `case when length(value) <= ${LONG_VALUE} then value end`}, revision, ${EXPIRES}
      from kv where key ${from} ? ${end === undefined ? '' : 'and key < ?'} and (expires is null or expires > ?)
      order by key ${reverse ? 'desc' : 'asc'} ${LIMIT}`
    // One more than a page takes tells whether anything follows.
    const limit = Math.min(PAGE_ENTRIES + 1, left)
    const parameters: SqlValue[] = [start ?? NOTHING, ...(end === undefined ? [] : [end]), now, limit]
    const rows = connection.statement(sql).all(...parameters) as EntryRow[]
    const entries: Entry[] = []
    let bytes = 0
    for (const [key, value, revision, expires] of rows) {
      const entry = entryOf(key, value ?? (keysOnly ? NOTHING : longValue(connection, key)), revision, expires)
      entries.push(entry)
      bytes += entry.value.length
      if (bytes >= PAGE_BYTES || entries.length === PAGE_ENTRIES) break
    }
    left -= entries.length
    const last = left === 0 || entries.length === rows.length
    if (entries.length > 0) yield { entries, last }
    if (last) return
    const { key } = entries[entries.length - 1]!
    if (reverse) end = key
    else {
      start = key
      from = '>'
    }
  }
}

/** The value of a key that is there. Throws where the table says that it is not. */
export function longValue(connection: Connection, key: SqlValue): SqlValue {
  const row = connection.statement('select value from kv where key = ?').get(key) as [SqlValue] | undefined
  if (row === undefined) throw damagedRow()
  return row[0]
}
