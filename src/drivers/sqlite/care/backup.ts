import { dirname, join } from 'node:path'
import { KvError, usageError } from '../../../errors.ts'
import { quoteWord } from '../../../shell-quote.ts'
import type { BackupOptions, Copied } from '../../../store/driver/care.ts'
import { absolutePath, parseLocation } from '../../location.ts'
import { removeAbandoned, removeTemporary } from '../file/create.ts'
import { withoutLinks } from '../file/inspect.ts'
import { placeFile, replaceFile } from '../file/place-file.ts'
import type { StoreFile } from '../file/store-file.ts'
import { temporaryName } from '../format/temporary-names.ts'
import type { SnapshotPool } from '../read/snapshot-pool.ts'
import { copyStore, toCopyError } from './copy-file.ts'
import { checkDestination } from './destination.ts'

/** Copies the store of `file` to `destination`, see `Care`. */
export async function backup(
  file: StoreFile,
  snapshots: SnapshotPool,
  destination: string,
  { force = false, ...options }: BackupOptions,
): Promise<Copied> {
  const to = fileOf(destination)
  const isTaken = checkDestination(file.path, to, force)
  const temporary = join(dirname(to), temporaryName())
  const copied = await snapshots.result(undefined, async (connection) => {
    try {
      removeAbandoned(dirname(to))
      const result = await copyStore(connection, file.path, temporary, options)
      if (isTaken) replaceFile(temporary, to)
      else if (!placeFile(temporary, to)) throw usageError(`${to} has been made meanwhile`)
      return result
    } catch (error) {
      throw toCopyError(error, file.path, to)
    } finally {
      removeTemporary(temporary)
    }
  })
  if (copied === undefined) throw noStore(file.path)
  return copied
}

/** The path of a file that a user named. Throws `KV_USAGE` for a location that is none. */
export function fileOf(location: string): string {
  const { path } = parseLocation(location)
  if (path !== undefined) return withoutLinks(absolutePath(path))
  throw usageError(`${location} is no file`, `entries are copied there with: kv copy STORE ${quoteWord(location)}`)
}

/** For what needs a store that is there. */
export function noStore(path: string): KvError {
  return new KvError('KV_UNAVAILABLE', `there is no store at ${path}`, {
    hint: 'is it the right name, and the disk mounted? The first put makes a store',
  })
}
