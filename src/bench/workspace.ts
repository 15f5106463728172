import { lstatSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Code, KvError } from '../errors.ts'
import { isRunning } from '../process-id.ts'

/** What the names of this machine's folders begin with; the number of their process follows. */
const PREFIX = `kv-bench-store-${hostname()}-`

/** Why a folder cannot be made, by the code of the system. */
const REASONS: Readonly<Record<string, readonly [code: Code, why: string]>> = {
  EACCES: ['KV_READ_ONLY', 'permission denied'],
  EROFS: ['KV_READ_ONLY', 'it is read-only'],
  ENOSPC: ['KV_DISK_FULL', 'no space left'],
  ENOENT: ['KV_UNAVAILABLE', 'no such folder'],
  ENOTDIR: ['KV_UNAVAILABLE', 'not a folder'],
}

/**
 * Makes a folder of one benchmark's own among the system's temporary files; whoever asks for it removes it. Throws
 * `KV_UNAVAILABLE`, `KV_READ_ONLY` or `KV_DISK_FULL` when that cannot be.
 */
export function makeWorkspace(): string {
  const parent = tmpdir()
  removeAbandoned(parent)
  try {
    return mkdtempSync(join(parent, `${PREFIX}${process.pid}-`))
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    const [kvCode, why] = REASONS[code ?? ''] ?? ['KV_UNAVAILABLE', message]
    throw new KvError(kvCode, `cannot make a temporary store in ${parent}: ${why}`, {
      hint: 'TMPDIR names the folder for temporary files',
      cause,
    })
  }
}

/**
 * Removes what benchmarks left that were killed: folders of this user, named after a process that is
 * gone. A clean-up, so what cannot be done is left.
 */
function removeAbandoned(parent: string): void {
  try {
    for (const name of readdirSync(parent)) {
      const pid = name.startsWith(PREFIX) && /^(\d+)-\w{6}$/.exec(name.slice(PREFIX.length))?.[1]
      if (!pid || isRunning(Number(pid))) continue
      const path = join(parent, name)
      const stat = lstatSync(path)
      if (stat.isDirectory() && stat.uid === process.getuid?.()) rmSync(path, { recursive: true, force: true })
    }
  } catch {
    // A folder that may not be listed, or another benchmark that was quicker.
  }
}
