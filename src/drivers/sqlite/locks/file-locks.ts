import { type Stats, readFileSync, readdirSync, statSync } from 'node:fs'

/** Who holds a lock on which file, as far as this system tells: pids by the number of the file. */
export type FileLocks = ReadonlyMap<number, ReadonlySet<string>>

/**
 * The locks that processes hold on files now. Linux tells; `undefined` elsewhere. Those of processes in
 * other containers are left out.
 */
export function fileLocks(): FileLocks | undefined {
  let text: string
  try {
    text = readFileSync('/proc/locks', 'utf8')
  } catch {
    return undefined
  }
  const locks = new Map<number, Set<string>>()
  // 4: POSIX  ADVISORY  READ 4711 fe:00:1443 128 128; one that waits for another has an arrow behind its number.
  for (const [, pid, file] of text.matchAll(/^\d+: POSIX +\S+ +\S+ (\d+) [0-9a-f]+:[0-9a-f]+:(\d+) /gm)) {
    const holders = locks.get(Number(file))
    if (holders === undefined) locks.set(Number(file), new Set([pid!]))
    else holders.add(pid!)
  }
  return locks
}

/**
 * Processes, by their numbers, that have a store open: SQLite keeps a shared lock on a file with a write-ahead log,
 * and one on the `-shm` beside the name by which it was opened. The former is had first and let go last.
 */
export interface Users {
  /** Have the file open with the log beside `path`. */
  readonly both: readonly string[]
  /** Have the file open, under another name or without a log yet. */
  readonly fileOnly: readonly string[]
  /** Have the log beside `path` open, with another file. */
  readonly logOnly: readonly string[]
}

/** Who has the file of `stat` open, and the log beside `path`; nobody where the system does not tell. */
export function usersOf(path: string, stat: Stats): Users {
  const index = statSync(`${path}-shm`, { throwIfNoEntry: false })
  const locks = fileLocks()
  const ofLog = [...((index && locks?.get(index.ino)) ?? [])]
  const locked = locks?.get(stat.ino) ?? new Set<string>()
  // A program that has read the file by itself has lost its locks on it.
  const ofFile = [...locked, ...ofLog.filter((pid) => !locked.has(pid) && hasOpen(pid, stat))]
  return {
    both: ofFile.filter((pid) => ofLog.includes(pid)),
    fileOnly: ofFile.filter((pid) => !ofLog.includes(pid)),
    logOnly: ofLog.filter((pid) => !ofFile.includes(pid)),
  }
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
