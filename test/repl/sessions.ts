import { join } from 'node:path'
import { expect } from 'vitest'
import { openStore } from '../../src/index.ts'
import { kv as runKv } from '../helpers/kv.ts'
import { tempDir } from '../helpers/temp-dir.ts'
import { Screen, type ScreenOptions } from './screen.ts'

/** A session on `t.kv` in a folder of the test's own, at its first prompt. */
export async function open(
  options: Partial<ScreenOptions> = {},
  args: readonly string[] = ['--store', 't.kv'],
): Promise<Screen> {
  const screen = new Screen(args, { home: tempDir(), ...options })
  await screen.until(/> $|>$/)
  return screen
}

/** Runs kv on `t.kv` of a folder to its end; returns what it printed. */
export async function kv(home: string, ...args: string[]): Promise<string> {
  const run = await runKv(['--store', 't.kv', ...args], { cwd: home, env: { HOME: home } })
  expect([run.stderr, run.code]).toEqual(['', 0])
  return run.stdout.toString()
}

/** A folder with a `t.kv` that holds these entries. */
export async function given(
  entries: readonly (readonly [key: string, value: string])[],
  home = tempDir(),
): Promise<string> {
  await using store = await openStore(join(home, 't.kv'), { durable: false })
  await store.batch(entries.map(([key, value]) => ({ type: 'put', key, value })))
  return home
}
