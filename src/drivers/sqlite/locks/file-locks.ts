import { type Stats, readFileSync, readdirSync, statSync } from 'node:fs'

/** A lock on a file, or on bytes of it. */
export interface FileLock {
  /** The process that has it. */
  readonly pid: string
  readonly inode: number
  readonly isWrite: boolean
  /** The first and the last byte. */
  readonly from: number
  readonly to: number
}

/** The locks on files at this moment, without those of other containers. Linux only; none elsewhere. */
export function fileLocks(): readonly FileLock[] {
  let text: string
  try {
    text = readFileSync('/proc/locks', 'utf8')
  } catch {
    return []
  }
  // 4: POSIX  ADVISORY  READ 4711 fe:00:1443 128 128; one that waits for another has an arrow behind its number.
  const lines = text.matchAll(/^\d+: POSIX +\S+ +(\S+) (\d+) [0-9a-f]+:[0-9a-f]+:(\d+) (\d+) (\d+|EOF)$/gm)
  return Array.from(lines, ([, mode, pid, inode, from, to]) => ({
    pid: pid!,
    inode: Number(inode),
    isWrite: mode === 'WRITE',
    from: Number(from),
    to: to === 'EOF' ? Infinity : Number(to),
  }))
}

/**
 * Processes, by their numbers, that have a store open: SQLite keeps a shared lock on a file with a write-ahead log,
 * and one on the `-shm` beside the name by which it was opened. The former is had first and let go last.
 */
export interface FileUsers {
  /** Have the file open with the log beside `path`. */
  readonly both: readonly string[]
  /** Have the file open, under another name or without a log yet. */
  readonly fileOnly: readonly string[]
  /** Have the log beside `path` open, with another file. */
  readonly logOnly: readonly string[]
}

/** Who has the file of `stat` open, and the log beside `path`; nobody where the system does not tell. */
export function usersOf(path: string, stat: Stats): FileUsers {
  const index = statSync(`${path}-shm`, { throwIfNoEntry: false })
  // Of one moment, since one that has the log must be seen to have the file.
  const locks = fileLocks()
  const ofLog = holders(locks, index?.ino)
  const locked = holders(locks, stat.ino)
  // A program that has read the file by itself has lost its locks on it.
  const ofFile = [...locked, ...ofLog.filter((pid) => !locked.includes(pid) && hasOpen(pid, stat))]
  return {
    both: ofFile.filter((pid) => ofLog.includes(pid)),
    fileOnly: ofFile.filter((pid) => !ofLog.includes(pid)),
    logOnly: ofLog.filter((pid) => !ofFile.includes(pid)),
  }
}

function holders(locks: readonly FileLock[], file: number | undefined): string[] {
  return [...new Set(locks.filter(({ inode }) => inode === file).map(({ pid }) => pid))]
}

/** Whether a process has a file open, as far as this one may know. */
function hasOpen(pid: string, { dev, ino }: Stats): boolean {
  const folder = `/proc/${pid}/fd`
  try {
    return readdirSync(folder).some((name) => {
      const stat = statSync(`${folder}/${name}`, { throwIfNoEntry: false })
      return stat?.dev === dev && stat.ino === ino
    })
  } catch {
    return false
  }
}
