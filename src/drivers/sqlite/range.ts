import type { Entry, RangeQuery } from '../../store/driver.ts'
import type { Database } from './database.ts'
import type { SqlValue } from './engine.ts'

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

/** A page ends after this many entries … */
const PAGE_ENTRIES = 1000
/** … or this many bytes, whichever comes first. */
const PAGE_BYTES = 1 << 20

const NO_VALUE = new Uint8Array()

/** The clause for a query's bounds; always at least one condition, so that more can follow with `and`. */
export function rangeSql({ start, end }: RangeQuery): RangeSql {
  if (start !== undefined && end !== undefined) return { where: 'where key >= ? and key < ?', bounds: [start, end] }
  if (start !== undefined) return { where: 'where key >= ?', bounds: [start] }
  if (end !== undefined) return { where: 'where key < ?', bounds: [end] }
  return { where: 'where true', bounds: [] }
}

/**
 * The pages of a range, all of one statement and so of one snapshot. The statement ends with the
 * generator: stopping early lets the engine recycle its log.
 */
export function* pages(database: Database, query: RangeQuery, { where, bounds }: RangeSql, now: number): Generator<Page, void, void> {
  const sql = `select key, ${query.keysOnly ? 'null' : 'value'}, revision, expires from kv ${where}
    and (expires is null or expires > ?) order by key ${query.reverse ? 'desc' : 'asc'} limit ?`
  const parameters: SqlValue[] = [...bounds, now, query.limit === Infinity ? -1 : query.limit]
  const rows = database.iterate(sql, parameters)
  let entries: Entry[] = []
  let bytes = 0
  for (const row of rows) {
    if (entries.length === PAGE_ENTRIES || (bytes >= PAGE_BYTES && entries.length > 0)) {
      yield { entries, last: false }
      entries = []
      bytes = 0
    }
    const [key, value, revision, expires] = row as [Uint8Array, Uint8Array | null, number, number | null]
    entries.push({ key, value: value ?? NO_VALUE, revision, expires: expires ?? undefined })
    bytes += key.length + (value === null ? 0 : value.length)
  }
  if (entries.length > 0) yield { entries, last: true }
}
