import { BOUND_PARTS, RECOUNT } from '../bound/bound.ts'
import { LAYOUTS } from '../format/header.ts'
import { type Layout, layoutSql } from '../layout/layout.ts'
import type { Connection } from './connection.ts'

/** In a mark: the random bits, and the one of a commit that kv made. As texts, for they are no numbers of JavaScript. */
const [RANDOM_BITS, OWN_BIT] = ['4611686018425290752', '4611686018427387904']

/**
 * A mark of a commit that kv made: 41 random bits, then 20 of the schema's version, which says how the file is laid
 * out, above the one that says whether it waited for the disk.
 */
function ownMark(isSynced: boolean): string {
  const layout = `(select schema_version & ${LAYOUTS - 1} from pragma_schema_version) << 1`
  return `(random() & ${RANDOM_BITS}) | (${layout}) | ${OWN_BIT} | ${isSynced ? 1 : 0}`
}

/** Statements that make the tables of an empty store, in a layout. */
export function schemaSql(layout: Layout): string {
  return `${layoutSql(layout)} insert into kv_store(id, revision, mark) values (1, 0, ${ownMark(true)});`
}

/** Marks a copy with a commit of its own, so that no log of the original is taken for the copy's. */
export const MARK_COPY = `update kv_store set mark_before = mark, mark = ${ownMark(true)}`

/** Gives a store of an older kv what marks need. */
export const ADD_MARKS =
  'alter table kv_store add column mark integer; alter table kv_store add column mark_before integer;'

const MARK_UNSYNCED = `update kv_store set mark_before = mark, mark = ${ownMark(false)}`

/** Marks a commit. Within a write transaction, before it changes the schema. */
export function markCommit(connection: Connection): void {
  connection.exec(connection.isSynced ? MARK_COPY : MARK_UNSYNCED)
}

/** The same mark, with the bits of the layout and of the disk in `?1`: to ask for them here would prepare a pragma each time. */
const MARK_AND_COUNT = `update kv_store set mark_before = mark,
  mark = (random() & ${RANDOM_BITS}) | ?1 | ${OWN_BIT}, revision = ?2`

/** Marks a commit, and keeps the revision counter. `schemaVersion` is that from before the commit. */
export function markWrite(connection: Connection, revision: number, schemaVersion: number): void {
  const bits = (schemaVersion & (LAYOUTS - 1)) * 2 + (connection.isSynced ? 1 : 0)
  connection.statement(MARK_AND_COUNT).run(bits, revision)
}

/** Expired entries removed at a time, so that no write pays for a flood of them. */
const SWEEP_ROWS = 1000

/** Removes some of the entries that have expired by `now`, `least` or all where there are so many. Within a write transaction. */
export function removeExpired(connection: Connection, now: number, least = 0): void {
  // Asked first: the delete costs ten times as much, also where nothing has expired.
  if (connection.statement('select 1 from kv where expires <= ?').get(now) === undefined) return
  sweepExpired(connection, now, least)
}

/** The same where it is known that some have. */
export function sweepExpired(connection: Connection, now: number, least = 0): void {
  connection.statement(connection.layout.sweep).run(now, Math.max(SWEEP_ROWS, least))
}

/** The missing tables, indexes and triggers by name, and `row of kv_store`; columns of newer stores do not count. */
export function missingParts(connection: Connection): string[] {
  const names = new Set(
    (connection.statement('select name from sqlite_schema').all() as [string][]).map(([name]) => name),
  )
  const { tables, parts } = connection.layout
  // A store of an older kv, which has no marks, lacks some triggers and gets them with its next write.
  const isOld = names.has('kv_store') && !hasMarks(connection)
  const needed = isOld
    ? ['kv', 'kv_store', 'kv_expires', 'kv_foreign_update']
    : [...Object.keys(tables), ...Object.keys(parts)]
  const missing = needed.filter((name) => !names.has(name))
  if (names.has('kv_bound')) missing.push(...Object.keys(BOUND_PARTS).filter((name) => !names.has(name)))
  if (!names.has('kv_store')) return missing
  if (connection.statement('select 1 from kv_store').get() === undefined) missing.push('row of kv_store')
  return missing
}

/** Whether the commits of the store are marked; an older kv did not. */
export function hasMarks(connection: Connection): boolean {
  return hasColumn(connection, 'kv_store', 'mark_before')
}

/** Whether a table has a column; false for one that is not there. */
export function hasColumn(connection: Connection, table: string, column: string): boolean {
  return connection.statement('select 1 from pragma_table_info(?) where name = ?').get(table, column) !== undefined
}

/** Whether everything that writes rely on is there and of this version. */
function isCurrent(connection: Connection): boolean {
  const texts = new Map(connection.statement('select name, sql from sqlite_schema').all() as [string, string][])
  return (
    missingParts(connection).length === 0 &&
    hasMarks(connection) &&
    Object.entries({ ...connection.layout.parts, ...(texts.has('kv_bound') && BOUND_PARTS) }).every(
      ([name, text]) =>
        isIndex(text) ||
        texts.get(name)?.slice('create '.length) === text.replace(/^\w+/, (type) => type.toUpperCase()),
    )
  )
}

/**
 * Before the first write of a connection: adds what an older version or damage has left out of the schema, in a
 * transaction of its own. Throws what the engine throws when another connection holds the lock.
 */
export function prepareForWriting(connection: Connection): void {
  connection.once('schema', () => {
    if (isCurrent(connection)) return
    connection.exec('begin immediate')
    try {
      if (!isCurrent(connection)) bringUpToDate(connection)
      connection.exec('commit')
    } catch (error) {
      connection.rollback()
      throw error
    }
  })
}

function bringUpToDate(connection: Connection): void {
  const missing = missingParts(connection)
  const mayMark = hasMarks(connection) && !missing.includes('row of kv_store')
  if (mayMark) markCommit(connection)
  const { table, tables, parts } = connection.layout
  for (const [name, text] of Object.entries(tables))
    if (name !== table && missing.includes(name)) connection.exec(`create ${text}`)
  if (!hasMarks(connection)) connection.exec(ADD_MARKS)
  makeAnew(connection, parts)
  connection.exec(
    'insert or ignore into kv_store(id, revision) select 1, coalesce(max(revision), 0) from kv where not exists (select 1 from kv_store)',
  )
  if (!mayMark) markCommit(connection)
  if (!connection.isBounded) return
  makeAnew(connection, BOUND_PARTS)
  connection.exec(RECOUNT)
}

/** Makes views and triggers anew, whether they are there or not, and indexes that are missing. */
function makeAnew(connection: Connection, parts: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(parts).toReversed())
    if (!isIndex(text)) connection.exec(`drop ${text.slice(0, text.indexOf(' '))} if exists ${name}`)
  for (const text of Object.values(parts))
    connection.exec(isIndex(text) ? text.replace('index', 'create index if not exists') : `create ${text}`)
}

/** An index is as it was made, or missing. */
function isIndex(part: string): boolean {
  return part.startsWith('index ')
}
