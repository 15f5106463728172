import { statSync, statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { type Code, KvError } from '../../../errors.ts'
import { damageHint, quoteWord } from '../../../shell-quote.ts'
import { ChangedWhileRead } from '../identity/file-state.ts'
import { lockHolder } from '../locks/lock-holder.ts'
import { LogHeldOpen } from '../identity/log-owner.ts'
import { SQLITE, isBusy, resultCode } from '../engine/result-codes.ts'
import { isShortOfDescriptors, fileProblem } from './file-problem.ts'

/** Whether the same step may succeed in a moment: the file is locked, or was written while read without locks. */
export function isPassing(error: unknown): boolean {
  return isBusy(error) || error instanceof ChangedWhileRead || error instanceof LogHeldOpen
}

/** Whether the connection may be in a bad state after this error and should be opened anew. */
export function needsReopen(error: unknown): boolean {
  if (error instanceof ChangedWhileRead) return true
  const code = error instanceof KvError ? resultCode(error.cause) : resultCode(error)
  return code === SQLITE.IOERR || code === SQLITE.CORRUPT || code === SQLITE.NOTADB || code === SQLITE.CANTOPEN
}

/** Whether no byte is left for this process where the file lives; false when that cannot be told. */
function diskIsFull(path: string): boolean {
  try {
    return statfsSync(dirname(path)).bavail === 0
  } catch {
    return false
  }
}

/** The part of a path that is a file where a folder should be. */
function fileAbove(path: string): string {
  let above = dirname(path)
  for (; dirname(above) !== above; above = dirname(above)) {
    try {
      if (!statSync(above).isDirectory()) return above
    } catch {
      // Below it; further up.
    }
  }
  return above
}

/** A `KvError` in the user's words for what the engine or the file system threw. */
export function toKvError(error: unknown, path: string): KvError {
  const known = inWords(error, path)
  const { message, hint } = known.elsewhere
  const elsewhere = {
    message: withoutPaths(message, path),
    hint: hint !== undefined && hint !== withoutPaths(hint, path) ? undefined : hint,
  }
  if (elsewhere.message === message && elsewhere.hint === hint) return known
  return new KvError(known.code, known.message, { hint: known.hint, cause: known.cause ?? known, elsewhere })
}

function withoutPaths(text: string, path: string): string {
  const folder = dirname(path)
  const nameless = text
    .replaceAll(`${path}-wal`, 'its log')
    .replaceAll(`${path}-shm`, 'the index of its log')
    .replaceAll(path, 'the store')
  return folder === dirname(folder) ? nameless : nameless.replaceAll(folder, 'its folder')
}

function inWords(error: unknown, path: string): KvError {
  if (error instanceof KvError) return error
  const fail = (code: Code, message: string, hint?: string): KvError =>
    new KvError(code, message, { hint, cause: error })
  const detail = error instanceof Error ? error.message : String(error)
  const full = (): KvError => fail('KV_DISK_FULL', `no space left to write ${path}`, 'free some space and run it again')
  const damaged = (hint: string): KvError => fail('KV_CORRUPT', `${path} is damaged: ${detail}`, hint)
  const tooManyFiles = (): KvError => {
    const hint = 'come again later, or raise the limit: ulimit -n 1024'
    return fail('KV_UNAVAILABLE', `cannot open ${path}: too many files are open`, hint)
  }
  if (error instanceof ChangedWhileRead)
    return fail('KV_UNAVAILABLE', `${path} was changed by another process while it was read`, 'run it again')
  switch (resultCode(error)) {
    case undefined:
      break
    case SQLITE.BUSY:
    case SQLITE.LOCKED:
    case SQLITE.PROTOCOL:
      return new KvError('KV_LOCKED', `${path} is locked by ${lockHolder(path) ?? 'another process'}`, {
        hint: 'wait for it, or give more time with --lock-timeout 60s',
        cause: error,
        elsewhere: { message: 'the store is locked by another process', hint: 'come again later' },
      })
    case SQLITE.FULL:
      return full()
    case SQLITE.IOERR:
      return diskIsFull(path) ? full() : fail('KV_IO', `reading or writing ${path} failed: ${detail}`)
    case SQLITE.CORRUPT:
      return damaged(damageHint(path))
    case SQLITE.NOTADB:
      return fail('KV_FOREIGN', `${path} is not a kv store`, `if it was one, ${damageHint(path)}`)
    case SQLITE.READONLY:
    case SQLITE.PERM:
      return fileProblem(path, error) ?? fail('KV_READ_ONLY', `${path} cannot be written`)
    case SQLITE.CANTOPEN:
      if (diskIsFull(path)) return full()
      if (isShortOfDescriptors()) return tooManyFiles()
      return fileProblem(path, error) ?? fail('KV_UNAVAILABLE', `cannot open ${path}: ${detail}`)
    case SQLITE.TOOBIG:
      return fail('KV_TOO_LARGE', 'the entry is over the limit of the file format')
    default:
      // The schema is not that of a store any more.
      if (/^no such (table|index|column): /.test(detail))
        return damaged(`see what is missing with: kv --store ${quoteWord(path)} check`)
      return fail('KV_IO', `the store failed on ${path}: ${detail}`)
  }
  switch ((error as NodeJS.ErrnoException | null)?.code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return full()
    case 'EROFS':
    case 'EACCES':
    case 'EPERM':
    case 'EISDIR':
      return fileProblem(path, error) ?? fail('KV_READ_ONLY', `${path} cannot be written or read: ${detail}`)
    case 'EMFILE':
    case 'ENFILE':
      return tooManyFiles()
    case 'ENOTDIR':
      return fail('KV_UNAVAILABLE', `cannot open ${path}: ${fileAbove(path)} is a file, not a folder`)
    case 'ENOENT': {
      const hint = `make it first: mkdir -p ${quoteWord(dirname(path))}`
      return fail('KV_UNAVAILABLE', `cannot make ${path}: its folder does not exist`, hint)
    }
    case 'ERR_OUT_OF_RANGE':
      return fail('KV_CORRUPT', `${path} holds a number kv never writes: ${detail}`)
    default:
      return error instanceof Error && 'syscall' in error
        ? fail('KV_IO', `${path}: ${detail}`)
        : new KvError('KV_INTERNAL', detail, { cause: error })
  }
}
