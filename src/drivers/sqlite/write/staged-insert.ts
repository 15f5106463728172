/**
 * Rows of a block, cut out into a temporary table first. The engine keeps a copy of each page that a statement changes where the
 * statement may fail half-way, as every one does that has several rows and calls a function: in a store of 100,000 entries a third
 * of the time of a batch. Statements that copy from the temporary table call none.
 */
import type { Connection } from '../file/connection.ts'
import { CLUSTERED } from '../layout/clustered.ts'
import { KEY, VALUE, described, expiresIn } from './row-digits.ts'

/** Rows as the digits describe them, and the revision under which they are put. */
interface Rows {
  readonly bytes: Uint8Array
  readonly rows: Uint8Array
  readonly count: number
  readonly revision: number
}

const STAGE = `create temp table if not exists kv_staged(
  i integer primary key, key blob, value blob, expires integer, checksum integer)`

/** Triggers that the statements below do not fire, or that hold under any `or`. */
const KNOWN = `'kv_long_update', 'kv_long_delete'`

const OTHER_TRIGGER = `select 1 from sqlite_schema where type = 'trigger' and tbl_name = 'kv_entry' collate nocase
  and name not in (${KNOWN}) limit 1`

/**
 * Whether rows may go by the temporary table: into clustered entries without triggers of a history, of a watch or of another
 * program, in whose statements an `or` of these would hold too.
 */
export function mayStage(connection: Connection): boolean {
  return connection.layout === CLUSTERED && connection.statement(OTHER_TRIGGER).get() === undefined
}

/** Whether no entry has one of these keys. */
export function areNew(connection: Connection, keys: readonly Uint8Array[]): boolean {
  const has = connection.statement('select 1 from kv_entry where key = ?')
  return keys.every((key) => has.get(key) === undefined)
}

/**
 * Whether rows are better staged, of which these are the keys of the first, one in the middle and the last: where they are new and come
 * between others. Those behind all others change no page that was there.
 */
export function isBetterStaged(connection: Connection, keys: readonly [Uint8Array, ...Uint8Array[]]): boolean {
  const isWithin = connection.statement('select 1 from kv_entry where key > ? limit 1').get(keys[0]) !== undefined
  return isWithin && areNew(connection, keys)
}

const NEW = `insert or ignore into kv_entry(key, value, revision, expires, checksum)
  select key, value, ?, expires, checksum from temp.kv_staged order by i`

/** In these the unary plus has the engine look up each key in the store, and not each entry of the store among the keys. */
const REPLACE_SHORT = `update or fail kv_entry set value = staged.value, revision = ?1, expires = staged.expires, checksum = staged.checksum
  from temp.kv_staged as staged where kv_entry.key = +staged.key and long is null
    and (revision is not ?1 or kv_entry.checksum is not staged.checksum
      or kv_entry.expires is not staged.expires or kv_entry.value is not staged.value)`

const REPLACE_LONG = `update kv_entry set value = staged.value, revision = ?1, expires = staged.expires, checksum = staged.checksum, long = null
  from temp.kv_staged as staged where kv_entry.key = +staged.key and long is not null`

/** Puts rows with short values, in key order and no key twice. When it throws, some may have been put: the caller takes back what it has done. */
export function insertStaged(connection: Connection, fields: readonly string[], rows: Rows): void {
  connection.once('temp.kv_staged', () => connection.exec(STAGE))
  connection.statement(stageSql(fields)).run(rows.bytes, rows.rows, rows.count)
  let [left] = connection.statement('select count(*) from temp.kv_staged').get() as [number]
  for (const text of [NEW, REPLACE_SHORT, REPLACE_LONG]) {
    if (left > 0) left -= Number(connection.statement(text).run(rows.revision).changes)
  }
  connection.statement('delete from temp.kv_staged').run()
}

/** Cuts out `?3` rows of the buffer `?1` as the digits `?2` describe them. */
function stageSql(fields: readonly string[]): string {
  return `insert into temp.kv_staged(i, key, value, expires, checksum)
    select i, substr(?1, ${KEY}), substr(?1, ${VALUE}), ${expiresIn(fields)}, c from ${described(fields, '?2', '?3')}`
}
