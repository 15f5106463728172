import { readFileSync, statSync } from 'node:fs'

/** The byte of the `-shm` file that a writer locks (WAL_WRITE_LOCK, https://www.sqlite.org/walformat.html). */
const WRITE_LOCK = 120

/**
 * Who holds the write lock of a store: `process 4711 (sqlite3)`. Linux tells; `undefined` elsewhere, and when the lock
 * is free again.
 */
export function lockHolder(path: string): string | undefined {
  try {
    const { ino } = statSync(`${path}-shm`)
    for (const line of readFileSync('/proc/locks', 'utf8').split('\n')) {
      // 4: POSIX  ADVISORY  WRITE 4711 fe:00:1443 120 120
      const [, kind, , mode, pid, file, from, to] = line.split(/\s+/)
      if (kind !== 'POSIX' || mode !== 'WRITE' || Number(file?.split(':')[2]) !== ino) continue
      if (Number(from) > WRITE_LOCK || (to !== 'EOF' && Number(to) < WRITE_LOCK)) continue
      return `process ${pid} (${programOf(pid!)})`
    }
  } catch {
    // Not Linux, or no file by now.
  }
  return undefined
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
