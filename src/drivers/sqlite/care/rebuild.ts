/** How the file of a store is written anew with its entries in key order: as SQL, which may run here or in another process. */
import { statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { RECOUNT, hasBound } from '../bound/bound.ts'
import type { Connection } from '../file/connection.ts'
import { ADD_MARKS, MARK_COPY, hasMarks } from '../file/schema.ts'
import { sizeOf } from '../format/read-file.ts'
import { CLUSTERED } from '../layout/clustered.ts'
import type { Layout } from '../layout/layout.ts'
import { copyEntriesSql } from './copy-entries.ts'
import { isInKeyOrder, isScattered } from './key-order.ts'
import { type Part, convertedParts, isOfKv, layoutAfter, partsOf } from './new-layout.ts'
import type { Step } from './run-steps.ts'

/** Memory for sorting, in KiB. More is slower: it is new to the process, and not in the processor's cache. */
const SORTER_KIB = 8000

/** How a store is written anew. */
export interface Rebuild {
  /** What does it, one after the other. */
  readonly steps: readonly Step[]
  /** The layout that the store has then. */
  readonly layout: Layout
}

/**
 * What writes all of the store at `path`, which the connection keeps others from writing, into `target`, an empty file. It may need
 * `spare`, another, which is of no use afterwards.
 */
export function rebuildOf(connection: Connection, path: string, target: string, spare: string): Rebuild {
  const parts = partsOf(connection)
  const layout = layoutAfter(connection, parts)
  const isOwn = parts.every(isOfKv)
  return {
    layout,
    steps: [
      ...(layout === connection.layout
        ? isOwn && !isInKeyOrder(connection)
          ? copySteps(connection, parts, path, target)
          : [{ file: path, sql: vacuumInto(target) }]
        : isOwn
          ? copySteps(connection, convertedParts(parts, connection.layout, layout), path, target)
          : conversionSteps(connection, parts, layout, path, target, spare)),
      { file: target, sql: 'pragma synchronous = off; pragma journal_mode = wal' },
      ...(layout !== connection.layout || hasMarks(connection)
        ? [{ file: target, sql: `pragma synchronous = off; ${MARK_COPY}` }]
        : []),
      ...(hasBound(connection) ? [{ file: target, sql: `pragma synchronous = off; ${RECOUNT}` }] : []),
    ],
  }
}

/** Copies all tables of kv to `parts`: tables with all rows first; then what would slow their copying, or must not run meanwhile. */
function copySteps(connection: Connection, parts: readonly Part[], path: string, target: string): Step[] {
  const { layout } = connection
  const to = parts.some(([type, name]) => type === 'table' && name === CLUSTERED.table) ? CLUSTERED : layout
  const tables = parts.filter(([type]) => type === 'table')
  const others = parts.filter(([type]) => type !== 'table')
  // An index on what no entry has costs nothing while they are copied, and a pass over all of them afterwards.
  const first = hasExpiring(connection) ? [] : others.filter(([, name]) => name === 'kv_expires')
  const [pageSize, application] = connection
    .statement('select page_size, application_id from pragma_page_size, pragma_application_id')
    .get() as [number, number]
  // `kv_conflict` is empty, and so is what a new layout adds.
  const copied = tables.filter(([, name]) => !(name in to.tables) || name === 'kv_store')
  return [
    {
      file: target,
      sql: `pragma page_size = ${pageSize}; ${unsynced('main')} begin; pragma application_id = ${application};
        pragma user_version = ${to.format}; ${createSql([...tables, ...first])} commit`,
    },
    {
      file: path,
      sql: `attach ${quoted(target)} as sorted; ${unsynced('sorted')} ${sortingIn(connection, path)} begin;
        ${copyEntriesSql(layout, to, 'temp.entries', 'sorted')};
        ${copied.map(([, name]) => copyOf(connection, name)).join('\n')} commit; detach sorted`,
      // It holds for every connection of the process.
      cleanUp: `pragma temp_store_directory = ''`,
    },
    {
      file: target,
      sql: `${unsynced('main')} begin; ${createSql(others.filter((part) => !first.includes(part)))} commit`,
    },
  ]
}

/**
 * Changes the layout where tables of other programs are to stay, which only SQLite can copy, whatever they are: in a copy, of
 * which another is made without what then is unused.
 */
function conversionSteps(
  connection: Connection,
  parts: readonly Part[],
  to: Layout,
  path: string,
  target: string,
  spare: string,
): Step[] {
  const from = connection.layout
  const converted = convertedParts(parts, from, to)
  const isTable = ([type]: Part): boolean => type === 'table'
  const isAmong = (list: readonly Part[], part: Part): boolean =>
    isTable(part) && list.some(([type, name]) => type === part[0] && name === part[1])
  const gone = parts.filter((part) => isOfKv(part) && part[1] !== from.table && !isAmong(converted, part))
  const made = converted.filter((part) => !isAmong(parts, part))
  return [
    { file: path, sql: vacuumInto(spare) },
    {
      file: spare,
      sql: `pragma foreign_keys = off; ${unsynced('main')} begin;
        ${gone
          .toReversed()
          .map(([type, name]) => `drop ${type} if exists ${name};`)
          .join('\n')}
        ${createSql(made.filter(isTable))}
        ${copyEntriesSql(from, to, from.inKeyOrder, 'main')};
        drop table ${from.table}; ${hasMarks(connection) ? '' : ADD_MARKS}
        ${createSql(made.filter((part) => !isTable(part)))}
        pragma user_version = ${to.format}; commit`,
    },
    { file: spare, sql: vacuumInto(target) },
  ]
}

function vacuumInto(file: string): string {
  return `pragma synchronous = off; vacuum into ${quoted(file)}`
}

function unsynced(database: string): string {
  return `pragma ${database}.journal_mode = off; pragma ${database}.synchronous = off;`
}

function createSql(parts: readonly Part[]): string {
  return parts.map(([, , sql]) => `${sql};`).join('\n')
}

/** Copies a table to one that may have more columns; nothing where it is new. */
function copyOf(connection: Connection, table: string): string {
  const columns = connection.statement('select name from pragma_table_info(?)').all(table) as [string][]
  const list = columns.map(([name]) => name).join(', ')
  return list === '' ? '' : `insert into sorted.${table}(${list}) select ${list} from main.${table};`
}

/**
 * Makes the view `temp.entries`, read in key order; or, where neighbours by key lie far apart, as it lies, to be sorted in
 * files. These are beside the store, since a folder for temporary files may be small, and have no name.
 */
function sortingIn(connection: Connection, path: string): string {
  const view = (from: string): string => `create temp view entries as select * from main.${from};`
  if (connection.layout === CLUSTERED) return `pragma cache_size = -16384; ${view('kv_entry')}`
  const folder = dirname(path)
  const isSorted = isScattered(connection) && hasRoom(folder, 2 * sizeOf(path))
  if (!isSorted) return `pragma cache_size = -16384; ${view(connection.layout.inKeyOrder)}`
  return `pragma cache_size = -${SORTER_KIB}; pragma temp_store_directory = ${quoted(folder)}; ${view('kv not indexed')}`
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
