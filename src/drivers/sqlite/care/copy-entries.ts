/** The statements that copy the entries of a store, in key order, into a layout. */
import { CLUSTERED, INLINE_BYTES } from '../layout/clustered.ts'
import type { Layout } from '../layout/layout.ts'

/** The columns that both layouts have, but for the value. */
const COLUMNS = 'key, revision, expires, checksum'

/** A number for each row of a statement that reads in key order: how many of its rows up to this one have an `expression` that is true. */
const numbered = (expression: string): string =>
  `count(*) filter (where ${expression}) over (order by key rows between unbounded preceding and current row)`

/**
 * Copies `entries`, a table or view of a store of layout `from`, to the empty tables of `to` in the database `into`. Long values are
 * numbered anew, in key order. Fails on a constraint where a long value is missing.
 */
export function copyEntriesSql(from: Layout, to: Layout, entries: string, into: string): string {
  if (to !== CLUSTERED)
    return `insert into ${into}.kv(${COLUMNS}, value) select ${COLUMNS}, value from ${entries} order by key`
  const target = `${into}.kv_entry(${COLUMNS}, long, value)`
  if (from === CLUSTERED)
    return `insert into ${into}.kv_long(value)
        select (select value from main.kv_long where id = long) from ${entries} where long is not null order by key;
      insert into ${target} select ${COLUMNS}, iif(long is null, null, ${numbered('long is not null')}), value from ${entries}`
  const hasLong = `exists (select 1 from ${into}.kv_long)`
  return `insert into ${into}.kv_long(value) select value from ${entries} where length(value) > ${INLINE_BYTES} order by key;
    insert into ${target} select ${COLUMNS}, null, value from ${entries} where not ${hasLong} order by key;
    insert into ${target} select ${COLUMNS}, iif(value is null, ${numbered('value is null')}, null), value
      from (select ${COLUMNS}, iif(length(value) > ${INLINE_BYTES}, null, value) as value from ${entries} where ${hasLong})`
}
