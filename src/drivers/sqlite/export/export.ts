import { availableParallelism } from 'node:os'
import type { RangeQuery } from '../../../store/driver.ts'
import type { Entry } from '../../../store/entry.ts'
import type { StoreFile } from '../file/store-file.ts'
import type { SnapshotPool } from '../read/snapshot-pool.ts'
import { startExportThread } from './export-thread.ts'
import { jsonLines } from './json-lines.ts'

/**
 * A forward range of one snapshot as JSON Lines text and entries mixed; with `parallel` a thread helps with a long one.
 * Throws `KvError`s.
 */
export function exportLines(
  file: StoreFile,
  snapshots: SnapshotPool,
  query: RangeQuery,
  now: number,
  parallel: boolean,
): AsyncGenerator<Uint8Array | Entry[], void, void> {
  return snapshots.items((connection) => {
    if (!parallel) return jsonLines(connection, query, now)
    // Before the snapshot is taken: the thread takes its own, which is the same if nothing was committed in between.
    const unchanged = availableParallelism() > 1 ? file.unchangedSince() : undefined
    return jsonLines(connection, query, now, {
      startThread: unchanged && (() => startExportThread(file.path, file.options, unchanged)),
    })
  })
}
