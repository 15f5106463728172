import { isUtf8 } from 'node:buffer'
import { successor } from '../../bytes.ts'
import type { Entry, RangeQuery } from '../../store/driver.ts'
import type { Database } from './database.ts'
import { LONG_VALUE, pages } from './range.ts'

/** Entries the engine joins into one text: at first, and at most. */
const FIRST_ROWS = 500
const MAX_ROWS = 4000
/** Bytes of text a page should have. */
const PAGE_BYTES = 1 << 19
const NOTHING = new Uint8Array()

/**
 * A forward range as JSON Lines text made by the engine itself, five times quicker than row by
 * row. A page with anything but short, valid UTF-8 that never expires comes as entries, for the
 * caller to write. All on one snapshot, which the caller holds.
 *
 * SQLite escapes strings as `JSON.stringify` does, and hands invalid UTF-8 through, where one
 * look at the whole page finds it: the bytes around each string are ASCII.
 */
export function* jsonLines(database: Database, query: RangeQuery, now: number): Generator<Uint8Array | Entry[], void, void> {
  let start = query.start ?? NOTHING
  let left = query.limit
  let size = FIRST_ROWS
  for (let first = true; left > 0; first = false) {
    const rows = Math.min(size, left)
    const from = first ? '>=' : '>'
    const last = lastKey(database, from, start, query.end, rows)
    const end = last ?? query.end
    const until = end === undefined ? '' : last === undefined ? 'and key < ?3' : 'and key <= ?3'
    const page = database.statement(pageSql(from, until)).get(start, now, ...(end === undefined ? [] : [end])) as PageRow
    const [text, count, longest, expiring] = page
    if (count > 0) {
      if (longest <= LONG_VALUE && expiring === 0 && text !== null && isUtf8(text)) yield text
      else yield* entriesBetween(database, from, start, end, last !== undefined, now)
    }
    left -= last === undefined ? left : count
    if (text !== null) size = Math.max(1, Math.min(MAX_ROWS, Math.floor((PAGE_BYTES * count) / text.length)))
    if (last === undefined) return
    start = last
  }
}

type PageRow = [text: Uint8Array | null, count: number, longest: number, expiring: number]

/** The key of the page's last row; `undefined` when the range ends before the page is full. */
function lastKey(database: Database, from: string, start: Uint8Array, end: Uint8Array | undefined, rows: number): Uint8Array | undefined {
  const row = database
    .statement(`select key from kv where key ${from} ?1 ${end === undefined ? '' : 'and key < ?3'} order by key limit 1 offset ?2`)
    .get(start, rows - 1, ...(end === undefined ? [] : [end])) as [Uint8Array] | undefined
  return row?.[0]
}

/** The index decides the order in which the rows are joined, so it is named. */
function pageSql(from: string, until: string): string {
  return `select
      cast(group_concat(json_object('key', cast(key as text), 'value', case when length(value) <= ${LONG_VALUE} then cast(value as text) end), char(10)) || char(10) as blob),
      count(*), coalesce(max(length(value)), 0), count(expires)
    from kv indexed by sqlite_autoindex_kv_1
    where key ${from} ?1 ${until} and (expires is null or expires > ?2)`
}

function* entriesBetween(database: Database, from: string, start: Uint8Array, end: Uint8Array | undefined, endIncluded: boolean, now: number): Generator<Entry[], void, void> {
  const query: RangeQuery = {
    start: from === '>=' ? start : successor(start),
    end: end !== undefined && endIncluded ? successor(end) : end,
    reverse: false,
    limit: Infinity,
    keysOnly: false,
  }
  for (const page of pages(database, query, now)) yield page.entries
}
