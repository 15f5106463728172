/** What every write has to know of a history (tables.ts): whether there is one, and what its triggers cannot tell. */
import type { Connection } from '../file/connection.ts'

/** Whether the file keeps a history. */
export function hasHistory(connection: Connection): boolean {
  return connection.statement(`select 1 from sqlite_schema where name = 'kv_history_state'`).get() !== undefined
}

/** What {@link hasHistory} told of a connection at a version of the schema. */
const known = new WeakMap<Connection, { readonly schemaVersion: number; readonly keeps: boolean }>()

/** The same within a transaction that sees this version of the schema; asked once for each. */
export function keepsHistory(connection: Connection, schemaVersion: number): boolean {
  let told = known.get(connection)
  if (told?.schemaVersion !== schemaVersion)
    known.set(connection, (told = { schemaVersion, keeps: hasHistory(connection) }))
  return told.keeps
}

/** Tells a history the time of the changes that follow, and the revision that they get. Within a write transaction. */
export function noteWrite(connection: Connection, now: number, revision: number): void {
  connection.statement('update kv_history_state set now = ?, writing = ?').run(now, revision)
}

/** Ends that, before the commit. */
export function endWrite(connection: Connection): void {
  connection.exec('update kv_history_state set now = null, writing = null')
}

/** Runs a step whose changes are of this time. Within a write transaction. */
export function changingAt(connection: Connection, now: number, step: () => void): void {
  const isKept = hasHistory(connection)
  if (isKept) connection.statement('update kv_history_state set now = ?').run(now)
  step()
  if (isKept) endWrite(connection)
}
