import type { LoggedChange } from '../../kit/log-feed.ts'
import { type LogPosition, changesGone, newLogName } from '../../kit/log-position.ts'
import type { Connection } from '../file/connection.ts'
import type { SqlValue } from '../engine/engine.ts'
import { EXPIRES, LONG_VALUE, entryOf } from '../read/range.ts'
import { valueOf } from '../layout/clustered.ts'
import type { Layout } from '../layout/layout.ts'
import { IS_FOREIGN_INSERT, IS_FOREIGN_UPDATE, ROWS } from '../layout/rows.ts'
import { hasColumn } from '../file/schema.ts'
import { dropIfUnwatched, hasLog } from './drop-log.ts'

/** Whether somebody watches now; for SQLite older than `unixepoch()`. */
const IS_WATCHED = `exists (select 1 from kv_watcher where until > cast(strftime('%s', 'now') as integer))`

/**
 * The log of changes, there only while somebody watches, and filled by triggers, so that no write of
 * any program is left out. FORMAT.md ("The change log") has the reasons.
 *
 * `kv_log` holds the log's name while the log is whole: the first write that finds every watcher
 * gone takes the name away and logs nothing, and so does every later one. Positions are row ids, one
 * after the other; the newest row is never trimmed, so that they go on. `kv_replaced` holds the
 * key of a row that an `insert or replace` by row id is about to remove, for which no delete trigger runs.
 * A write of another tool is logged as the update by which a trigger gives it a revision (schema.ts).
 */
const TABLES = `
create table kv_log(id integer primary key check (id = 1), name text not null) strict;
create table kv_watcher(id text primary key, until integer not null, position integer) strict;
create table kv_change(position integer primary key, key blob not null, revision integer, expires integer, value blob) strict;
`

/** In a store whose entries are rows. */
const ROWS_LOG = `${TABLES}
create table kv_replaced(id integer primary key, key blob not null) strict;
create trigger kv_log_replace before insert on kv when exists (select 1 from kv where id = new.id and key is not new.key) begin
  insert or replace into kv_replaced select id, key from kv where id = new.id;
end;
create trigger kv_log_replaced after insert on kv when exists (select 1 from kv_replaced) begin
  insert into kv_change(key) select key from kv_replaced where id = new.id and exists (select 1 from kv_log);
  delete from kv_replaced;
end;
create trigger kv_log_insert after insert on kv when not (${IS_FOREIGN_INSERT}) begin
  delete from kv_log where not ${IS_WATCHED};
  insert into kv_change(key, revision, expires, value) select new.key, new.revision, new.expires, new.value from kv_log;
end;
create trigger kv_log_update after update of key, revision, expires, value on kv begin
  delete from kv_log where not ${IS_WATCHED};
  insert into kv_change(key) select old.key from kv_log where old.key is not new.key;
  insert into kv_change(key, revision, expires, value) select new.key, new.revision, new.expires, new.value from kv_log
    where not (${IS_FOREIGN_UPDATE});
end;
create trigger kv_log_delete after delete on kv begin
  delete from kv_log where not ${IS_WATCHED};
  insert into kv_change(key) select old.key from kv_log;
end;
`

/** In a clustered store. */
const CLUSTERED_LOG = `${TABLES}
create trigger kv_log_insert after insert on kv_entry begin
  delete from kv_log where not ${IS_WATCHED};
  insert into kv_change(key, revision, expires, value) select new.key, new.revision, new.expires, ${valueOf('new')} from kv_log;
end;
create trigger kv_log_update after update of key, revision, expires, long, value on kv_entry begin
  delete from kv_log where not ${IS_WATCHED};
  insert into kv_change(key) select old.key from kv_log where old.key is not new.key;
  insert into kv_change(key, revision, expires, value) select new.key, new.revision, new.expires, ${valueOf('new')} from kv_log;
end;
create trigger kv_log_delete after delete on kv_entry begin
  delete from kv_log where not ${IS_WATCHED};
  insert into kv_change(key) select old.key from kv_log;
end;
`

/** Statements that make the log of a store in a layout. */
export function logSql(layout: Layout): string {
  return layout === ROWS ? ROWS_LOG : CLUSTERED_LOG
}

/** Rows read at a time, and their bytes. */
const PAGE_ROWS = 1000
const PAGE_BYTES = 1 << 20

/** Begins a log, or joins a whole one, for a watcher, see {@link renew}. Within a write transaction. */
export function joinLog(
  connection: Connection,
  watcher: string,
  until: number,
  needed: LogPosition | undefined,
): LogPosition {
  if (!hasLog(connection)) connection.exec(logSql(connection.layout))
  // A log that an older kv began.
  else if (!hasColumn(connection, 'kv_watcher', 'position'))
    connection.exec('alter table kv_watcher add column position integer')
  if (logEnd(connection) === undefined) {
    connection.exec('delete from kv_change; delete from kv_watcher')
    if (connection.layout === ROWS) connection.exec('delete from kv_replaced')
    connection.statement('insert into kv_log values (1, ?)').run(newLogName())
  }
  renew(connection, watcher, until, needed)
  return logEnd(connection)!
}

/** Where the log stands; `undefined` when there is none, or it is not whole. */
export function logEnd(connection: Connection): LogPosition | undefined {
  if (!hasLog(connection)) return undefined
  const row = connection
    .statement('select name, (select coalesce(max(position), 0) from kv_change) from kv_log')
    .get() as [string, number] | undefined
  return row && { log: row[0], at: row[1] }
}

/** Notes until when a watcher lives, in milliseconds, and after which position it needs the log. In a transaction. */
export function renew(connection: Connection, watcher: string, until: number, needed: LogPosition | undefined): void {
  connection
    .statement(
      'insert into kv_watcher(id, until, position) values (?, ?, ?) on conflict (id) do update set until = excluded.until, position = excluded.position',
    )
    .run(watcher, Math.ceil(until / 1000), needed?.at ?? null)
}

/** The position after which some living watcher needs the log; `undefined`: none needs anything. */
export function neededAfter(connection: Connection, now: number): number | undefined {
  const [position] = connection
    .statement('select min(position) from kv_watcher where until > ?')
    .get(Math.floor(now / 1000)) as [number | null]
  return position ?? undefined
}

/** Takes a watcher out, and with the last one the log. Within a write transaction. */
export function leaveLog(connection: Connection, watcher: string, now: number): void {
  if (!hasLog(connection)) return
  connection.statement('delete from kv_watcher where id = ?').run(watcher)
  dropIfUnwatched(connection, now)
}

type Row = [
  position: number,
  key: Uint8Array,
  isDelete: number,
  value: Uint8Array | null,
  revision: number | null,
  expires: number | null,
]

/** The changes after a position. Throws `KV_WATCH_GAP` when one is missing, or the log is another or not whole. */
export function changesAfter(connection: Connection, { log, at }: LogPosition): LoggedChange[] {
  const rows = connection.snapshot(() => {
    const end = logEnd(connection)
    if (end?.log !== log || at > end.at) throw changesGone()
    return connection
      .statement(
        `select position, key, value is null, case when length(value) <= ${LONG_VALUE} then value end, revision, ${EXPIRES}
        from kv_change where position > ? order by position limit ${PAGE_ROWS}`,
      )
      .all(at) as Row[]
  })
  const changes: LoggedChange[] = []
  let bytes = 0
  for (const [position, key, isDelete, value, revision, expires] of rows) {
    if (position !== ++at) throw changesGone()
    if (isDelete === 1) changes.push({ type: 'del', key })
    else {
      const entry = entryOf(key, value ?? NOTHING, revision ?? 0, expires)
      const known = value ?? (() => valueAt(connection, { log, at: position }))
      changes.push({ type: 'put', key, value: known, revision: entry.revision, expires: entry.expires })
    }
    bytes += key.length + (value?.length ?? 0)
    if (bytes >= PAGE_BYTES) break
  }
  return changes
}

const NOTHING = new Uint8Array()

/** The value of a change whose page left it out. Throws `KV_WATCH_GAP` when it has been trimmed since. */
function valueAt(connection: Connection, { log, at }: LogPosition): Uint8Array {
  const [value] = (connection
    .statement('select value from kv_change where position = ? and (select name from kv_log) = ?')
    .get(at, log) ?? [null]) as [SqlValue]
  if (!(value instanceof Uint8Array)) throw changesGone()
  return value
}

/** Bytes of the changes after a position, up to the newest. */
export function bytesAfter(connection: Connection, after: number): number {
  const [bytes] = connection
    .statement('select coalesce(sum(length(key) + coalesce(length(value), 0)), 0) from kv_change where position > ?')
    .get(after) as [number]
  return bytes
}

/** Changes removed in one transaction, and about how many bytes: so that nobody waits long for the lock. */
const TRIM_ROWS = 5000
const TRIM_BYTES = 8_000_000

/** Removes a share of the changes up to a position, never the newest. Returns whether more are left to remove. */
export function trimLog(connection: Connection, upTo: number): boolean {
  const rows = connection
    .statement(
      `select position, coalesce(length(value), 0) from kv_change where position <= ? and position < (select max(position) from kv_change) order by position limit ${TRIM_ROWS}`,
    )
    .all(upTo) as [number, number][]
  let until = 0
  let bytes = 0
  for (const [position, length] of rows) {
    until = position
    bytes += length
    if (bytes >= TRIM_BYTES) break
  }
  if (until > 0) connection.statement('delete from kv_change where position <= ?').run(until)
  return rows.length === TRIM_ROWS || until < (rows.at(-1)?.[0] ?? 0)
}
