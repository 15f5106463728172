import { BOUND_PARTS, RECOUNT } from '../bound/bound.ts'
import type { Connection } from './connection.ts'
import { LAYOUTS } from '../format/header.ts'

/**
 * A mark of a commit that kv made: 41 random bits, then 20 of the schema's version, which says how the file is laid
 * out, above the one that says whether it waited for the disk.
 */
function ownMark(isSynced: boolean): string {
  const layout = `(select schema_version & ${LAYOUTS - 1} from pragma_schema_version) << 1`
  return `(random() & 4611686018425290752) | (${layout}) | ${isSynced ? '4611686018427387905' : '4611686018427387904'}`
}

/** A mark that a trigger gives: negative, so that it is known as another tool's. */
const FOREIGN_MARK = '(random() & 4611686018427387903) - 9223372036854775807 - 1'

const STORE_TABLE = `kv_store(
  id integer primary key check (id = 1),
  revision integer not null,
  mark integer,
  mark_before integer
) strict`

/**
 * Whether an update is another tool's: kv changes the revision or at least the checksum. Does not compare the values:
 * the engine would read the old one for each update, however long.
 */
export const IS_FOREIGN_UPDATE = 'new.revision is old.revision and new.checksum is old.checksum'

/** Whether an insert is another tool's, which knows nothing of revisions. */
export const IS_FOREIGN_INSERT = 'new.revision = 0'

/**
 * Views and triggers by their names. Another tool's writes get the next revision too, and a mark; several of its
 * statements may be one commit, so they all keep the last mark before them that kv made. The checksum of a row it has
 * changed is cleared, so that `check` reports no false damage. What the triggers on `kv` do is behind a view, because
 * the engine prepares all of a trigger for each row, also of kv's own writes, before it looks at the condition.
 */
const FOREIGN: Readonly<Record<string, string>> = {
  kv_foreign: 'view kv_foreign as select 0 as id',
  kv_foreign_write: `trigger kv_foreign_write instead of insert on kv_foreign begin
  update kv_store set revision = revision + 1, mark_before = iif(mark < 0, mark_before, mark), mark = ${FOREIGN_MARK};
  update kv set revision = coalesce((select revision from kv_store), revision), checksum = null where id = new.id;
end`,
  kv_foreign_insert: `trigger kv_foreign_insert after insert on kv when ${IS_FOREIGN_INSERT} begin
  select raise(abort, 'kv: the empty key is no key') where new.key = x'';
  insert into kv_foreign values (new.id);
end`,
  kv_foreign_update: `trigger kv_foreign_update after update of key, value, expires on kv when ${IS_FOREIGN_UPDATE} begin
  select raise(abort, 'kv: the empty key is no key') where new.key = x'';
  insert into kv_foreign values (new.id);
end`,
}

const INDEX = 'kv_expires on kv(expires) where expires is not null'

/**
 * A table with a row id and a unique index on the key, not WITHOUT ROWID: values of a kilobyte and
 * more would sit inside the search tree there. `value` comes last, so that the other columns are
 * read without walking a long value. `checksum` is that of src/blocks/checksum.ts, or null in a row another tool wrote.
 *
 * Each commit gives the row of `kv_store` a new random `mark` and keeps the one before it: by these a log is
 * known to go on from the state of the file, see log-owner.ts.
 */
export const SCHEMA = `
create table kv(
  id integer primary key,
  key blob not null unique,
  revision integer not null default 0,
  expires integer,
  checksum integer,
  value blob not null
) strict;
create index ${INDEX};
create table ${STORE_TABLE};
insert into kv_store(id, revision, mark) values (1, 0, ${ownMark(true)});
${Object.values(FOREIGN)
  .map((text) => `create ${text};`)
  .join('\n')}
`

/** Marks a copy with a commit of its own, so that no log of the original is taken for the copy's. */
export const MARK_COPY = `update kv_store set mark_before = mark, mark = ${ownMark(true)}`

/** Texts made once: one put together for each commit takes longer to look up than to run. */
const MARK_UNSYNCED = `update kv_store set mark_before = mark, mark = ${ownMark(false)}`
const [MARK_AND_COUNT, MARK_AND_COUNT_UNSYNCED] = [`${MARK_COPY}, revision = ?`, `${MARK_UNSYNCED}, revision = ?`]

/** Keeps the revision counter, and marks the commit. Within a write transaction, before it changes the schema. */
export function markCommit(connection: Connection, revision?: number): void {
  const { isSynced } = connection
  if (revision === undefined) connection.exec(isSynced ? MARK_COPY : MARK_UNSYNCED)
  else connection.statement(isSynced ? MARK_AND_COUNT : MARK_AND_COUNT_UNSYNCED).run(revision)
}

/** Expired entries removed at a time, so that no write pays for a flood of them. */
const SWEEP_ROWS = 1000

/** Removes some of the entries that have expired by `now`, `least` or all where there are so many. Within a write transaction. */
export function removeExpired(connection: Connection, now: number, least = 0): void {
  // Asked first: the delete costs ten times as much, also where nothing has expired.
  if (connection.statement('select 1 from kv where expires <= ?').get(now) === undefined) return
  const rows = Math.max(SWEEP_ROWS, least)
  connection.statement('delete from kv where id in (select id from kv where expires <= ? limit ?)').run(now, rows)
}

/** The missing tables, indexes and triggers by name, and `row of kv_store`; columns of newer stores do not count. */
export function missingParts(connection: Connection): string[] {
  const names = new Set(
    (connection.statement('select name from sqlite_schema').all() as [string][]).map(([name]) => name),
  )
  const missing = ['kv', 'kv_store', 'kv_expires', 'kv_foreign_update'].filter((name) => !names.has(name))
  if (names.has('kv_bound')) missing.push(...Object.keys(BOUND_PARTS).filter((name) => !names.has(name)))
  if (!names.has('kv_store')) return missing
  if (hasMarks(connection))
    missing.push(...Object.keys(FOREIGN).filter((name) => !names.has(name) && !missing.includes(name)))
  if (connection.statement('select 1 from kv_store').get() === undefined) missing.push('row of kv_store')
  return missing
}

function hasMarks(connection: Connection): boolean {
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
    Object.entries({ ...FOREIGN, ...(texts.has('kv_bound') && BOUND_PARTS) }).every(
      ([name, text]) => texts.get(name)?.slice('create '.length) === text.replace(/^\w+/, (type) => type.toUpperCase()),
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
  if (missing.includes('kv_store')) connection.exec(`create table ${STORE_TABLE}`)
  else if (!hasMarks(connection))
    connection.exec('alter table kv_store add column mark integer; alter table kv_store add column mark_before integer')
  connection.exec(`create index if not exists ${INDEX}`)
  makeAnew(connection, FOREIGN)
  connection.exec(
    'insert or ignore into kv_store(id, revision) select 1, coalesce(max(revision), 0) from kv where not exists (select 1 from kv_store)',
  )
  if (!mayMark) markCommit(connection)
  if (!connection.isBounded) return
  makeAnew(connection, BOUND_PARTS)
  connection.exec(RECOUNT)
}

/** Views, triggers and indexes as {@link SCHEMA} has them, whether they are there or not. */
function makeAnew(connection: Connection, parts: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(parts).toReversed())
    connection.exec(`drop ${text.slice(0, text.indexOf(' '))} if exists ${name}`)
  for (const text of Object.values(parts)) connection.exec(`create ${text}`)
}
