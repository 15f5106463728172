import { isBusy } from '../engine/result-codes.ts'
import { retryLaterWhileBusy } from '../locks/lock-wait.ts'
import type { Connection } from './connection.ts'
import { markCommit, prepareForWriting } from './schema.ts'

/** Begins a write transaction. Throws what the engine throws when another connection holds the lock. */
export function beginWrite(connection: Connection): void {
  connection.moment.release()
  prepareForWriting(connection)
  connection.exec('begin immediate')
}

/** Runs a step in a write transaction of its own; false, and nothing is done, when the lock is taken. */
export function writeIfFree(connection: Connection, step: () => void): boolean {
  try {
    beginWrite(connection)
  } catch (error) {
    if (isBusy(error)) return false
    throw error
  }
  transact(connection, step)
  return true
}

/** The same once the lock is free. Throws as {@link retryLaterWhileBusy}. */
export async function writeWhenFree<T>(
  connection: Connection,
  timeoutMs: number,
  step: () => T,
  isOver?: () => boolean,
): Promise<T> {
  await retryLaterWhileBusy(timeoutMs, () => beginWrite(connection), isOver)
  return transact(connection, step)
}

function transact<T>(connection: Connection, step: () => T): T {
  try {
    markCommit(connection)
    const result = step()
    connection.commit()
    return result
  } catch (error) {
    connection.rollback()
    throw error
  }
}
