import type { RangeQuery } from '../../../store/driver/driver.ts'
import type { Entry } from '../../../store/driver/entry.ts'
import { LATEST_EXPIRY } from '../../../store/expiry.ts'
import type { Connection } from '../file/connection.ts'
import type { SqlValue } from '../engine/engine.ts'
import { damagedRow } from '../engine/result-codes.ts'
import { type JoinedEntry, JOINED, type JoinedRow, entriesOf } from './joined-page.ts'

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

/** A value where it is not long, else null; by the table that a layout has. */
const SHORT_VALUE = {
  kv: `case when length(value) <= ${LONG_VALUE} then value end`,
  // The value is mentioned once for each place: the engine reads it as often.
  kv_entry: `case when long is null then value
    else (select case when length(value) <= ${LONG_VALUE} then value end from kv_long where id = long) end`,
}

/** Texts of {@link textOf} by table and by the choices, in bits. */
const TEXTS = { kv: [] as string[], kv_entry: [] as string[] }

/** The statement for a page. Its text is made once: to put it together and to look it up takes as long as a short page. */
function textOf(
  table: keyof typeof TEXTS,
  isAfter: boolean,
  hasEnd: boolean,
  { reverse, keysOnly }: RangeQuery,
): string {
  const choice = Number(isAfter) + 2 * Number(hasEnd) + 4 * Number(reverse) + 8 * Number(keysOnly)
  // A function is called for each row, so `min` is left out where nothing expires.
  return (TEXTS[table][choice] ??= `select ${JOINED} from (
    select key, ${keysOnly ? 'null' : SHORT_VALUE[table]} as value, revision, iif(expires is null, null, ${EXPIRES}) as expires
    from ${table} where key ${isAfter ? '>' : '>='} ? ${hasEnd ? 'and key < ?' : ''} and (expires is null or expires > ?)
    order by key ${reverse ? 'desc' : 'asc'} ${LIMIT})`)
}

/** The entries of a page, one more than it takes where others follow; without those values that are long. */
function rowsOf(connection: Connection, query: RangeQuery, isAfter: boolean, now: number): JoinedEntry[] {
  const { start = NOTHING, end, limit } = query
  const statement = connection.statement(textOf(connection.layout.table, isAfter, end !== undefined, query))
  const most = Math.min(PAGE_ENTRIES + 1, limit)
  const row = end === undefined ? statement.get(start, now, most) : statement.get(start, end, now, most)
  return entriesOf(row as JoinedRow)
}

/** The page that rows make, of at most `limit` entries; `undefined` where a long value is to be fetched and `fetch` is not given. */
function pageOf(
  rows: readonly JoinedEntry[],
  { limit, keysOnly }: RangeQuery,
  fetch?: (key: Uint8Array) => SqlValue,
): Page | undefined {
  const entries: Entry[] = []
  let bytes = 0
  for (const row of rows) {
    if (row.value === undefined) {
      if (keysOnly) row.value = new Uint8Array()
      else if (fetch === undefined) return undefined
      else row.value = bytesOf(fetch(row.key))
    }
    entries.push(row as Entry)
    bytes += row.value.length
    if (bytes >= PAGE_BYTES || entries.length === PAGE_ENTRIES) break
  }
  return { entries, last: entries.length === limit || entries.length === rows.length }
}

function bytesOf(value: SqlValue): Uint8Array {
  if (!(value instanceof Uint8Array)) throw damagedRow()
  return value
}

/** The first page of a range, of one moment; `undefined` when it has none. */
export function firstPage(connection: Connection, query: RangeQuery, now: number): Page | undefined {
  // Most are one statement, and so need no transaction.
  const page = pageOf(rowsOf(connection, query, false, now), query)
  if (page !== undefined) return page.entries.length === 0 ? undefined : page
  return connection.snapshot(() => pages(connection, query, now).next().value ?? undefined)
}

/**
 * The pages of a range, of one snapshot when the caller holds a transaction. A page is one call into the engine: a call
 * per row, as its iterator makes, takes three times as long.
 */
export function* pages(connection: Connection, query: RangeQuery, now: number): Generator<Page, void, void> {
  const fetch = (key: Uint8Array): SqlValue => longValue(connection, key)
  let rest = query
  for (let isAfter = false; ;) {
    const page = pageOf(rowsOf(connection, rest, isAfter, now), rest, fetch)!
    const { entries, last } = page
    if (entries.length > 0) yield page
    if (last) return
    const { key } = entries[entries.length - 1]!
    rest = { ...rest, limit: rest.limit - entries.length, ...(query.reverse ? { end: key } : { start: key }) }
    isAfter = !query.reverse
  }
}

/** The value of a key that is there. Throws where the table says that it is not. */
export function longValue(connection: Connection, key: SqlValue): SqlValue {
  const { from, value } = connection.layout.withValues
  const row = connection.statement(`select ${value} from ${from} where key = ?`).get(key) as [SqlValue] | undefined
  if (row === undefined) throw damagedRow()
  return row[0]
}
