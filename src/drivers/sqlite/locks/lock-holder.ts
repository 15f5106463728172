import { readFileSync, statSync } from 'node:fs'
import { fileLocks, usersOf } from './file-locks.ts'

/** The byte of the `-shm` file that a writer locks (WAL_WRITE_LOCK, https://www.sqlite.org/walformat.html). */
const WRITE_LOCK = 120

/** Who holds the write lock of a store: `process 4711 (sqlite3)`. Linux only; `undefined` when it is free again. */
export function lockHolder(path: string): string | undefined {
  try {
    const pid = writerOf(path)
    return pid && `process ${pid} (${programOf(pid)})`
  } catch {
    // No file by now, or no such process.
    return undefined
  }
}

/** Whether a connection of this process holds the write lock of the log beside `path`. Linux only; false elsewhere. */
export function holdsWriteLock(path: string): boolean {
  return writerOf(path) === String(process.pid)
}

/** The process that holds the write lock of the log beside `path`; `undefined` when it is free, or there is no log. */
function writerOf(path: string): string | undefined {
  const index = statSync(`${path}-shm`, { throwIfNoEntry: false })
  return fileLocks().find(
    ({ inode, isWrite, from, to }) => inode === index?.ino && isWrite && from <= WRITE_LOCK && to >= WRITE_LOCK,
  )?.pid
}

/** Other processes that have a store open, each as `4711 (sqlite3)`. Linux only; none elsewhere. */
export function otherUsers(path: string): string[] {
  try {
    const { both, fileOnly } = usersOf(path, statSync(path))
    const others = [...both, ...fileOnly].filter((pid) => pid !== String(process.pid))
    return others.map((pid) => `${pid} (${programOf(pid)})`)
  } catch {
    // No file by now, or no such process.
    return []
  }
}

/** The name of a program, and of the script that Node runs; never its arguments, which may be secrets. */
function programOf(pid: string): string {
  const [program = '', script = ''] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
  const name = nameOf(program)
  return name === 'node' && script !== '' && !script.startsWith('-') ? `${name} ${nameOf(script)}` : name
}

/** A process may write what it likes where its name stands. */
function nameOf(path: string): string {
  const name = /^[\w.+-]{1,40}/.exec(path.split(' ')[0]!.split('/').pop()!)
  return name?.[0] ?? 'unknown'
}
