import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KvError } from '../errors.ts'

/** A folder of one benchmark's own, in the system's folder for temporary files. */
export class Workspace {
  readonly folder: string

  private constructor(folder: string) {
    this.folder = folder
  }

  /** Makes the folder. Throws `KV_UNAVAILABLE`, `KV_READ_ONLY` or `KV_DISK_FULL` when that cannot be. */
  static make(): Workspace {
    const parent = tmpdir()
    try {
      return new Workspace(mkdtempSync(join(parent, 'kv-bench-store-')))
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
