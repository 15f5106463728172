import type { Connection } from '../file/connection.ts'
import type { Layout } from '../layout/layout.ts'
import { ROWS } from '../layout/rows.ts'
import { CLUSTERED_TRIGGERS } from './clustered-triggers.ts'
import { hasHistory } from './note-write.ts'
import { REPLACED_TABLE, ROWS_TRIGGERS } from './rows-triggers.ts'
import { SHARED_TRIGGERS } from './shared-triggers.ts'

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
}

/** All parts by their names, of a store in a layout. */
export function historyParts(layout: Layout): Readonly<Record<string, string>> {
  return layout === ROWS
    ? { ...TABLES, kv_history_replaced: REPLACED_TABLE, ...SHARED_TRIGGERS, ...ROWS_TRIGGERS }
    : { ...TABLES, ...SHARED_TRIGGERS, ...CLUSTERED_TRIGGERS }
}

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
      Object.values(historyParts(connection.layout))
        .map((text) => `create ${text};`)
        .join('\n'),
  )
  connection
    .statement(
      'insert into kv_history_state(id, keep, revision, time) select 1, ?, coalesce(max(revision), 0), ? from kv_store',
    )
    .run(keep, now)
}

/** Triggers first: one without its table would fail every write. The parts of a layout of rows have all names. */
const DROP = Object.values(historyParts(ROWS))
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
  const parts = Object.keys(historyParts(connection.layout))
  return parts.some((name) => names.has(name)) ? parts.filter((name) => !names.has(name)) : []
}

function hasPart(connection: Connection, name: string): boolean {
  return connection.statement('select 1 from sqlite_schema where name = ?').get(name) !== undefined
}
