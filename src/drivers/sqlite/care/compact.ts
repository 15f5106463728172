import { closeSync, openSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Compacted } from '../../../store/driver/care.ts'
import { RECOUNT } from '../bound/bound.ts'
import type { Connection } from '../file/connection.ts'
import { removeAbandoned, removeTemporary } from '../file/create.ts'
import { MARK_COPY } from '../file/schema.ts'
import type { StoreFile } from '../file/store-file.ts'
import { sizeOf } from '../format/read-file.ts'
import { temporaryName } from '../format/temporary-names.ts'
import { noStore } from './backup.ts'
import { execWhereThere, withDatabase } from './copy-file.ts'
import { replaceStore } from './replace-store.ts'

/** Places of the file at which it is looked whether entries lie in key order. */
const SAMPLES = 2000

/** Writes the store of `file` anew, see `Care`. */
export async function compact(file: StoreFile, signal: AbortSignal | undefined): Promise<Compacted> {
  const { path } = file
  // Damage is told of before anything is done.
  if (file.read(() => true) === undefined) throw noStore(path)
  const folder = dirname(path)
  const temporary = join(folder, temporaryName())
  const bytesBefore = sizeOf(path) + sizeOf(`${path}-wal`)
  let bytes = 0
  try {
    await replaceStore(file, false, signal, (lock) => {
      if (lock === undefined) throw noStore(path)
      removeAbandoned(folder)
      // With the rights of nobody else until it is in place.
      closeSync(openSync(temporary, 'wx', 0o600))
      if (isInKeyOrder(lock) || !isSortable(lock)) {
        withDatabase(path, (database) => database.exec(`vacuum into ${quoted(temporary)}`))
      } else {
        writeSorted(lock, path, temporary)
      }
      withDatabase(temporary, (database) => {
        database.exec('pragma synchronous = off; pragma journal_mode = wal')
        execWhereThere(database, MARK_COPY)
        execWhereThere(database, RECOUNT)
      })
      bytes = sizeOf(temporary)
      return temporary
    })
  } finally {
    removeTemporary(temporary)
  }
  return { bytesBefore, bytes }
}

/** Whether entries that lie one behind the other in the file are so in key order too, as far as samples tell. */
function isInKeyOrder(connection: Connection): boolean {
  const [first, last] = connection.statement('select min(id), max(id) from kv').get() as [number | null, number]
  if (first === null) return true
  const next = connection.statement('select key from kv where id >= ? order by id limit 1')
  let before: Uint8Array | undefined
  for (let n = 0; n < SAMPLES; n++) {
    const id = first + Math.floor(((last - first) * n) / (SAMPLES - 1))
    const [key] = next.get(id) as [Uint8Array]
    if (before !== undefined && Buffer.compare(before, key) > 0) return false
    before = key
  }
  return true
}

/** A table, index, view or trigger, and the statement that makes it. */
type Part = readonly [type: string, name: string, sql: string]

function partsOf(connection: Connection): Part[] {
  return connection
    .statement('select type, name, sql from sqlite_schema where sql is not null order by rowid')
    .all() as Part[]
}

/** Whether the file has nothing but what kv makes, which can be made again by its statements. */
function isSortable(connection: Connection): boolean {
  return partsOf(connection).every(([, name, sql]) => /^kv(_|$)/.test(name) && !/^create virtual/i.test(sql))
}

/** Writes all tables into a new file, the entries in key order. */
function writeSorted(connection: Connection, path: string, temporary: string): void {
  const parts = partsOf(connection)
  const tables = parts.filter(([type]) => type === 'table')
  const [pageSize, application, version] = connection
    .statement(
      'select page_size, application_id, user_version from pragma_page_size, pragma_application_id, pragma_user_version',
    )
    .get() as [number, number, number]
  withDatabase(temporary, (database) =>
    database.exec(`pragma page_size = ${pageSize}; pragma journal_mode = off; pragma synchronous = off;
      begin; pragma application_id = ${application}; pragma user_version = ${version};
      ${tables.map(([, , sql]) => `${sql};`).join('\n')} commit`),
  )
  // The write lock is another connection's: what this one reads stays as it is.
  withDatabase(path, (database) => {
    database.exec(
      `pragma cache_size = -65536; attach ${quoted(temporary)} as sorted; pragma sorted.journal_mode = off; pragma sorted.synchronous = off; begin`,
    )
    for (const [, name] of tables) database.exec(copyOf(connection, name))
    database.exec('commit; detach sorted')
  })
  const others = parts.filter(([type]) => type !== 'table')
  withDatabase(temporary, (database) =>
    database.exec(`pragma journal_mode = off; pragma synchronous = off;
      begin; ${others.map(([, , sql]) => `${sql};`).join('\n')} commit`),
  )
}

/** Copies a table; entries are numbered anew in key order. */
function copyOf(connection: Connection, table: string): string {
  if (table !== 'kv') return `insert into sorted.${table} select * from main.${table}`
  const columns = (connection.statement(`select name from pragma_table_info('kv')`).all() as [string][])
    .map(([name]) => name)
    .filter((name) => name !== 'id')
    .join(', ')
  return `insert into sorted.kv(${columns}) select ${columns} from main.kv order by key`
}

/** A text of SQL. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
