import { changesGone } from '../../kit/log-position.ts'
import type { Connection as Database } from '../file/connection.ts'
import type { SqlValue } from '../engine/engine.ts'
import { EXPIRES, LONG_VALUE } from '../read/range.ts'
import { IS_FOREIGN_INSERT, IS_FOREIGN_UPDATE } from '../file/schema.ts'

/**
 * Whether somebody watches now. In every SQLite that knows strict tables; the other names for this time are younger.
 */
const IS_WATCHED = `exists (select 1 from kv_watcher where until > cast(strftime('%s', 'now') as integer))`

/**
 * The log of changes, there only while somebody watches, and filled by triggers, so that no write of
 * any program is left out. DESIGN.md ("Watching") has the reasons.
 *
 * `kv_log` holds the log's name while the log is whole: the first write that finds every watcher
 * gone takes the name away and logs nothing, and so does every later one. Positions are row ids, one
 * after the other; the newest row is never trimmed, so that they go on. `kv_replaced` holds the
 * key of a row that an `insert or replace` by row id is about to remove, for which no delete trigger runs.
 * A write of another tool is logged as the update by which a trigger gives it a revision (schema.ts).
 */
const CREATE = `
create table kv_log(id integer primary key check (id = 1), name text not null) strict;
create table kv_watcher(id text primary key, until integer not null, position integer) strict;
create table kv_change(position integer primary key, key blob not null, revision integer, expires integer, value blob) strict;
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

/** Triggers first: one without its table would fail every write. */
const DROP =
  ['replace', 'replaced', 'insert', 'update', 'delete']
    .map((name) => `drop trigger if exists kv_log_${name};`)
    .join('') +
  ['kv_replaced', 'kv_change', 'kv_watcher', 'kv_log'].map((name) => `drop table if exists ${name};`).join('')

/** Rows read at a time, and their bytes. */
const PAGE_ROWS = 1000
const PAGE_BYTES = 1 << 20

/** One change as it stands in the log. */
export interface LoggedChange {
  readonly position: number
  readonly key: Uint8Array
  readonly isDelete: boolean
  /** `null` when it is long, see {@link longChange}; and of a delete. */
  readonly value: Uint8Array | null
  readonly revision: number
  readonly expires: number | null
}

/** Where a log stands. */
export interface LogEnd {
  readonly name: string
  /** Of the newest change. */
  readonly at: number
}

/** Whether the file has a log, whole or not. */
export function hasLog(database: Database): boolean {
  return database.statement(`select 1 from sqlite_schema where name = 'kv_watcher'`).get() !== undefined
}

/** Begins a log under a new name, or joins the one that is there and whole. Within a write transaction. */
export function joinLog(
  database: Database,
  watcher: string,
  until: number,
  needs: number | undefined,
  newName: () => string,
): LogEnd {
  if (!hasLog(database)) database.exec(CREATE)
  // A log that an older kv began.
  else if (!hasNeeds(database)) database.exec('alter table kv_watcher add column position integer')
  let end = logEnd(database)
  if (end === undefined) {
    database.exec('delete from kv_change; delete from kv_watcher; delete from kv_replaced')
    database.statement('insert into kv_log values (1, ?)').run(newName())
    end = logEnd(database)!
  }
  renew(database, watcher, until, needs)
  return end
}

/** Where the log stands; `undefined` when it is not whole. */
export function logEnd(database: Database): LogEnd | undefined {
  const row = database
    .statement('select name, (select coalesce(max(position), 0) from kv_change) from kv_log')
    .get() as [string, number] | undefined
  return row && { name: row[0], at: row[1] }
}

function hasNeeds(database: Database): boolean {
  return database.statement(`select 1 from pragma_table_info('kv_watcher') where name = 'position'`).get() !== undefined
}

/**
 * Says that a watcher lives, until a time in milliseconds, and after which position it needs the log. Within a write
 * transaction.
 */
export function renew(database: Database, watcher: string, until: number, needs: number | undefined): void {
  database
    .statement(
      'insert into kv_watcher(id, until, position) values (?, ?, ?) on conflict (id) do update set until = excluded.until, position = excluded.position',
    )
    .run(watcher, Math.ceil(until / 1000), needs ?? null)
}

/** The position after which some living watcher needs the log; `undefined`: none needs anything. */
export function neededAfter(database: Database, now: number): number | undefined {
  const [position] = database
    .statement('select min(position) from kv_watcher where until > ?')
    .get(Math.floor(now / 1000)) as [number | null]
  return position ?? undefined
}

/** Takes a watcher out, and with the last one the log. Within a write transaction. */
export function leaveLog(database: Database, watcher: string, now: number): void {
  if (!hasLog(database)) return
  database.statement('delete from kv_watcher where id = ?').run(watcher)
  dropIfUnwatched(database, now)
}

/** Takes away a log whose watchers are all gone, such as those that were killed. Within a write transaction. */
export function dropIfUnwatched(database: Database, now: number): void {
  const watched = database.statement('select 1 from kv_watcher where until > ?').get(Math.floor(now / 1000))
  if (watched === undefined) database.exec(DROP)
}

/**
 * The changes after a position, of one moment. Throws `KV_WATCH_GAP` when one of them is missing, or
 * the log is not the one of that name, or no longer whole.
 */
export function changesAfter(database: Database, name: string, after: number): LoggedChange[] {
  const rows = database.snapshot(() => {
    const end = hasLog(database) ? logEnd(database) : undefined
    if (end?.name !== name || after > end.at) throw changesGone()
    return database
      .statement(
        `select position, key, value is null, case when length(value) <= ${LONG_VALUE} then value end, revision, ${EXPIRES}
        from kv_change where position > ? order by position limit ${PAGE_ROWS}`,
      )
      .all(after) as Row[]
  })
  const changes: LoggedChange[] = []
  let bytes = 0
  for (const [position, key, isDelete, value, revision, expires] of rows) {
    if (position !== after + changes.length + 1) throw changesGone()
    changes.push({ position, key, isDelete: isDelete === 1, value, revision: revision ?? 0, expires })
    bytes += key.length + (value?.length ?? 0)
    if (bytes >= PAGE_BYTES) break
  }
  return changes
}

type Row = [
  position: number,
  key: Uint8Array,
  isDelete: number,
  value: Uint8Array | null,
  revision: number | null,
  expires: number | null,
]

/** The value of a change whose page left it out. Throws `KV_WATCH_GAP` when it has been trimmed since. */
export function longChange(database: Database, name: string, position: number): Uint8Array {
  const [value] = (database
    .statement('select value from kv_change where position = ? and (select name from kv_log) = ?')
    .get(position, name) ?? [null]) as [SqlValue]
  if (!(value instanceof Uint8Array)) throw changesGone()
  return value
}

/** Bytes of the changes after a position, up to the newest. */
export function bytesAfter(database: Database, after: number): number {
  const [bytes] = database
    .statement('select coalesce(sum(length(key) + coalesce(length(value), 0)), 0) from kv_change where position > ?')
    .get(after) as [number]
  return bytes
}

/** Changes removed in one transaction, and about how many bytes: so that nobody waits long for the lock. */
const TRIM_ROWS = 5000
const TRIM_BYTES = 8_000_000

/** Removes a share of the changes up to a position, never the newest. Returns whether more are left to remove. */
export function trimLog(database: Database, upTo: number): boolean {
  const rows = database
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
  if (until > 0) database.statement('delete from kv_change where position <= ?').run(until)
  return rows.length === TRIM_ROWS || until < (rows.at(-1)?.[0] ?? 0)
}
