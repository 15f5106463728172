import { spawnSync } from 'node:child_process'
import { tempDir } from '../helpers/temp-dir.ts'
import { KV } from './screen.ts'

/** How a script of a session is run. */
export interface ScriptRun {
  readonly args?: readonly string[]
  readonly home?: string
  readonly env?: Readonly<Record<string, string>>
}

/** Runs a script of a session on `t.kv` of a folder of the test's own. */
export function script(
  input: string | Uint8Array,
  { args = [], home = tempDir(), env = {} }: ScriptRun = {},
): { stdout: string; stderr: string; code: number | null } {
  const { stdout, stderr, status } = spawnSync(process.execPath, [KV, 'repl', '--store', 't.kv', ...args], {
    cwd: home,
    input,
    env: { PATH: process.env['PATH'], HOME: home, ...env },
    encoding: 'utf8',
  })
  return { stdout, stderr, code: status }
}
