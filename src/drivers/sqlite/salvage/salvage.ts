import { type Stats, closeSync, fstatSync, openSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { turn } from '../../../async.ts'
import { KvError, interrupted, usageError } from '../../../errors.ts'
import type { BackupOptions, Salvaged } from '../../../store/driver/care.ts'
import { kvFor } from '../../../shell-quote.ts'
import { RECOUNT, boundSql } from '../bound/bound.ts'
import { emptyStoreSql, removeTemporary } from '../file/create.ts'
import { placeFile, replaceFile } from '../file/place-file.ts'
import { MARK_COPY } from '../file/schema.ts'
import type { StoreFile } from '../file/store-file.ts'
import { openForReading } from '../format/read-file.ts'
import { pageAt } from '../format/store-page.ts'
import { temporaryName } from '../format/temporary-names.ts'
import { LAYOUT_OF_NEW } from '../layout/layouts.ts'
import { ROWS } from '../layout/rows.ts'
import { closeWhenFree, openBeside } from '../locks/posix-locks.ts'
import { fileOf, noStore } from '../care/backup.ts'
import { toCopyError, withDatabase } from '../care/copy-file.ts'
import { checkDestination, isStore } from '../care/destination.ts'
import { RawPages } from './raw-pages.ts'
import { recover } from './recover.ts'
import { SavedStore } from './saved-store.ts'

/** The size of pages that kv makes. */
const PAGE_SIZE = 8192

/** Writes what can be read of the file of a store into a new one, see `Care`. */
export async function salvage(
  file: StoreFile,
  destination: string,
  { force = false, onProgress, signal }: BackupOptions,
): Promise<Salvaged> {
  const { path } = file
  const to = fileOf(destination)
  const isTaken = checkDestination(path, to, force)
  const temporary = join(dirname(to), temporaryName())
  const fd = openStore(path)
  const log = openIfThere(`${path}-wal`)
  try {
    const size = fstatSync(fd).size
    const pages = new RawPages(fd, log, size, pageSizeOf(fd))
    closeSync(openSync(temporary, 'wx', 0o600))
    // Only where that is asked for: it may have entries go.
    const maxEntries = file.options.anyBound ? undefined : file.options.maxEntries
    const layout = maxEntries === undefined ? LAYOUT_OF_NEW : ROWS
    withDatabase(temporary, (database) =>
      database.exec(`pragma synchronous = off; ${emptyStoreSql(undefined, layout)}`),
    )
    const saved = new SavedStore(temporary, layout)
    let result: Salvaged
    try {
      result = await recover(pages, saved, async (page) => {
        onProgress?.(page * pages.pageSize, 2 * pages.count * pages.pageSize)
        await turn()
        if (signal?.aborted) throw interrupted(signal)
      })
    } finally {
      saved.close()
    }
    if (result.entries === 0) throw nothingThere(path, fstatSync(fd))
    if (maxEntries !== undefined)
      withDatabase(temporary, (database) => database.exec(`${boundSql(maxEntries)} ${RECOUNT}`))
    withDatabase(temporary, (database) =>
      database.exec(`pragma synchronous = off; pragma journal_mode = wal; ${MARK_COPY}`),
    )
    if (isTaken) replaceFile(temporary, to)
    else if (!placeFile(temporary, to)) throw usageError(`${to} has been made meanwhile`)
    return { ...result, entries: Math.min(result.entries, maxEntries ?? Infinity) }
  } catch (error) {
    throw toCopyError(error, path, to)
  } finally {
    closeWhenFree(fd)
    if (log !== undefined) closeSync(log)
    removeTemporary(temporary)
  }
}

function nothingThere(path: string, stat: Stats): KvError {
  if (!isStore(path, stat)) return new KvError('KV_FOREIGN', `${path} is not a kv store, and has no entries of one`)
  return new KvError('KV_CORRUPT', `no entry of ${path} can be read`, {
    hint: `restore a backup: ${kvFor(path)} restore FILE`,
  })
}

function openStore(path: string): number {
  try {
    return openBeside(path)
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'ENOENT' ? noStore(path) : error
  }
}

function openIfThere(path: string): number | undefined {
  try {
    return openForReading(path)
  } catch {
    return undefined
  }
}

/** As the header says, where that is readable. */
function pageSizeOf(fd: number): number {
  const size = pageAt(fd, 1, 100).readUInt16BE(16)
  return size === 1 ? 65_536 : size >= 512 && (size & (size - 1)) === 0 ? size : PAGE_SIZE
}
