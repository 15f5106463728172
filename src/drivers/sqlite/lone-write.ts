import { KvError } from '../../errors.ts'
import type { Database } from './database.ts'
import { isBusy } from './errors.ts'

/** Runs a step in a write transaction of its own; false, and nothing is done, when another connection holds the lock. */
export function writeIfFree(database: Database, step: () => void): boolean {
  if (!begin(database)) return false
  transact(database, step)
  return true
}

/**
 * The same once the lock is free. Throws what the engine throws when it is not within `timeoutMs`, and
 * `KV_INTERRUPTED` as soon as `isOver` says that nobody wants it any more.
 */
export async function writeWhenFree<T>(database: Database, timeoutMs: number, step: () => T, isOver: () => boolean = () => false): Promise<T> {
  const deadline = performance.now() + timeoutMs
  for (let wait = 1; !begin(database, performance.now() >= deadline); wait = Math.min(wait * 2, 25)) {
    await new Promise((resolve) => setTimeout(resolve, wait))
    if (isOver()) throw new KvError('KV_INTERRUPTED', 'interrupted')
  }
  return transact(database, step)
}

function begin(database: Database, mustBegin = false): boolean {
  try {
    database.exec('begin immediate')
    return true
  } catch (error) {
    if (mustBegin || !isBusy(error)) throw error
    return false
  }
}

function transact<T>(database: Database, step: () => T): T {
  try {
    const result = step()
    database.exec('commit')
    return result
  } catch (error) {
    database.rollback()
    throw error
  }
}
