import { lstatSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { KvError } from '../errors.ts'

/** How the folders of this machine are called, before the number of their process. */
const PREFIX = `kv-bench-store-${hostname()}-`

/** A folder of one benchmark's own, in the system's folder for temporary files. */
export class Workspace {
  readonly folder: string

  private constructor(folder: string) {
    this.folder = folder
  }

  /** Makes the folder. Throws `KV_UNAVAILABLE`, `KV_READ_ONLY` or `KV_DISK_FULL` when that cannot be. */
  static make(): Workspace {
    const parent = tmpdir()
    removeAbandoned(parent)
    try {
      return new Workspace(mkdtempSync(join(parent, `${PREFIX}${process.pid}-`)))
    } catch (cause) {
      const { code, message } = cause as NodeJS.ErrnoException
      const hint = 'TMPDIR names the folder for temporary files'
      const known: Record<string, [code: 'KV_READ_ONLY' | 'KV_DISK_FULL' | 'KV_UNAVAILABLE', why: string]> = {
        EACCES: ['KV_READ_ONLY', 'permission denied'],
        EROFS: ['KV_READ_ONLY', 'it is read-only'],
        ENOSPC: ['KV_DISK_FULL', 'no space left'],
        ENOENT: ['KV_UNAVAILABLE', 'no such folder'],
        ENOTDIR: ['KV_UNAVAILABLE', 'not a folder'],
      }
      const [kvCode, why] = known[code ?? ''] ?? (['KV_UNAVAILABLE', message] as const)
      throw new KvError(kvCode, `cannot make a temporary store in ${parent}: ${why}`, { hint, cause })
    }
  }

  /** Removes the folder and all that is in it. */
  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
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
      if (!pid || isAlive(Number(pid))) continue
      const path = join(parent, name)
      const stat = lstatSync(path)
      if (stat.isDirectory() && stat.uid === process.getuid?.()) rmSync(path, { recursive: true, force: true })
    }
  } catch {
    // A folder that may not be listed, or another benchmark that was quicker.
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}
