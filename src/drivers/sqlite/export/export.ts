import { availableParallelism } from 'node:os'
import type { Block } from '../../../blocks/block.ts'
import type { RangeQuery } from '../../../store/driver/driver.ts'
import type { TextForm } from '../../../store/driver/text-form.ts'
import type { Entry } from '../../../store/driver/entry.ts'
import type { StoreFile } from '../file/store-file.ts'
import type { SnapshotPool } from '../read/snapshot-pool.ts'
import { startExportThread } from './export-thread.ts'
import { startPackingThread } from './packing-thread.ts'
import { rangeBlocks } from './range-blocks.ts'
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
    const unchanged = beforeSnapshot(file)
    return rangeText(connection, query, form, now, {
      startThread: unchanged && (() => startExportThread(file.path, file.options, form, unchanged)),
    })
  })
}

/** A forward range of one snapshot in blocks; a thread reads a long one ahead. Throws `KvError`s. */
export function exportBlocks(
  file: StoreFile,
  snapshots: SnapshotPool,
  query: RangeQuery,
  now: number,
): AsyncGenerator<Block, void, void> {
  return snapshots.items((connection) => {
    const unchanged = beforeSnapshot(file)
    return rangeBlocks(
      connection,
      query,
      now,
      unchanged && (() => startPackingThread(file.path, file.options, unchanged)),
    )
  })
}

/**
 * Before a snapshot is taken, what tells whether nothing was committed since, so that a thread that takes its own then has the same;
 * `undefined` where a thread does not pay.
 */
function beforeSnapshot(file: StoreFile): (() => boolean) | undefined {
  return availableParallelism() > 1 ? file.unchangedSince() : undefined
}
