/** What every write has to know of the log of changes (change-log.ts): whether there is one, and how it goes. */
import type { Connection } from '../file/connection.ts'

/** Triggers first: one without its table would fail every write. */
const DROP =
  ['replace', 'replaced', 'insert', 'update', 'delete']
    .map((name) => `drop trigger if exists kv_log_${name};`)
    .join('') +
  ['kv_replaced', 'kv_change', 'kv_watcher', 'kv_log'].map((name) => `drop table if exists ${name};`).join('')

/** Whether the file has a log, whole or not. */
export function hasLog(connection: Connection): boolean {
  return connection.statement(`select 1 from sqlite_schema where name = 'kv_watcher'`).get() !== undefined
}

/** Takes away a log whose watchers are all gone, such as those that were killed. Within a write transaction. */
export function dropIfUnwatched(connection: Connection, now: number): void {
  const watched = connection.statement('select 1 from kv_watcher where until > ?').get(Math.floor(now / 1000))
  if (watched === undefined) connection.exec(DROP)
}
