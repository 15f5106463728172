import { type Stats, readSync, statSync } from 'node:fs'
import { join, basename } from 'node:path'
import { KvError, usageError } from '../../../errors.ts'
import { kvFor, quoteWord } from '../../../shell-quote.ts'
import { toKvError } from '../file/errors.ts'
import { APPLICATION_ID, HEADER_BYTES, applicationIdOf, isSqliteHeader } from '../format/header.ts'
import { sizeOf } from '../format/read-file.ts'
import { refuseLostLog } from '../identity/log-owner.ts'
import { usersOf } from '../locks/file-locks.ts'
import { closeWhenFree, idOf, openBeside } from '../locks/posix-locks.ts'

/**
 * Whether there is a store at `to` already, which a copy of the store at `path` may replace. Throws as `Care.backup` does where
 * it may not be written.
 */
export function checkDestination(path: string, to: string, force: boolean): boolean {
  try {
    const stat = statSync(to, { throwIfNoEntry: false })
    if (stat === undefined) {
      refuseLostLog(to)
      return false
    }
    const own = statSync(path, { throwIfNoEntry: false })
    if (own !== undefined && idOf(own) === idOf(stat)) throw usageError(`${to} is the store itself`)
    if (stat.isDirectory()) {
      const file = quoteWord(join(to, basename(path)))
      throw usageError(`${to} is a folder`, `name a file in it, such as ${file}`)
    }
    if (!isStore(to, stat))
      throw new KvError('KV_FOREIGN', `${to} is there already, and is not a kv store`, {
        hint: 'it was left as it is; give another name',
      })
    if (!force) throw usageError(`${to} is there already`, 'to replace it, add --force')
    refuseInUse(to, stat)
    return true
  } catch (error) {
    throw toKvError(error, to)
  }
}

/** Whether a file is, or begins as, a store; one of no bytes holds nothing that could be lost. */
export function isStore(path: string, stat: Stats): boolean {
  if (!stat.isFile()) return false
  if (stat.size === 0) return true
  const fd = openBeside(path)
  try {
    const header = Buffer.alloc(HEADER_BYTES)
    const bytes = readSync(fd, header, 0, HEADER_BYTES, 0)
    return bytes === HEADER_BYTES && isSqliteHeader(header) && applicationIdOf(header) === APPLICATION_ID
  } finally {
    closeWhenFree(fd)
  }
}

/** Throws `KV_UNAVAILABLE` for a store that somebody has open, or that was not closed: its log would be left to the copy. */
function refuseInUse(path: string, stat: Stats): void {
  const { both, fileOnly } = usersOf(path, stat)
  const [user] = [...both, ...fileOnly]
  if (user === undefined && sizeOf(`${path}-wal`) === 0 && sizeOf(`${path}-journal`) === 0) return
  const why = user === undefined ? `its newest writes are in ${path}-wal` : `process ${user} has it open`
  throw new KvError('KV_UNAVAILABLE', `${path} is a store in use: ${why}`, {
    hint: `give another name; a store in use is replaced with: ${kvFor(path)} restore FILE`,
  })
}
