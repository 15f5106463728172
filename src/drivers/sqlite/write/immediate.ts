import type { Database } from '../file/connection.ts'
import { isBusy } from '../file/errors.ts'
import { retryLaterWhileBusy } from '../locks/lock-wait.ts'
import { markCommit, prepareForWriting } from '../file/schema.ts'

/**
 * Runs a step in a write transaction of its own; false, and nothing is done, when another connection holds the lock.
 */
export function writeIfFree(database: Database, step: () => void): boolean {
  try {
    begin(database)
  } catch (error) {
    if (isBusy(error)) return false
    throw error
  }
  transact(database, step)
  return true
}

/**
 * The same once the lock is free. Throws what the engine throws when it is not within `timeoutMs`, and
 * `KV_INTERRUPTED` as soon as `isOver` says that nobody wants it any more.
 */
export async function writeWhenFree<T>(
  database: Database,
  timeoutMs: number,
  step: () => T,
  isOver?: () => boolean,
): Promise<T> {
  await retryLaterWhileBusy(timeoutMs, () => begin(database), isOver)
  return transact(database, step)
}

function begin(database: Database): void {
  prepareForWriting(database)
  database.exec('begin immediate')
}

function transact<T>(database: Database, step: () => T): T {
  try {
    markCommit(database)
    const result = step()
    database.commit()
    return result
  } catch (error) {
    database.rollback()
    throw error
  }
}
