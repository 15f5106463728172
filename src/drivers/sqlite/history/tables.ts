import type { Connection } from '../file/connection.ts'
import { hasHistory } from './note-write.ts'

/** The time of a change: what kv has noted for all of its transaction, or the engine's, for other programs. */
const NOW = `(select coalesce(now, cast(round((julianday('now') - 2440587.5) * 86400000) as integer)) from kv_history_state)`

/** The revision that a change gets: what kv has noted, or that of the next commit. */
const NEXT = `(select coalesce(writing, (select revision from kv_store) + 1) from kv_history_state)`

/** Whether kv writes, and not another program or a kv older than histories. */
const IS_KV = '(select writing from kv_history_state) is not null'

/** When the version of a key began that ends now; null: before the history did. */
const BEGAN = (key: string): string =>
  `(select ended from kv_history where key = ${key} order by ended desc, id desc limit 1)`

/** When it ends: a clock that was set back does not make it end before it began. */
const ENDED = (began: string, time = NOW): string =>
  `max(${time}, coalesce(${began}, (select time from kv_history_state)))`

/** The update by which a trigger gives another program's write its revision (schema.ts): no version of its own. */
const IS_REVISION_ALONE = `new.checksum is null and new.revision is not old.revision and new.key is old.key
  and new.expires is old.expires and new.value is old.value`

/** Where there are more values than are kept, takes away what is before the oldest of these. */
const TRIM = (key: string): string => `delete from kv_history where key = ${key}
    and (select count(*) from kv_history where key = ${key} and typeof(value) = 'blob') > (select keep from kv_history_state)
    and (ended, id) < (select ended, id from kv_history where key = ${key} and typeof(value) = 'blob'
      order by ended desc, id desc limit 1 offset (select keep - 1 from kv_history_state))`

const TABLES = {
  kv_history: `table kv_history(
  id integer primary key,
  key blob not null,
  revision integer,
  began integer,
  ended integer not null,
  ended_revision integer not null,
  expires integer,
  checksum integer,
  value blob
) strict`,
  kv_history_key: 'index kv_history_key on kv_history(key, ended)',
  kv_history_state: `table kv_history_state(
  id integer primary key check (id = 1),
  keep integer not null,
  revision integer not null,
  time integer not null,
  writing integer,
  now integer
) strict`,
  kv_history_replaced: `table kv_history_replaced(
  id integer primary key,
  key blob not null,
  revision integer not null,
  expires integer,
  checksum integer,
  value blob not null
) strict`,
}

/**
 * A version is noted when it ends: an entry with its value, or, with null, that the key was not there. So nothing is stored
 * twice, and a version begins when the one before it ended. What a transaction of kv has put and changes again was seen
 * by nobody and is no version. FORMAT.md ("The history") says more.
 *
 * `kv_history_replaced` holds the rows that an `insert or replace` of another program is about to remove, for which no delete
 * trigger runs; what an insert without conflict has left there is removed before the next one.
 */
const TRIGGERS = {
  kv_history_end: `view kv_history_end as select 0 as key, 0 as revision, 0 as expires, 0 as checksum, 0 as value, 0 as ended_revision, 0 as is_replaced`,
  kv_history_ended: `trigger kv_history_ended instead of insert on kv_history_end begin
  insert into kv_history(key, revision, began, ended, ended_revision, expires, checksum, value)
    select new.key, new.revision, began, ${ENDED('began', `min(coalesce(new.expires, now), now)`)}, new.ended_revision, new.expires, new.checksum, new.value
    from (select ${BEGAN('new.key')} as began, ${NOW} as now);
  insert into kv_history(key, began, ended, ended_revision)
    select new.key, began, ${ENDED('began')}, new.ended_revision from (select ${BEGAN('new.key')} as began)
    where new.is_replaced and new.expires <= ${NOW};
  ${TRIM('new.key')};
end`,
  kv_history_replace: `trigger kv_history_replace before insert on kv when not (${IS_KV})
  and (exists (select 1 from kv where id = new.id or key = new.key) or exists (select 1 from kv_history_replaced)) begin
  delete from kv_history_replaced;
  insert into kv_history_replaced select id, key, revision, expires, checksum, value from kv where id = new.id or key = new.key;
end`,
  kv_history_replaced_end: `trigger kv_history_replaced_end after insert on kv when not (${IS_KV}) and exists (select 1 from kv_history_replaced) begin
  insert into kv_history_end select key, revision, expires, checksum, value,
    iif(new.revision = 0, (select iif(revision = 0, ${NEXT}, revision) from kv where id = new.id), new.revision), key is new.key
    from kv_history_replaced;
end`,
  kv_history_insert: `trigger kv_history_insert after insert on kv
  when ${IS_KV} or not exists (select 1 from kv_history_replaced where key = new.key) begin
  insert into kv_history(key, began, ended, ended_revision) select new.key, began, ${ENDED('began')},
    iif(new.revision = 0, (select iif(revision = 0, ${NEXT}, revision) from kv where id = new.id), new.revision)
    from (select ${BEGAN('new.key')} as began);
end`,
  kv_history_update: `trigger kv_history_update after update of key, revision, expires, value on kv
  when old.revision < ${NEXT} and not (${IS_REVISION_ALONE}) begin
  insert into kv_history_end select old.key, old.revision, old.expires, old.checksum, old.value,
    iif(new.revision is not old.revision, new.revision, (select iif(revision is old.revision, ${NEXT}, revision) from kv where id = new.id)),
    new.key is old.key;
  insert into kv_history(key, began, ended, ended_revision) select new.key, began, ${ENDED('began')}, ${NEXT}
    from (select ${BEGAN('new.key')} as began) where new.key is not old.key;
end`,
  kv_history_delete: `trigger kv_history_delete after delete on kv when old.revision < ${NEXT} begin
  delete from kv_history_replaced where id = old.id;
  insert into kv_history_end select old.key, old.revision, old.expires, old.checksum, old.value, ${NEXT}, 0;
end`,
}

const PARTS: Readonly<Record<string, string>> = { ...TABLES, ...TRIGGERS }

/**
 * Begins a history at a time, or changes how many old values of a key are kept. Within a write transaction that is marked
 * already.
 */
export function keepHistory(connection: Connection, keep: number, now: number): void {
  if (hasHistory(connection) && missingHistory(connection).length === 0) {
    connection.statement('update kv_history_state set keep = ?').run(keep)
    // Only values count; what came before the oldest of them goes too.
    connection
      .statement(
        `delete from kv_history where id in (select id from (select id, value is null as gone,
          count(value) over (partition by key order by ended desc, id desc) as newer,
          count(value) over (partition by key) as all_values from kv_history) where all_values > ?1 and newer - 1 + gone >= ?1)`,
      )
      .run(keep)
    return
  }
  // One that has lost a part has perhaps missed changes since.
  connection.exec(
    DROP +
      Object.values(PARTS)
        .map((text) => `create ${text};`)
        .join('\n'),
  )
  connection
    .statement(
      'insert into kv_history_state(id, keep, revision, time) select 1, ?, coalesce(max(revision), 0), ? from kv_store',
    )
    .run(keep, now)
}

/** Triggers first: one without its table would fail every write. */
const DROP = Object.values(PARTS)
  .toReversed()
  .map((text) => text.split(/[ (]/, 2) as [string, string])
  .map(([type, name]) => `drop ${type} if exists ${name};`)
  .join('')

/** Takes the history away, also a damaged one; returns how many values it had. Within a write transaction. */
export function dropHistory(connection: Connection): number {
  const values = hasPart(connection, 'kv_history')
    ? (connection.statement('select count(value) from kv_history').get() as [number])[0]
    : 0
  connection.exec(DROP)
  return values
}

/** The names of the parts that are missing of a history that is there. */
export function missingHistory(connection: Connection): string[] {
  const names = new Set((connection.statement('select name from sqlite_schema').all() as [string][]).map(([it]) => it))
  const parts = Object.keys(PARTS)
  return parts.some((name) => names.has(name)) ? parts.filter((name) => !names.has(name)) : []
}

function hasPart(connection: Connection, name: string): boolean {
  return connection.statement('select 1 from sqlite_schema where name = ?').get(name) !== undefined
}
