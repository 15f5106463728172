import { rmSync } from 'node:fs'
import { holdsWriteLock } from '../locks/lock-holder.ts'
import { fileId } from '../locks/posix-locks.ts'
import type { Connection } from './connection.ts'

/**
 * Closes a connection whose file has lost its name. Its log is moved into that file and removed, unless others still
 * need it: the file that has the name now needs its own. SQLite does not remove the log of a file that was moved
 * (`databaseIsUnmoved` in its pager).
 */
export function leave(connection: Connection, path: string): void {
  if (connection.backfill()) removeLog(connection, path)
  connection.close()
}

/**
 * Removes the log of a file that has lost its name. Only under the write lock of that file: whoever looked at the names
 * without it could remove the log that another process has begun there for the new file, with all that it commits.
 * Without the lock nothing is removed: who has it does so. While the connection is open no other log can have the same
 * inode.
 */
function removeLog(connection: Connection, path: string): void {
  if (connection.log === undefined) return
  const isOurs = (): boolean => fileId(`${path}-wal`) === connection.log
  let isLocked = false
  try {
    connection.exec('begin immediate')
    isLocked = true
  } catch {
    // A long write of this process holds it, or another process does.
    if (!isOurs() || !holdsWriteLock(path)) return
  }
  if (isOurs()) for (const suffix of ['-wal', '-shm']) rmSync(path + suffix, { force: true })
  if (isLocked) connection.rollback()
}
