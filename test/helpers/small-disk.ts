import { execFileSync } from 'node:child_process'
import { type TestContext, onTestFinished } from 'vitest'
import { tempDir } from './temp-dir.ts'

/** A disk of the test's own; skips where none can be mounted, which needs root. */
export function smallDisk(context: TestContext, size: string): string {
  const folder = tempDir()
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'none', folder], { stdio: 'pipe' })
  } catch (error) {
    const reason = String((error as { stderr?: Buffer }).stderr ?? error).trim()
    const unprivileged = process.getuid?.() !== 0 || /permission denied|not permitted|must be superuser|ENOENT/i.test(reason)
    if (process.env['CI'] && !unprivileged) throw new Error(`cannot mount a tmpfs: ${reason}`, { cause: error })
    console.warn(`disk-full tests skipped, cannot mount a tmpfs: ${reason}`)
    context.skip(`cannot mount a tmpfs: ${reason}`)
  }
  // Registered after the folder's removal and so run before it. Lazy: also when a file is still open.
  onTestFinished(() => void execFileSync('umount', ['-l', folder]))
  return folder
}
