import { execFileSync } from 'node:child_process'
import { tempDir } from '../helpers/temp-dir.ts'
import { KV, Screen, type ScreenOptions } from './screen.ts'

/** A session on `t.kv` in a folder of the test's own, at its first prompt. */
export async function open(
  options: Partial<ScreenOptions> = {},
  args: readonly string[] = ['--store', 't.kv'],
): Promise<Screen> {
  const screen = new Screen(args, { home: tempDir(), ...options })
  await screen.until(/> $|>$/)
  return screen
}

/** Runs kv on `t.kv` of a folder as another process, to its end; returns what it printed. */
export function kv(home: string, ...args: string[]): string {
  return run(home, args, undefined)
}

/** A folder with a `t.kv` that holds these entries. */
export function given(entries: readonly (readonly [key: string, value: string])[], home = tempDir()): string {
  run(home, ['batch-put', '--quiet'], entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''))
  return home
}

function run(cwd: string, args: readonly string[], input: string | undefined): string {
  return execFileSync(process.execPath, [KV, '--store', 't.kv', ...args], {
    cwd,
    input: input ?? '',
    env: { PATH: process.env['PATH'], HOME: cwd },
    encoding: 'utf8',
  })
}
