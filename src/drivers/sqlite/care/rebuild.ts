/** How the file of a store is written anew with its entries in key order: as SQL, which may run here or in another process. */
import { statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { RECOUNT, hasBound } from '../bound/bound.ts'
import type { Connection } from '../file/connection.ts'
import { MARK_COPY, hasColumn } from '../file/schema.ts'
import { sizeOf } from '../format/read-file.ts'
import type { Step } from './run-steps.ts'

/** Places of the file at which it is looked whether entries lie in key order. Each reads a page. */
const SAMPLES = 256

/** Neighbours by key that are looked at together, at so many places, to see how far apart they lie. */
const NEIGHBOURS = 2000
const PLACES = 4

/** How often a page is read at most, rather than to sort: that writes and reads everything once more. */
const MOST_READS = 4

/** Memory for sorting, in KiB. More is slower: it is new to the process, and not in the processor's cache. */
const SORTER_KIB = 8000

/** A table, index, view or trigger, and the statement that makes it. */
type Part = readonly [type: string, name: string, sql: string]

/** What writes all of the store at `path`, which the connection keeps others from writing, into `target`, an empty file. */
export function rebuildSteps(connection: Connection, path: string, target: string): Step[] {
  const parts = connection
    .statement('select type, name, sql from sqlite_schema where sql is not null order by rowid')
    .all() as Part[]
  return [
    ...(isInKeyOrder(connection) || !parts.every(isOfKv)
      ? [{ file: path, sql: `pragma synchronous = off; vacuum into ${quoted(target)}` }]
      : sortSteps(connection, parts, path, target)),
    { file: target, sql: 'pragma synchronous = off; pragma journal_mode = wal' },
    ...(hasColumn(connection, 'kv_store', 'mark_before')
      ? [{ file: target, sql: `pragma synchronous = off; ${MARK_COPY}` }]
      : []),
    ...(hasBound(connection) ? [{ file: target, sql: `pragma synchronous = off; ${RECOUNT}` }] : []),
  ]
}

/** Whether kv makes this, so that it can be made again by its statement, and the rows of a table be copied to one. */
function isOfKv([, name, sql]: Part): boolean {
  return /^kv(_|$)/.test(name) && !/^create virtual/i.test(sql)
}

/** Tables with all rows first; then what would slow their copying, or must not run meanwhile. */
function sortSteps(connection: Connection, parts: readonly Part[], path: string, target: string): Step[] {
  const tables = parts.filter(([type]) => type === 'table')
  const others = parts.filter(([type]) => type !== 'table')
  // An index on what no entry has costs nothing while they are copied, and a pass over all of them afterwards.
  const first = hasExpiring(connection) ? [] : others.filter(([, name]) => name === 'kv_expires')
  const statements = (list: readonly Part[]): string => list.map(([, , sql]) => `${sql};`).join('\n')
  const [pageSize, application, version] = connection
    .statement(
      'select page_size, application_id, user_version from pragma_page_size, pragma_application_id, pragma_user_version',
    )
    .get() as [number, number, number]
  const unsynced = (database: string): string =>
    `pragma ${database}.journal_mode = off; pragma ${database}.synchronous = off;`
  return [
    {
      file: target,
      sql: `pragma page_size = ${pageSize}; ${unsynced('main')} begin; pragma application_id = ${application};
        pragma user_version = ${version}; ${statements([...tables, ...first])} commit`,
    },
    {
      file: path,
      sql: `attach ${quoted(target)} as sorted; ${unsynced('sorted')} ${sortingIn(connection, path)} begin;
        ${tables.map(([, name]) => `${copyOf(connection, name)};`).join('\n')} commit; detach sorted`,
      // It holds for every connection of the process.
      cleanUp: `pragma temp_store_directory = ''`,
    },
    {
      file: target,
      sql: `${unsynced('main')} begin; ${statements(others.filter((part) => !first.includes(part)))} commit`,
    },
  ]
}

/** Copies a table; entries are numbered anew in key order. */
function copyOf(connection: Connection, table: string): string {
  if (table !== 'kv') return `insert into sorted.${table} select * from main.${table}`
  const columns = (connection.statement(`select name from pragma_table_info('kv')`).all() as [string][])
    .map(([name]) => name)
    .filter((name) => name !== 'id')
    .join(', ')
  return `insert into sorted.kv(${columns}) select ${columns} from temp.entries order by key`
}

/**
 * Makes the view `temp.entries`, read by the index of keys; or, where neighbours by key lie far apart, as it lies, to be sorted in
 * files. These are beside the store, since a folder for temporary files may be small, and have no name.
 */
function sortingIn(connection: Connection, path: string): string {
  const folder = dirname(path)
  const isSorted = isScattered(connection) && hasRoom(folder, 2 * sizeOf(path))
  const view = (from: string): string => `create temp view entries as select * from main.kv ${from};`
  if (!isSorted) return `pragma cache_size = -16384; ${view('indexed by sqlite_autoindex_kv_1')}`
  return `pragma cache_size = -${SORTER_KIB}; pragma temp_store_directory = ${quoted(folder)}; ${view('not indexed')}`
}

/** Whether entries that lie one behind the other in the file are so in key order too, as far as samples tell. */
function isInKeyOrder(connection: Connection): boolean {
  const [first, last] = idsOf(connection)
  if (first === null) return true
  const next = connection.statement('select key from kv where id >= ? order by id limit 1')
  let before: Uint8Array | undefined
  for (let n = 0; n < SAMPLES; n++) {
    const [key] = next.get(first + Math.floor(((last - first) * n) / (SAMPLES - 1))) as [Uint8Array]
    if (before !== undefined && Buffer.compare(before, key) > 0) return false
    before = key
  }
  return true
}

/** Whether to read entries in key order would read each page of them again and again: a page holds many, and few of them are neighbours by key. */
function isScattered(connection: Connection): boolean {
  const [first, last] = idsOf(connection)
  if (first === null) return false
  const idsFrom = connection.statement(
    'select id from kv where key >= (select key from kv where id >= ? order by id limit 1) order by key limit ?',
  )
  const [pageCount] = connection.statement('select page_count from pragma_page_count').get() as [number]
  const idsOfPage = (last - first + 1) / pageCount
  let entries = 0
  let pages = 0
  for (let n = 0; n < PLACES; n++) {
    const ids = idsFrom.all(first + Math.floor(((last - first) * n) / PLACES), NEIGHBOURS) as [number][]
    entries += ids.length
    pages += new Set(ids.map(([id]) => Math.floor(id / idsOfPage))).size
  }
  return pages * idsOfPage > MOST_READS * entries
}

/** In two queries: one would read all entries. */
function idsOf(connection: Connection): [first: number | null, last: number] {
  return connection.statement('select (select min(id) from kv), (select max(id) from kv)').get() as [
    number | null,
    number,
  ]
}

function hasExpiring(connection: Connection): boolean {
  return connection.statement('select 1 from kv where expires is not null limit 1').get() !== undefined
}

/** Whether a folder has so many bytes to spare; false where that cannot be told. */
function hasRoom(folder: string, bytes: number): boolean {
  try {
    const { bavail, bsize } = statfsSync(folder)
    return bavail * bsize > bytes
  } catch {
    return false
  }
}

/** A text of SQL. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
