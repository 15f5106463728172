import {
  closeSync,
  existsSync,
  fsync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { isRunning } from '../../../process-id.ts'
import { temporaryName } from '../format/temporary-names.ts'

/** What a file system says that has no hard links, such as FAT and exFAT. */
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EXDEV', 'EINVAL'])

/** Held while a file is put into place where there are no links; with the number of the process. */
const PLACING = '.kv-placing'

/** Behind the name of a file that is being replaced. */
const REPLACING = '-replacing'

/** Putting a file into place takes less than a millisecond: whoever takes so long, in milliseconds, is gone. */
const PLACING_MS = 60_000

/**
 * Gives a finished file its name, durably: the file and all its folders are on disk first. Returns false, and the file
 * stays as it is, when the name is taken. Throws what the file system throws, and what the engine throws for a lock when
 * another process is doing the same.
 */
export function placeFile(temporary: string, path: string): boolean {
  const folder = syncBefore(temporary, path)
  let isPlaced = true
  try {
    linkSync(temporary, path)
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (NO_LINKS.has(code)) isPlaced = renameIfFree(temporary, path)
    else if (code === 'EEXIST') isPlaced = false
    else throw error
  }
  syncFolder(folder)
  return isPlaced
}

/** The same where the name may be taken, by a file that is replaced. */
export function replaceFile(temporary: string, path: string): void {
  const folder = syncBefore(temporary, path)
  renameSync(temporary, path)
  syncFolder(folder)
}

/**
 * Runs `step`, which gives a new file the name `path` and takes away the log of the one before. Meanwhile a mark beside
 * it, with the number of the process, keeps others from opening the new file with the old log.
 */
export function whileReplacing(path: string, step: () => void): void {
  // Under another name first: a mark that a power loss has left without its number could not be told from a new one.
  const mark = join(dirname(path), temporaryName())
  try {
    writeMark(mark, 0o644)
    renameSync(mark, path + REPLACING)
    step()
  } finally {
    rmSync(mark, { force: true })
    rmSync(path + REPLACING, { force: true })
  }
}

/** Makes a file with the number of this process, and puts it on disk. Throws `EEXIST` when the name is taken. */
function writeMark(path: string, mode: number): void {
  const fd = openSync(path, 'wx', mode)
  try {
    writeSync(fd, String(process.pid))
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/** Whether a file is just being replaced, by a process that is still there. */
export function isBeingReplaced(path: string): boolean {
  const mark = path + REPLACING
  if (!existsSync(mark)) return false
  if (!isLeft(mark)) return true
  try {
    rmSync(mark, { force: true })
  } catch {
    // Of another user, who will do so.
  }
  return false
}

/** Puts a file on disk, and all folders above the one that `path` is in, which is returned. */
function syncBefore(temporary: string, path: string): string {
  const folder = dirname(path)
  sync(temporary)
  for (let child = folder; dirname(child) !== child; child = dirname(child)) syncFolder(dirname(child))
  return folder
}

/** A rename replaces what has the name, which is therefore looked for first, by one process at a time. */
function renameIfFree(temporary: string, path: string): boolean {
  const placing = join(dirname(path), PLACING)
  try {
    writeMark(placing, 0o600)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    if (isLeft(placing)) rmSync(placing, { force: true })
    throw Object.assign(new Error('database is locked'), { code: 'ERR_SQLITE_ERROR' })
  }
  try {
    if (statSync(path, { throwIfNoEntry: false }) !== undefined) return false
    renameSync(temporary, path)
    return true
  } finally {
    rmSync(placing, { force: true })
  }
}

function isLeft(placing: string): boolean {
  try {
    const pid = Number(readFileSync(placing, 'utf8'))
    return (pid > 0 && !isRunning(pid)) || Date.now() - statSync(placing).mtimeMs > PLACING_MS
  } catch {
    // It has just gone.
    return false
  }
}

/** Puts a file on disk, without blocking the event loop; nothing is left for its {@link placeFile} to wait for. */
export async function putOnDisk(path: string): Promise<void> {
  const fd = openSync(path, 'r')
  try {
    await new Promise<void>((resolve, reject) => fsync(fd, (error) => (error === null ? resolve() : reject(error))))
  } finally {
    closeSync(fd)
  }
}

/** Puts a file on disk. */
function sync(path: string): void {
  const fd = openSync(path, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/** Puts a folder's list of names on disk, where the folder may be opened and its file system can. */
function syncFolder(path: string): void {
  try {
    sync(path)
  } catch (error) {
    if (
      !['EACCES', 'EPERM', 'EISDIR', 'EINVAL', 'EROFS', 'ENOTSUP'].includes((error as NodeJS.ErrnoException).code ?? '')
    )
      throw error
  }
}
