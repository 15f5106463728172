import { dirname, join } from 'node:path'
import { statSync } from 'node:fs'
import { KvError, usageError } from '../../../errors.ts'
import { formatCount } from '../../../safe-text.ts'
import { kvFor, quoteWord } from '../../../shell-quote.ts'
import type { CheckReport } from '../../../store/driver/driver.ts'
import type { RestoreOptions, Restored } from '../../../store/driver/care.ts'
import { checkStore } from '../check/check.ts'
import { removeAbandoned, removeTemporary } from '../file/create.ts'
import { StoreFile } from '../file/store-file.ts'
import { temporaryName } from '../format/temporary-names.ts'
import { idOf } from '../locks/posix-locks.ts'
import { SnapshotPool } from '../read/snapshot-pool.ts'
import { noStore, fileOf } from './backup.ts'
import { copyStore, toCopyError } from './copy-file.ts'
import { isStore } from './destination.ts'
import { replaceStore } from './replace-store.ts'

/** Puts a copy of the store at `source` in the place of `file`, see `Care`. */
export async function restore(
  file: StoreFile,
  source: string,
  { keep = true, ...options }: RestoreOptions,
): Promise<Restored> {
  const { path } = file
  const from = fileOf(source)
  refuseOthers(path, from)
  const temporary = join(dirname(path), temporaryName())
  const backup = new StoreFile(from, { ...file.options, makeFolder: false })
  const snapshots = new SnapshotPool(backup)
  try {
    const copied = await snapshots.result(undefined, async (connection) => {
      // The same snapshot is copied that was checked, or a later one.
      const report = await checkStore(connection, from, { signal: options.signal })
      refuseDamaged(from, report)
      try {
        removeAbandoned(dirname(path))
        return {
          ...(await copyStore(connection, from, temporary, options)),
          entries: report.checked + report.unchecked,
        }
      } catch (error) {
        throw toCopyError(error, from, path)
      }
    })
    if (copied === undefined) throw noStore(from)
    return { ...copied, kept: await replaceStore(file, keep, options.signal, () => temporary) }
  } finally {
    snapshots.close()
    backup.close()
    removeTemporary(temporary)
  }
}

/** Throws `KV_FOREIGN` when no store is in the place of one, and `KV_USAGE` when it is its own backup. */
function refuseOthers(path: string, from: string): void {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat === undefined) return
  const other = statSync(from, { throwIfNoEntry: false })
  if (other !== undefined && idOf(other) === idOf(stat)) throw usageError(`${from} is the store itself`)
  if (!isStore(path, stat))
    throw new KvError('KV_FOREIGN', `${path} is not a kv store`, {
      hint: `it was left as it is; give another path with --store, or move it away: mv ${quoteWord(path)} ${quoteWord(`${path}.damaged`)}`,
    })
}

function refuseDamaged(from: string, { damagedKeys, problems }: CheckReport): void {
  if (damagedKeys.length + problems.length === 0) return
  const what = [
    formatCount(damagedKeys.length, 'damaged entry', 'damaged entries'),
    formatCount(problems.length, 'structural problem'),
  ].join(', ')
  throw new KvError('KV_CORRUPT', `${from} is damaged, and was not put in place: ${what}`, {
    hint: `see what is damaged with: ${kvFor(from)} check`,
  })
}
