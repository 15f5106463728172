import { chmodSync, cpSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type TestContext } from 'vitest'
import { BIN, type Run, startNode, ended } from './kv.ts'
import { tempDir } from './temp-dir.ts'

/** A folder of the test's own with these rights, in which every user may look. */
export function openFolder(mode: number): string {
  const folder = tempDir()
  chmodSync(folder, mode)
  return folder
}

/**
 * Runs kv as other users; skips where the test is not run by root. Node itself is started by root, and kv is a copy,
 * since both may lie where other users do not reach.
 */
export function asUsers(context: TestContext): (uid: number, args: readonly string[]) => Promise<Run> {
  if (process.getuid?.() !== 0) {
    console.warn('tests of rights skipped: only root can be other users')
    context.skip('not root')
  }
  const root = dirname(dirname(BIN))
  const copy = openFolder(0o755)
  for (const folder of ['bin', 'dist', 'package.json'])
    cpSync(join(root, folder), join(copy, folder), { recursive: true })
  const launcher = join(copy, 'as-user.cjs')
  writeFileSync(
    launcher,
    `const [uid, ...args] = process.argv.slice(2)
    process.setgroups([])
    process.setgid(Number(uid))
    process.setuid(Number(uid))
    process.argv = [process.argv[0], ${JSON.stringify(join(copy, 'bin/kv.cjs'))}, ...args]
    require(process.argv[1])`,
  )
  return (uid, args) => {
    const child = startNode([launcher, String(uid), ...args], { cwd: copy })
    child.stdin!.end()
    return ended(child)
  }
}
