import { availableParallelism } from 'node:os'
import type { RangeQuery, TextForm } from '../../../store/driver/driver.ts'
import type { Entry } from '../../../store/driver/entry.ts'
import type { StoreFile } from '../file/store-file.ts'
import type { SnapshotPool } from '../read/snapshot-pool.ts'
import { startExportThread } from './export-thread.ts'
import { rangeText } from './range-text.ts'

/**
 * A forward range of one snapshot as text and entries mixed; with `parallel` a thread helps with a long one. Throws
 * `KvError`s.
 */
export function exportText(
  file: StoreFile,
  snapshots: SnapshotPool,
  query: RangeQuery,
  form: TextForm,
  now: number,
  parallel: boolean,
): AsyncGenerator<Uint8Array | Entry[], void, void> {
  return snapshots.items((connection) => {
    if (!parallel) return rangeText(connection, query, form, now)
    // Before the snapshot is taken: the thread takes its own, which is the same if nothing was committed in between.
    const unchanged = availableParallelism() > 1 ? file.unchangedSince() : undefined
    return rangeText(connection, query, form, now, {
      startThread: unchanged && (() => startExportThread(file.path, file.options, form, unchanged)),
    })
  })
}
