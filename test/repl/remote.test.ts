import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { givenStore, startKv } from '../helpers/kv.ts'
import { type Served, served } from '../helpers/serve.ts'
import { tempDir } from '../helpers/temp-dir.ts'
import { script } from './scripts.ts'
import { open } from './sessions.ts'

/** A `kv serve` over a store with two entries. */
async function serve(env: Record<string, string> = {}): Promise<Served> {
  const store = await givenStore([
    ['a', '1'],
    ['b', '2'],
  ])
  return served([], { store, env })
}

test('a session sends the token, also for lines with options of their own, and after .open', async () => {
  const { url } = await serve({ KV_TOKEN: 'secret' })
  const lines = `get a\nput c 3 --lock-timeout 3s\n.undo\nget c --default none\n.open ${url}/\ncount`
  expect(await script(lines, { args: ['--store', url], env: { KV_TOKEN: 'secret' } })).toEqual({
    stdout: '1none2\n',
    stderr: 'undone: put c 3 --lock-timeout 3s (1 key)\n',
    code: 0,
  })
})

test('whatever waits for a server that hangs, Ctrl-C ends it', async () => {
  const { url, child } = await serve()
  const home = tempDir()
  writeFileSync(join(home, 'rows'), '["k","v"]\n')
  writeFileSync(join(home, 'lines'), 'get a\n')
  using screen = await open({ home, env: { PAGER: 'cat' } }, ['--store', url])
  await screen.run('get a')
  child.kill('SIGSTOP')
  onTestFinished(() => void child.kill('SIGCONT'))
  const lines = [
    'get a',
    'get a b',
    'put q 1',
    'del q',
    'del --prefix zz --yes',
    'range',
    'count',
    'ttl a',
    'peek a',
    'stat',
    'check',
    'watch --all',
    '.snapshot',
    '.watch 1 get a',
    'batch-put rows',
    'batch-put < rows',
    '.read lines',
    'get a | cat',
    'get a > out',
    `.open ${url}/`,
    'get a --timeout 1h',
  ]
  for (const line of lines) {
    screen.type(`${line}\r`)
    // A line for the shell has begun when the terminal is given to it.
    await screen.until(() => screen.raw.endsWith(/[|>]/.test(line) ? '\u001b[?2004l' : '\r\n'))
    await screen.interrupt()
  }
  expect(screen.text).not.toContain('KV_INTERNAL')
  await screen.leave()
  expect(screen.exitCode).toBe(0)
})

test('a session whose server says nothing begins all the same, and hears every key', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  using screen = await open({}, ['--store', `http://127.0.0.1:${port}`])
  screen.type('get a\r')
  await screen.until(() => screen.raw.endsWith('\r\n'))
  await screen.interrupt()
  await screen.leave()
  expect(screen.exitCode).toBe(0)
})

test('a script that waits for a server ends by the signal', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const child = startKv(['repl', '--store', `http://127.0.0.1:${port}`])
  child.stdin!.write('get a\n')
  await once(server, 'connection')
  child.kill('SIGINT')
  expect(await once(child, 'exit')).toEqual([null, 'SIGINT'])
})
