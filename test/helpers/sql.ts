import { sqliteEngine } from '../../src/drivers/sqlite/engine/engine.ts'

/** Runs SQL on a store's file with the engine itself, as another tool would. */
export function sql(path: string, statement: string): void {
  const connection = new (sqliteEngine().DatabaseSync)(path)
  try {
    connection.exec(statement)
  } finally {
    connection.close()
  }
}
