import { kv, kvProcess } from '../helpers/kv.ts'
import { tempDir } from '../helpers/temp-dir.ts'

/** How a script of a session is run. */
export interface ScriptRun {
  readonly args?: readonly string[]
  readonly home?: string
  readonly env?: Readonly<Record<string, string>>
}

/** How it ended and what it wrote. */
export interface ScriptOutcome {
  readonly stdout: string
  readonly stderr: string
  readonly code: number | null
}

/** Runs a script of a session on `t.kv` of a folder of the test's own. */
export async function script(
  input: string | Uint8Array,
  { args = [], home = tempDir(), env = {} }: ScriptRun = {},
  run: typeof kv = kv,
): Promise<ScriptOutcome> {
  const options = { cwd: home, input, env: { HOME: home, ...env } }
  const { stdout, stderr, code } = await run(['repl', '--store', 't.kv', ...args], options)
  return { stdout: stdout.toString(), stderr, code }
}

/** The same in a process of its own: for a script with programs, which write to the output of the process. */
export async function scriptProcess(input: string | Uint8Array, options: ScriptRun = {}): Promise<ScriptOutcome> {
  return script(input, options, kvProcess)
}

/** Whether a script may run programs of the shell. */
export function hasPrograms(lines: string): boolean {
  return /[|!]/.test(lines)
}
