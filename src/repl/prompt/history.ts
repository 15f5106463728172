import { isUtf8 } from 'node:buffer'
import {
  closeSync,
  fchownSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { holdThread } from '../../async.ts'
import type { LineHistory } from '../../terminal/history-cursor.ts'

/** Lines kept in the file and in memory. */
export const HISTORY_LINES = 5000
const LINE_FEED = 0x0a
/** A longer file is not read, in bytes. */
const MAX_FILE = 100_000_000
/** A longer line is kept for this session only. */
const MAX_LINE = 10_000
/** Options whose values are nobody's business, and a password in a URL. */
const SECRET = /(^|\s)--(?:[\w-]+-)?(?:token|password|passphrase|secret)(?:[=\s]|$)|:\/\/[^/\s]*:[^/\s]*@/

/** Where lines of earlier sessions are. */
export interface HistoryFile {
  readonly path: string
  /** Whether kv keeps it in bounds; a file that the user named is only added to, whatever else it may be. */
  readonly isOwn: boolean
}

/** `KV_HISTFILE` (empty or `/dev/null`: nowhere), else a file below `$XDG_STATE_HOME`. */
export function historyFile(env: Readonly<Record<string, string | undefined>>): HistoryFile | undefined {
  const named = env['KV_HISTFILE']
  if (named !== undefined) return named === '' || named === '/dev/null' ? undefined : { path: named, isOwn: false }
  const xdg = env['XDG_STATE_HOME'] ?? ''
  const state = isAbsolute(xdg) ? xdg : env['HOME'] ? join(env['HOME'], '.local', 'state') : undefined
  return state === undefined ? undefined : { path: join(state, 'kv', 'history'), isOwn: true }
}

/**
 * The lines a user has entered, the newest last, shared with other sessions through a file that only the user can read.
 * Each is appended when it is entered. A file that cannot be read or written, or is no text, is no reason to fail.
 */
export class History implements LineHistory {
  /** The file itself, also where a symbolic link was named; `undefined`: this session only. */
  readonly #file: string | undefined
  #lines: string[] = []

  /** @param file `undefined`: this session only */
  constructor(file: HistoryFile | undefined) {
    if (file === undefined) return
    try {
      mkdirSync(dirname(file.path), { recursive: true, mode: 0o700 })
      const path = regularFile(file.path)
      this.#lines = read(path)
      this.#file = path
      if (this.#lines.length > HISTORY_LINES * 1.2 && file.isOwn) this.#shorten(path)
      this.#lines = this.#lines.slice(-HISTORY_LINES)
    } catch {
      // The session has a history of its own then.
    }
  }

  /** From the oldest to the newest. */
  get lines(): readonly string[] {
    return this.#lines
  }

  /** Adds a line, unless it repeats the one before, begins with a blank, or tells a secret. */
  add(line: string): void {
    if (line.trim() === '' || /^\s/.test(line) || SECRET.test(line) || line === this.#lines.at(-1)) return
    this.#lines.push(line)
    if (this.#lines.length > HISTORY_LINES) this.#lines.shift()
    const file = this.#file
    if (file === undefined || line.length > MAX_LINE) return
    try {
      locked(file, () => append(file, `${encodeLine(line)}\n`))
    } catch {
      // The line is still known to this session.
    }
  }

  /** The newest line that begins with `start` and is longer. */
  suggest(start: string): string | undefined {
    return this.#lines.findLast((line) => line.length > start.length && line.startsWith(start))
  }

  /** Brings the file down to its bound, what other sessions wrote meanwhile included. */
  #shorten(file: string): void {
    locked(file, () => {
      const lines = read(file).slice(-HISTORY_LINES)
      const fresh = `${file}.${process.pid}`
      const fd = openSync(fresh, 'wx', 0o600)
      try {
        const { uid, gid } = statSync(file)
        if (fstatSync(fd).uid !== uid) fchownSync(fd, uid, gid)
        writeFileSync(fd, lines.map((line) => `${encodeLine(line)}\n`).join(''))
        renameSync(fresh, file)
      } catch (error) {
        rmSync(fresh, { force: true })
        throw error
      } finally {
        closeSync(fd)
      }
    })
  }
}

/**
 * The file that a path means, at the end of its links, perhaps one still to be made. Throws where it is a device, a
 * pipe or a folder.
 */
function regularFile(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat?.isFile()) return realpathSync(path)
  if (stat !== undefined) throw new Error(`${path} is no file`)
  const isLink = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink()
  return isLink ? resolve(dirname(path), readlinkSync(path)) : path
}

/** The lines of a file that are UTF-8; none where there is no file. Throws when it is no text. */
function read(file: string): string[] {
  const size = statSync(file, { throwIfNoEntry: false })?.size
  if (size === undefined) return []
  if (size > MAX_FILE) throw new Error(`${file} is too long for a history`)
  const bytes = readFileSync(file)
  if (bytes.includes(0)) throw new Error(`${file} is no text`)
  const isDamaged = !isUtf8(bytes)
  return bytes
    .toString()
    .split('\n')
    .filter((line) => line !== '' && !(isDamaged && line.includes('\ufffd')))
    .map(decodeLine)
}

/** Adds a line, on a line of its own also where the last one has no end. */
function append(file: string, line: string): void {
  const fd = openSync(file, 'a+', 0o600)
  try {
    const last = Buffer.alloc(1)
    const { size } = fstatSync(fd)
    const isCut = size > 0 && readSync(fd, last, 0, 1, size - 1) === 1 && last[0] !== LINE_FEED
    writeSync(fd, `${isCut ? '\n' : ''}${line}`)
  } finally {
    closeSync(fd)
  }
}

/** A line of several lines is one in the file: a line feed is written `\n`, a backslash `\\`. */
function encodeLine(line: string): string {
  return line.replaceAll('\\', '\\\\').replaceAll('\n', String.raw`\n`)
}

function decodeLine(line: string): string {
  return line.replaceAll(/\\(.)/g, (_, char: string) => (char === 'n' ? '\n' : char))
}

/** A lock older than this belongs to a process that was killed, in milliseconds. */
const STALE_MS = 2000

/**
 * Runs a step while no other session writes the file. Not for ever: after half a second it runs
 * anyway, since a prompt must not hang on a history.
 */
function locked(file: string, step: () => void): void {
  const lock = `${file}.lock`
  let held = false
  for (const deadline = Date.now() + 500; !held && Date.now() < deadline;) {
    try {
      closeSync(openSync(lock, 'wx', 0o600))
      held = true
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') break
      const stat = lstatSync(lock, { throwIfNoEntry: false })
      // Something else bears the name of the lock: it is left alone, and the lock done without.
      if (stat !== undefined && !(stat.isFile() && stat.size === 0)) break
      // A clock that was set back makes a lock young for ever.
      if (stat !== undefined && Math.abs(Date.now() - stat.mtimeMs) > STALE_MS) rmSync(lock, { force: true })
      else holdThread(2)
    }
  }
  try {
    step()
  } finally {
    if (held) rmSync(lock, { force: true })
  }
}
