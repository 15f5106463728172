import { exitWithoutClosing } from '../../../process/exit-now.ts'
import type { DatabaseSync } from '../engine/engine.ts'

const keptOpen: DatabaseSync[] = []

/** Never closes the connection to a file that was written over, not even at exit: SQLite would checkpoint the log. */
export function keepOpen(database: DatabaseSync): void {
  if (keptOpen.length === 0) exitWithoutClosing()
  keptOpen.push(database)
}
