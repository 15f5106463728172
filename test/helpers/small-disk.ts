import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, onTestFinished } from 'vitest'
import { tempDir } from './temp-dir.ts'

/** A disk of the test's own; skips where none can be mounted, which needs root. */
export function smallDisk(context: TestContext, size: string): string {
  return mounted(context, ['-t', 'tmpfs', '-o', `size=${size}`, 'none'])
}

/** The same folder once more, for reading only, as containers get theirs; skips where it cannot be mounted. */
export function readOnlyView(context: TestContext, folder: string): string {
  const view = mounted(context, ['--bind', folder])
  execFileSync('mount', ['-o', 'remount,ro,bind', view])
  return view
}

/** A file once more, alone in another folder, as containers get one; skips where it cannot be mounted. */
export function mountedAlone(context: TestContext, file: string): string {
  const name = join(tempDir(), 'alone.kv')
  writeFileSync(name, '')
  return mounted(context, ['--bind', file], name)
}

function mounted(context: TestContext, args: readonly string[], folder = tempDir()): string {
  try {
    execFileSync('mount', [...args, folder], { stdio: 'pipe' })
  } catch (error) {
    const reason = String((error as { stderr?: Buffer }).stderr ?? error).trim()
    const unprivileged =
      process.getuid?.() !== 0 || /permission denied|not permitted|must be superuser|ENOENT/i.test(reason)
    if (process.env['CI'] && !unprivileged) throw new Error(`cannot mount: ${reason}`, { cause: error })
    console.warn(`tests with a disk of their own skipped, cannot mount: ${reason}`)
    context.skip(`cannot mount: ${reason}`)
  }
  // Registered after the folder's removal and so run before it. Lazy: also when a file is still open.
  onTestFinished(() => void execFileSync('umount', ['-l', folder]))
  return folder
}
