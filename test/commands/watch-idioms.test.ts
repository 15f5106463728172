import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { type Store, openStore } from '../../src/index.ts'
import { ended, environment, givenStore, shellScript } from '../helpers/kv.ts'
import { hasProgram } from '../helpers/programs.ts'
import { served } from '../helpers/serve.ts'
import { tempDir } from '../helpers/temp-dir.ts'

/** The part of README.md about watching. */
const WATCHING = /^## Watching\n([^]*?)^## /m.exec(
  readFileSync(new URL('../../README.md', import.meta.url), 'utf8'),
)![1]!

const [LOOP] = /^line=[^`]*/m.exec(WATCHING)!
const [FOR_EACH] = /kv watch --prefix job: -- .*?(?= {2}#)/.exec(WATCHING)!

interface Idiom {
  readonly child: ChildProcess
  readonly run: ReturnType<typeof ended>
  /** Ends the script and what it runs. */
  stop(): void
}

/** Runs a script of README in a folder with a program `reload`. */
function idiom(script: string, location: string, reload: string): Idiom {
  const folder = tempDir()
  writeFileSync(join(folder, 'reload'), `#!/bin/sh\n${reload}\n`)
  chmodSync(join(folder, 'reload'), 0o755)
  const child = spawn('sh', ['-c', shellScript(script)], {
    env: environment({ KV_STORE: location }),
    cwd: folder,
    detached: true,
  })
  const stop = (): void =>
    void (child.exitCode === null && child.signalCode === null && process.kill(-child.pid!, 'SIGTERM'))
  onTestFinished(stop)
  return { child, run: ended(child), stop }
}

/** The store at a location, closed when the test is over. */
async function opened(location: string): Promise<Store> {
  const store = await openStore(location)
  onTestFinished(() => store.close())
  return store
}

const STORES: readonly (readonly [string, () => Promise<string>])[] = [
  ['a file', () => givenStore([['config', '0']])],
  ['a server', async () => (await served([], { store: await givenStore([['config', '0']]) })).url],
]

test.skipIf(!hasProgram('jq')).for(STORES)(
  'the loop of README runs its command once for every change of %s, also those that come while it works',
  { timeout: 60_000 },
  async ([, location]) => {
    const at = await location()
    const store = await opened(at)
    // While the first runs, the others come; the seventh ends the loop.
    const reload = 'echo run; echo x >> runs; [ $(wc -l < runs) -gt 1 ] || read -r go; [ $(wc -l < runs) -lt 7 ]'
    const { child, run } = idiom(LOOP, at, reload)
    await once(child.stdout!, 'data')
    for (let i = 1; i < 7; i++) await store.put('config', String(i))
    child.stdin!.end('go\n')
    const { stdout, code, stderr } = await run
    expect([String(stdout), code]).toEqual(['run\n'.repeat(7), 0])
    expect(stderr.replaceAll('kv: watching config\n', '')).toBe('')
  },
)

test.for(STORES)(
  'the command of README for each change of %s gets every one',
  { timeout: 60_000 },
  async ([, location]) => {
    const at = await location()
    const store = await opened(at)
    const { child, run, stop } = idiom(FOR_EACH, at, '')
    let out = ''
    child.stdout!.on('data', (data: Buffer) => {
      out += data.toString()
      if (out.includes('del job:3')) stop()
    })
    await once(child.stderr!, 'data')
    for (let i = 0; i < 20; i++) await store.put(`job:${i}`, `work ${i};`)
    await store.del('job:3')
    expect(String((await run).stdout)).toBe(
      `${Array.from({ length: 20 }, (_, i) => `put job:${i}\nwork ${i};`).join('')}del job:3\n`,
    )
  },
)
