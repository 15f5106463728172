import { type Stats, accessSync, closeSync, constants, lstatSync, openSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { type Code, KvError } from '../../../errors.ts'
import { quoteWord } from '../../../shell-quote.ts'
import { may } from './access.ts'

/** What stands beside a store's file while it is in use, and what it is for. */
const SIDE_FILES = [
  ['-wal', 'the log of the store'],
  ['-shm', 'the index of its log'],
  ['-journal', 'a journal of the store'],
] as const

/** Descriptors that opening a store takes. */
const DESCRIPTORS = 5

/**
 * Which of a store's files is in the way of reading or writing it, and how; `undefined` when all is as it should be.
 */
export function fileProblem(path: string, cause: unknown): KvError | undefined {
  for (const [suffix, purpose] of SIDE_FILES) {
    const problem = sideFileProblem(path, path + suffix, purpose)
    if (problem !== undefined) return toError(problem, cause)
  }
  const problem = storeFileProblem(path)
  return problem && toError(problem, cause)
}

function toError({ code = 'KV_READ_ONLY', message, hint }: Problem, cause: unknown): KvError {
  return new KvError(code, message, { hint, cause })
}

interface Problem {
  /** `KV_READ_ONLY` when it is not said. */
  readonly code?: Code
  readonly message: string
  readonly hint?: string
}

function sideFileProblem(path: string, file: string, purpose: string): Problem | undefined {
  if (statOf(file, lstatSync) === undefined) return undefined
  const stat = statOf(file)
  const away = `move it away: mv ${quoteWord(file)} ${quoteWord(`${file}.away`)}`
  if (stat === undefined)
    return {
      code: 'KV_UNAVAILABLE',
      message: `${file} is a link that leads nowhere; it should be ${purpose}`,
      hint: away,
    }
  if (!stat.isFile()) {
    return {
      code: 'KV_UNAVAILABLE',
      message: `${file} is ${stat.isDirectory() ? 'a folder' : 'no regular file'}; it should be ${purpose}`,
      hint: away,
    }
  }
  const mayRead = may(file, constants.R_OK)
  if (mayRead && (may(file, constants.W_OK) || !may(path, constants.W_OK))) return undefined
  const store = quoteWord(path)
  return {
    ...(mayRead ? {} : { code: 'KV_DENIED' }),
    message: `${file} cannot be ${mayRead ? 'written' : 'read'}: it belongs to ${ownerOf(stat)}`,
    hint: `give it the owner and the rights of the store: sudo chown --reference=${store} ${quoteWord(file)} && sudo chmod --reference=${store} ${quoteWord(file)}`,
  }
}

function storeFileProblem(path: string): Problem | undefined {
  const stat = statOf(path)
  const folder = dirname(path)
  if (stat === undefined) {
    if (may(folder, constants.X_OK))
      return may(folder, constants.W_OK) ? undefined : folderProblem(folder, `cannot make ${path}`)
    return {
      code: 'KV_DENIED',
      message: `cannot look into ${folder}`,
      hint: `ask its owner, or see who it is: ls -ld ${quoteWord(folder)}`,
    }
  }
  if (!may(path, constants.R_OK)) return { code: 'KV_DENIED', ...rightProblem(path, stat, 'read', 'r') }
  if (isReadOnlyMedium(path)) return { message: `${path} cannot be written: it is on a read-only file system` }
  if (!may(path, constants.W_OK)) return rightProblem(path, stat, 'written', 'w')
  if (!may(folder, constants.W_OK)) return folderProblem(folder, `${path} cannot be written`)
  return undefined
}

function rightProblem(path: string, stat: Stats, what: string, right: string): Problem {
  const message = `${path} cannot be ${what}: it belongs to ${ownerOf(stat)}, with mode ${(stat.mode & 0o777).toString(8)}`
  if (stat.uid === process.geteuid?.()) return { message, hint: `chmod u+${right} ${quoteWord(path)}` }
  return { message, hint: `run it as its owner: sudo -u '#${stat.uid}' kv ...` }
}

function folderProblem(folder: string, what: string): Problem {
  const stat = statOf(folder)
  if (stat === undefined) return { message: what }
  const message = `${what}: its folder belongs to ${ownerOf(stat)}, and files must be made there while it is written`
  if (stat.uid === process.geteuid?.()) return { message, hint: `chmod u+w ${quoteWord(folder)}` }
  return { message, hint: `use a folder of your own, or see who may write there: ls -ld ${quoteWord(folder)}` }
}

function ownerOf(stat: Stats): string {
  return stat.uid === process.geteuid?.() ? 'you' : `user ${stat.uid}`
}

function isReadOnlyMedium(path: string): boolean {
  try {
    accessSync(path, constants.W_OK)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EROFS'
  }
}

/** `undefined` also for a file in a folder that this user may not look into. */
function statOf(path: string, look: (path: string) => Stats = statSync): Stats | undefined {
  try {
    return look(path)
  } catch {
    return undefined
  }
}

/** Whether this process may open no more files, which SQLite says of no error. */
export function isShortOfDescriptors(): boolean {
  const open: number[] = []
  try {
    // No file of the store: closing one would drop the locks on it.
    while (open.length < DESCRIPTORS) open.push(openSync(process.execPath, 'r'))
    return false
  } catch (error) {
    return ['EMFILE', 'ENFILE'].includes((error as NodeJS.ErrnoException).code ?? '')
  } finally {
    for (const descriptor of open) closeSync(descriptor)
  }
}
