import { once } from 'node:events'
import type { ChildProcess } from 'node:child_process'
import { expect, onTestFinished, test } from 'vitest'
import { openStore } from '../../src/index.ts'
import { ended, expectRun, givenStore, kvProcess, startKv } from '../helpers/kv.ts'
import { type Served, served } from '../helpers/serve.ts'
import { openTestStore } from '../helpers/store.ts'

interface Printed {
  readonly type: 'put' | 'del'
  readonly key: string
  readonly value?: string
  readonly position: string
}

function printed(stdout: string): Printed[] {
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Printed)
}

interface Watching {
  readonly child: ChildProcess
  readonly run: ReturnType<typeof ended>
  /** Settles when the watch has printed a text. */
  shows(text: string): Promise<void>
}

/** A `kv watch` of a server, once it says that it stands. */
async function watching(server: Served, args: readonly string[]): Promise<Watching> {
  const child = startKv(['watch', '--store', server.url, ...args])
  const run = ended(child)
  let out = ''
  child.stdout!.on('data', (data: Buffer) => (out += data.toString()))
  const shows = async (text: string): Promise<void> => {
    while (!out.includes(text)) await once(child.stdout!, 'data')
  }
  await once(child.stderr!, 'data')
  return { child, run, shows }
}

test('--initial of a server prints what is there, then each change since', async () => {
  const server = await served([], {
    store: await givenStore([
      ['a', '1'],
      ['b', '2'],
    ]),
  })
  const { run } = await watching(server, ['--all', '--initial', '--limit', '4'])
  const store = await openStore(server.url)
  onTestFinished(() => store.close())
  await store.put('c', '3')
  await store.del('a')
  const { stdout, stderr, code } = await run
  expect({ stderr, code }).toEqual({ stderr: 'kv: watching all keys\n', code: 0 })
  expect(printed(String(stdout)).map(({ type, key, value }) => [type, key, value])).toEqual([
    ['put', 'a', '1'],
    ['put', 'b', '2'],
    ['put', 'c', '3'],
    ['del', 'a', undefined],
  ])
})

test('a loop with --after at a server misses nothing of what happens between two runs', async () => {
  const server = await served([], { store: await givenStore([['a', '0']]) })
  const store = await openStore(server.url)
  onTestFinished(() => store.close())
  const next = async (...args: string[]): Promise<Printed> => {
    const { stdout } = await kvProcess(['watch', 'a', '--limit', '1', '--quiet', '--store', server.url, ...args])
    return printed(String(stdout))[0]!
  }
  let last = await next('--initial')
  const seen = [last.value]
  for (let i = 1; i < 5; i++) await store.put('a', String(i))
  await store.del('a')
  while (last.type !== 'del') seen.push((last = await next('--after', last.position)).value)
  expect(seen).toEqual([...'01234', undefined])
})

test('a position that a server does not know says how to begin again', async () => {
  const server = await served()
  expectRun(await kvProcess(['watch', '--prefix', 'a b', '--after', 'abc-7', '--store', server.url]), {
    code: 4,
    stderr:
      /^kv: .+ \(KV_WATCH_GAP\)\nhint: begin again with what is there: kv --store \S+ watch --prefix 'a b' --initial\n$/,
  })
})

test.for([[], ['--latest']])('a command is run for the changes of a server: %s', async (flags) => {
  const server = await served([], { store: await givenStore([['k', 'first']]) })
  const { child, run, shows } = await watching(server, [
    'k',
    '--initial',
    ...flags,
    '--',
    'sh',
    '-c',
    'echo "$KV_TYPE $KV_VALUE"',
  ])
  await shows('put first\n')
  const store = await openStore(server.url)
  onTestFinished(() => store.close())
  for (let i = 0; i < 10; i++) await store.put('k', String(i))
  await shows('put 9\n')
  child.kill('SIGTERM')
  const seen = String((await run).stdout)
    .trimEnd()
    .split('\n')
  const all = ['first', ...'0123456789'].map((value) => `put ${value}`)
  expect(await run).toMatchObject({ signal: 'SIGTERM' })
  if (flags.length === 0) expect(seen).toEqual(all)
  else expect(all.filter((line) => seen.includes(line))).toEqual(seen)
})

// What happens while there is no server is written by another process into the file.
test(
  'a server that is killed and started again loses no change of a watch, nor doubles any',
  { timeout: 60_000 },
  async () => {
    const path = await givenStore([['w:0', 'first']])
    let server = await served([], { store: path })
    const { run, shows } = await watching(server, ['--prefix', 'w:', '--initial', '--limit', '16'])
    await shows('first')
    const store = await openTestStore(path)
    const expected = ['first']
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 5; i++) {
        if (i === 2) {
          server.child.kill('SIGKILL')
          await server.run
        }
        const value = `${round}:${i}`
        await store.put(`w:${i}`, value)
        expected.push(value)
      }
      const seen = round === 2 ? run : shows(`${round}:4`)
      server = await served(['--port', String(server.port)], { store: path })
      await seen
    }
    const { stdout, stderr, code } = await run
    expect({ stderr, code }).toEqual({ stderr: 'kv: watching keys that begin with w:\n', code: 0 })
    expect(printed(String(stdout)).map(({ value }) => value)).toEqual(expected)
  },
)
