import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect } from 'vitest'
import { type Run, type RunOptions, ended, startKv } from './kv.ts'
import { tempDir } from './temp-dir.ts'

/** A `kv serve` that runs. */
export interface Served {
  readonly child: ChildProcess
  readonly url: string
  readonly port: number
  /** Its store's file. */
  readonly path: string
  /** How it ends. */
  readonly run: Promise<Run>
}

/** `kv serve` on a free port, by default over a new store, once it answers; it is killed when the test is over. */
export async function served(
  args: readonly string[] = [],
  { store: path = join(tempDir(), 'store.kv'), ...options }: RunOptions = {},
): Promise<Served> {
  const child = startKv(['serve', '--port', '0', '--json', ...args], { ...options, store: path })
  const run = ended(child)
  const [line] = (await Promise.race([once(child.stdout!, 'data'), run.then(({ stderr }) => expect.fail(stderr))])) as [
    Buffer,
  ]
  const { url } = JSON.parse(line.toString()) as { url: string }
  return { child, url, port: Number(new URL(url).port), path, run }
}
