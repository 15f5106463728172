import { sqliteEngine } from '../../src/drivers/sqlite/engine/engine.ts'
import { emptyStoreSql } from '../../src/drivers/sqlite/file/create.ts'
import { CLUSTERED } from '../../src/drivers/sqlite/layout/clustered.ts'
import type { Layout } from '../../src/drivers/sqlite/layout/layout.ts'
import { ROWS } from '../../src/drivers/sqlite/layout/rows.ts'

/** The layouts of a file, by the name of their format. */
export const LAYOUTS: readonly (readonly [name: string, layout: Layout])[] = [ROWS, CLUSTERED].map((layout) => [
  `format ${layout.format}`,
  layout,
])

/** Makes an empty store of a layout; returns its path. */
export function emptyStore(path: string, layout: Layout): string {
  const database = new (sqliteEngine().DatabaseSync)(path)
  try {
    database.exec(`pragma synchronous = off; ${emptyStoreSql(undefined, layout)} pragma journal_mode = wal`)
  } finally {
    database.close()
  }
  return path
}

/** The keys of a store as they lie in its file, and those with long values as these do. */
export function laidOut(path: string): string[] {
  const database = new (sqliteEngine().DatabaseSync)(path)
  try {
    const { user_version: format } = database.prepare('pragma user_version').get() as { user_version: number }
    const from = format === ROWS.format ? 'kv order by id' : 'kv_entry order by long, key'
    const rows = database.prepare(`select cast(key as text) as key from ${from}`).all() as { key: string }[]
    return rows.map(({ key }) => key)
  } finally {
    database.close()
  }
}
