import { readFileSync, statSync } from 'node:fs'

/** The byte of the `-shm` file that a writer locks (WAL_WRITE_LOCK, https://www.sqlite.org/walformat.html). */
const WRITE_LOCK = 120

/**
 * Who holds the write lock of a store: `process 4711 (kv batch-put rows.jsonl)`. Linux tells;
 * `undefined` elsewhere, and when the lock is free again.
 */
export function lockHolder(path: string): string | undefined {
  try {
    const { ino } = statSync(`${path}-shm`)
    for (const line of readFileSync('/proc/locks', 'utf8').split('\n')) {
      // 4: POSIX  ADVISORY  WRITE 4711 fe:00:1443 120 120
      const [, kind, , mode, pid, file, from, to] = line.split(/\s+/)
      if (kind !== 'POSIX' || mode !== 'WRITE' || Number(file?.split(':')[2]) !== ino) continue
      if (Number(from) > WRITE_LOCK || (to !== 'EOF' && Number(to) < WRITE_LOCK)) continue
      return `process ${pid} (${commandOf(pid!)})`
    }
  } catch {
    // Not Linux, or no file by now.
  }
  return undefined
}

function commandOf(pid: string): string {
  const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').filter(Boolean)
  const command = words.map((word) => word.split('/').pop() ?? '').join(' ')
  return command.length > 60 ? `${command.slice(0, 59)}…` : command
}
