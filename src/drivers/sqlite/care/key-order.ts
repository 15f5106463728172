/** How entries lie in a file, as far as samples tell. */
import type { Connection } from '../file/connection.ts'
import { CLUSTERED } from '../layout/clustered.ts'

/** Places of the file at which it is looked whether entries lie in key order. Each reads a page. */
const SAMPLES = 256

/** Neighbours by key that are looked at together, at so many places, to see how far apart they lie. */
const NEIGHBOURS = 2000
const PLACES = 4

/** How often a page is read at most, rather than to sort: that writes and reads everything once more. */
const MOST_READS = 4

/** Whether what lies one behind the other in the file is so in key order too: entries, or, where these always are, long values. */
export function isInKeyOrder(connection: Connection): boolean {
  return connection.layout === CLUSTERED ? areLongValues(connection) : areEntries(connection)
}

function areEntries(connection: Connection): boolean {
  const [first, last] = idsOf(connection)
  if (first === null) return true
  const next = connection.statement('select key from kv where id >= ? order by id limit 1')
  let before: Uint8Array | undefined
  for (let n = 0; n < SAMPLES; n++) {
    const [key] = next.get(first + Math.floor(((last - first) * n) / (SAMPLES - 1))) as [Uint8Array]
    if (before !== undefined && Buffer.compare(before, key) > 0) return false
    before = key
  }
  return true
}

/** Of those at both ends. */
function areLongValues(connection: Connection): boolean {
  for (const order of ['asc', 'desc']) {
    const rows = connection
      .statement(`select long from kv_entry order by key ${order} limit 0 + ?`)
      .all(NEIGHBOURS) as [number | null][]
    const longs = rows.map(([long]) => long).filter((long) => long !== null)
    if (order === 'desc') longs.reverse()
    if (longs.some((long, n) => n > 0 && long < longs[n - 1]!)) return false
  }
  return true
}

/**
 * Whether to read the entries of a store of format 1 in key order would read each page of them again and again: a page holds
 * many, and few of them are neighbours by key.
 */
export function isScattered(connection: Connection): boolean {
  const [first, last] = idsOf(connection)
  if (first === null) return false
  const idsFrom = connection.statement(
    'select id from kv where key >= (select key from kv where id >= ? order by id limit 1) order by key limit 0 + ?',
  )
  const [pageCount] = connection.statement('select page_count from pragma_page_count').get() as [number]
  const idsOfPage = (last - first + 1) / pageCount
  let entries = 0
  let pages = 0
  for (let n = 0; n < PLACES; n++) {
    const ids = idsFrom.all(first + Math.floor(((last - first) * n) / PLACES), NEIGHBOURS) as [number][]
    entries += ids.length
    pages += new Set(ids.map(([id]) => Math.floor(id / idsOfPage))).size
  }
  return pages * idsOfPage > MOST_READS * entries
}

/** In two queries: one would read all entries. */
function idsOf(connection: Connection): [first: number | null, last: number] {
  return connection.statement('select (select min(id) from kv), (select max(id) from kv)').get() as [
    number | null,
    number,
  ]
}
