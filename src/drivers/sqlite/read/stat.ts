import type { Stat } from '../../../store/driver/driver.ts'
import { boundOf } from '../bound/bound.ts'
import type { Connection } from '../file/connection.ts'
import { sqliteEngine } from '../engine/engine.ts'
import { sizeOf } from '../format/read-file.ts'
import { hasHistory } from '../history/note-write.ts'
import { historySize } from '../history/size.ts'
import { otherUsers } from '../locks/lock-holder.ts'

/** Where the store at `path` stands; entries that have expired by `now` do not count. */
export function statStore(connection: Connection, path: string, now: number): Stat {
  const [entries, expired, expiring, revision, pageSize, pageCount, freePages, sqlite] = connection
    .statement(
      `select (select count(*) from kv), (select count(*) from kv where expires <= ?), (select count(*) from kv where expires > ?),
        (select coalesce(max(revision), 0) from kv_store), (select page_size from pragma_page_size), (select page_count from pragma_page_count),
        (select freelist_count from pragma_freelist_count), sqlite_version()`,
    )
    .get(now, now) as [number, number, number, number, number, number, number, string]
  const bound = boundOf(connection)
  const history = hasHistory(connection) ? historySize(connection) : undefined
  const log = sizeOf(`${path}-wal`)
  const file = sizeOf(path)
  return {
    entries: entries - expired,
    expiring,
    revision,
    sizeBytes: file + log,
    details: {
      file: path,
      file_bytes: file,
      log_bytes: log,
      page_bytes: pageSize,
      pages: pageCount,
      free_pages: freePages,
      unused_bytes: freePages * pageSize,
      ...(process.platform === 'linux' && { open_by: otherUsers(path).join(', ') || 'nobody else' }),
      expired_unremoved: expired,
      ...(bound !== undefined && { max_entries: bound.maxEntries, evicted: bound.evicted }),
      ...(history && { history_keep: history.keep, old_values: history.versions, old_values_bytes: history.bytes }),
      format: connection.layout.format,
      engine: `${sqliteEngine().name}, SQLite ${sqlite}`,
    },
  }
}
