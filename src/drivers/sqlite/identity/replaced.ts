/** What a process does when the file it has open no longer bears its name. */
import { rmSync } from 'node:fs'
import type { Connection } from '../file/connection.ts'
import { refuseLostLog } from './lost-log.ts'
import { fileId } from '../locks/posix-locks.ts'

/**
 * Whether the file of a connection no longer is the one called `path`: another was put in its place, or it is gone with
 * its log. Throws `KV_CORRUPT` as long as it is gone and its log still holds writes, as everybody else is told.
 */
export function hasLost(connection: Connection, path: string): boolean {
  const file = fileId(path)
  if (file === connection.file) return false
  if (file !== undefined) return true
  // It may have another name by now, under which all that was written must be found.
  connection.backfill()
  refuseLostLog(path)
  return true
}

/**
 * Closes a connection whose file has lost its name. What its log holds is moved into that file, wherever it is; then
 * the names of the log and its index are free for the file that has the name now. A log that others still need stays.
 *
 * SQLite itself leaves alone what bears the names when it closes a file that was moved (`databaseIsUnmoved` in its
 * pager).
 */
export function leaveFile(connection: Connection, path: string): void {
  const isWhole = connection.backfill()
  connection.close()
  if (!isWhole || connection.log === undefined || fileId(`${path}-wal`) !== connection.log) return
  for (const suffix of ['-wal', '-shm']) rmSync(path + suffix, { force: true })
}
