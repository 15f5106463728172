import { closeSync, openSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Compacted } from '../../../store/driver/care.ts'
import { removeAbandoned, removeTemporary } from '../file/create.ts'
import { SQLITE, damagedRow, resultCode } from '../engine/result-codes.ts'
import type { StoreFile } from '../file/store-file.ts'
import { sizeOf } from '../format/read-file.ts'
import { temporaryName } from '../format/temporary-names.ts'
import { noStore } from './backup.ts'
import { rebuildOf } from './rebuild.ts'
import { replaceStore } from './replace-store.ts'
import { runSteps } from './run-steps.ts'

/** Writes the store of `file` anew, see `Care`. */
export async function compact(file: StoreFile, signal: AbortSignal | undefined): Promise<Compacted> {
  const { path } = file
  // Damage is told of before anything is done.
  if (file.read(() => true) === undefined) throw noStore(path)
  const folder = dirname(path)
  const [temporary, spare] = [join(folder, temporaryName()), join(folder, temporaryName())]
  const bytesBefore = sizeOf(path) + sizeOf(`${path}-wal`)
  let result: Compacted | undefined
  try {
    await replaceStore(file, false, signal, async (lock) => {
      if (lock === undefined) throw noStore(path)
      removeAbandoned(folder)
      // With the rights of nobody else until it is in place.
      for (const made of [temporary, spare]) closeSync(openSync(made, 'wx', 0o600))
      const { steps, layout } = rebuildOf(lock, path, temporary, spare)
      await runSteps(steps, signal).catch((error: unknown) => {
        throw resultCode(error) === SQLITE.CONSTRAINT ? damagedRow(String((error as Error).message)) : error
      })
      result = {
        bytesBefore,
        bytes: sizeOf(temporary),
        formatBefore: lock.layout.format,
        format: layout.format,
      }
      return temporary
    })
  } finally {
    removeTemporary(temporary)
    removeTemporary(spare)
  }
  return result!
}
