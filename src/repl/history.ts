import { appendFileSync, chmodSync, closeSync, mkdirSync, openSync, readFileSync, renameSync, statSync, unlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Lines kept in the file and in memory. */
export const HISTORY_LINES = 5000
/** A longer line is kept for this session only. */
const MAX_LINE = 10_000
/** Options whose values are nobody's business. */
const SECRET = /(^|\s)--(?:[\w-]+-)?(?:token|password|passphrase|secret)(?:[=\s]|$)/

/** Where lines of earlier sessions are: `KV_HISTFILE` (empty: nowhere), else below `$XDG_STATE_HOME`. */
export function historyFile(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const named = env['KV_HISTFILE']
  if (named !== undefined) return named || undefined
  const state = env['XDG_STATE_HOME'] || (env['HOME'] ? join(env['HOME'], '.local', 'state') : undefined)
  return state === undefined ? undefined : join(state, 'kv', 'history')
}

/**
 * The lines a user has entered, the newest last, shared with other sessions through a file that
 * only the user can read: each line is appended when it is entered, so that sessions at the same
 * time lose none of theirs. A history that cannot be read or written is no reason to fail.
 */
export class History {
  readonly #file: string | undefined
  #lines: string[] = []

  /** @param file `undefined`: this session only */
  constructor(file: string | undefined) {
    this.#file = file
    if (file === undefined) return
    try {
      mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
      this.#lines = read(file)
      if (this.#lines.length > HISTORY_LINES * 1.2) this.#shorten(file)
    } catch {
      // No file yet, or none that can be read.
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
      locked(file, () => appendFileSync(file, `${encodeLine(line)}\n`, { mode: 0o600 }))
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
      this.#lines = read(file).slice(-HISTORY_LINES)
      const fresh = `${file}.${process.pid}`
      writeFileSync(fresh, this.#lines.map((line) => `${encodeLine(line)}\n`).join(''), { mode: 0o600 })
      renameSync(fresh, file)
    })
  }
}

function read(file: string): string[] {
  const text = readFileSync(file, 'utf8')
  if ((statSync(file).mode & 0o077) !== 0) chmodSync(file, 0o600)
  return text.split('\n').filter((line) => line !== '').map(decodeLine)
}

/** A line of several lines is one in the file: a line feed is written `\n`, a backslash `\\`. */
function encodeLine(line: string): string {
  return line.replaceAll('\\', '\\\\').replaceAll('\n', String.raw`\n`)
}

function decodeLine(line: string): string {
  return line.replaceAll(/\\(.)/g, (_, char: string) => (char === 'n' ? '\n' : char))
}

const pause = new Int32Array(new SharedArrayBuffer(4))
/** A lock older than this belongs to a process that was killed, in milliseconds. */
const STALE_MS = 2000

/**
 * Runs a step while no other session writes the file. Not for ever: after half a second it runs
 * anyway, since a prompt must not hang on a history.
 */
function locked(file: string, step: () => void): void {
  const lock = `${file}.lock`
  let held = false
  for (const deadline = Date.now() + 500; !held && Date.now() < deadline; ) {
    try {
      closeSync(openSync(lock, 'wx', 0o600))
      held = true
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') break
      const since = Date.now() - (statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Date.now())
      if (since > STALE_MS) unlinkSync(lock)
      else Atomics.wait(pause, 0, 0, 2)
    }
  }
  try {
    step()
  } finally {
    if (held) unlinkSync(lock)
  }
}
