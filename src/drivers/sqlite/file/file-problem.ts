import { type Stats, closeSync, constants, lstatSync, openSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { type Code, KvError } from '../../../errors.ts'
import { quoteWord } from '../../../shell-quote.ts'
import { may, refusalOf } from './access.ts'

/** What stands beside a store's file while it is in use, and what it is for. */
const SIDE_FILES = [
  ['-wal', 'the log of the store'],
  ['-shm', 'the index of its log'],
  ['-journal', 'a journal of the store'],
] as const

/** Descriptors that opening a store takes. */
const DESCRIPTORS = 5

/** Which of a store's files keeps it from being read or written, and how; `undefined` when none does. */
export function fileProblem(path: string, cause: unknown): KvError | undefined {
  const problem: Problem = (message, hint, code = 'KV_READ_ONLY') => new KvError(code, message, { hint, cause })
  for (const [suffix, purpose] of SIDE_FILES) {
    const found = sideFileProblem(path, path + suffix, purpose, problem)
    if (found !== undefined) return found
  }
  return storeFileProblem(path, problem)
}

type Problem = (message: string, hint?: string, code?: Code) => KvError

function sideFileProblem(path: string, file: string, purpose: string, problem: Problem): KvError | undefined {
  if (statOf(file, lstatSync) === undefined) return undefined
  const stat = statOf(file)
  const away = `move it away: mv ${quoteWord(file)} ${quoteWord(`${file}.away`)}`
  if (stat?.isFile() !== true) {
    const what = stat?.isDirectory() === true ? 'a folder' : 'no regular file'
    const is = stat === undefined ? 'a link that leads nowhere' : what
    return problem(`${file} is ${is}; it should be ${purpose}`, away, 'KV_UNAVAILABLE')
  }
  const mayRead = may(file, constants.R_OK)
  if (mayRead && (may(file, constants.W_OK) || !may(path, constants.W_OK))) return undefined
  const store = quoteWord(path)
  return problem(
    `${file} cannot be ${mayRead ? 'written' : 'read'}: it belongs to ${ownerOf(stat)}`,
    `give it the owner and the rights of the store: sudo chown --reference=${store} ${quoteWord(file)} && sudo chmod --reference=${store} ${quoteWord(file)}`,
    mayRead ? undefined : 'KV_DENIED',
  )
}

function storeFileProblem(path: string, problem: Problem): KvError | undefined {
  const stat = statOf(path)
  const folder = dirname(path)
  if (stat === undefined) {
    if (may(folder, constants.X_OK))
      return may(folder, constants.W_OK) ? undefined : folderProblem(folder, `cannot make ${path}`, problem)
    const hint = `ask its owner, or see who it is: ls -ld ${quoteWord(folder)}`
    return problem(`cannot look into ${folder}`, hint, 'KV_DENIED')
  }
  const belongs = `it belongs to ${ownerOf(stat)}, with mode ${(stat.mode & 0o777).toString(8)}`
  const hint = (right: string): string =>
    isOwn(stat) ? `chmod u+${right} ${quoteWord(path)}` : `run it as its owner: sudo -u '#${stat.uid}' kv ...`
  if (!may(path, constants.R_OK)) return problem(`${path} cannot be read: ${belongs}`, hint('r'), 'KV_DENIED')
  const refused = refusalOf(path, constants.W_OK)
  if (refused === 'EROFS') return problem(`${path} cannot be written: it is on a read-only file system`)
  if (refused !== undefined) return problem(`${path} cannot be written: ${belongs}`, hint('w'))
  return may(folder, constants.W_OK) ? undefined : folderProblem(folder, `${path} cannot be written`, problem)
}

function folderProblem(folder: string, what: string, problem: Problem): KvError {
  const stat = statOf(folder)
  if (stat === undefined) return problem(what)
  return problem(
    `${what}: its folder belongs to ${ownerOf(stat)}, and files must be made there while it is written`,
    isOwn(stat)
      ? `chmod u+w ${quoteWord(folder)}`
      : `use a folder of your own, or see who may write there: ls -ld ${quoteWord(folder)}`,
  )
}

function isOwn(stat: Stats): boolean {
  return stat.uid === process.geteuid?.()
}

function ownerOf(stat: Stats): string {
  return isOwn(stat) ? 'you' : `user ${stat.uid}`
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
