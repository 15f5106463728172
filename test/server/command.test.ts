import { once } from 'node:events'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo } from 'node:net'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openStore } from '../../src/index.ts'
import { contents, ended, errorText, expectRun, kv, startKv } from '../helpers/kv.ts'
import { served } from '../helpers/serve.ts'
import { tempDir } from '../helpers/temp-dir.ts'
import { EventStream } from './event-stream.ts'
import { raw } from './server.ts'

describe('kv serve', () => {
  test('serves until SIGTERM, then exits 0 with the store closed', async () => {
    const { child, url, path, run } = await served()
    expectRun(await kv(['put', 'a', '1', '--store', url]), { code: 0 })
    expectRun(await kv(['get', 'a', '--store', url]), { code: 0, stdout: '1' })
    child.kill('SIGTERM')
    const { code, stderr } = await run
    expect(stderr).toContain(`${url}/docs`)
    expect(code).toBe(0)
    expect(await contents(path)).toEqual([['a', '1']])
  })

  test('finishes at SIGTERM what is under way, and cuts off what does not end', { timeout: 20_000 }, async () => {
    const { child, port, url, path, run } = await served()
    const stuck = raw(port, 'PUT /v1/keys/stuck HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\nhalf')
    expectRun(await kv(['put', 'a', '1', '--store', url]), { code: 0 })
    child.kill('SIGTERM')
    expect((await run).code).toBe(0)
    await stuck
    expect(await contents(path)).toEqual([['a', '1']])
  })

  test('does not wait at SIGTERM for connections on which nothing came', { timeout: 20_000 }, async () => {
    const { child, port, url, run } = await served()
    const socket = connect(port, '127.0.0.1').on('error', () => {})
    await once(socket, 'connect')
    const closed = once(socket, 'close')
    const stuck = raw(port, 'PUT /v1/keys/stuck HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\nhalf')
    expectRun(await kv(['put', 'a', '1', '--store', url]), { code: 0 })
    child.kill('SIGTERM')
    await Promise.race([closed, stuck.then(() => expect.fail('it was closed with the others only'))])
    expect((await run).code).toBe(0)
  })

  test('ends watches at SIGTERM, whole, without waiting', async () => {
    const { child, url, run } = await served()
    const events = await EventStream.open(url, '/v1/watch')
    await events.event()
    expectRun(await kv(['put', 'a', '1', '--store', url]), { code: 0 })
    await events.event()
    child.kill('SIGTERM')
    expect(await events.rest()).toContain('event: put')
    expect((await run).code).toBe(0)
  })

  test('says in one line that a port is in use', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    onTestFinished(() => void other.close())
    const { port } = other.address() as AddressInfo
    expectRun(await kv(['serve', '--port', String(port), '--store', join(tempDir(), 'a.kv')]), {
      code: 4,
      stderr: errorText(
        `port ${port} on 127.0.0.1 is in use`,
        'KV_UNAVAILABLE',
        'choose another with --port; 0 takes any free one',
      ),
    })
  })

  test.for([[[]], [['--read-only']]] as const)('does not begin where no store can be: %j', async ([args]) => {
    const folder = tempDir()
    const path = join(folder, 'none', 'store.kv')
    expectRun(await kv(['serve', '--port', '0', ...args], { store: path }), {
      code: 4,
      stderr: errorText(
        `cannot make ${path}: its folder does not exist`,
        'KV_UNAVAILABLE',
        `make it first: mkdir -p ${join(folder, 'none')}`,
      ),
    })
    writeFileSync(join(folder, 'none'), '')
    expect((await kv(['serve', '--port', '0', ...args], { store: path })).code).toBe(4)
  })

  test('is not ready while no store can be there, and tells its log why', async () => {
    const folder = join(tempDir(), 'later')
    mkdirSync(folder)
    const store = join(folder, 'store.kv')
    const child = startKv(['serve', '--port', '0', '--json', '--log'], { store })
    const run = ended(child)
    const [line] = (await once(child.stdout!, 'data')) as [Buffer]
    const { url } = JSON.parse(line.toString()) as { url: string }
    expect((await fetch(`${url}/ready`)).status).toBe(200)
    rmSync(folder, { recursive: true })
    const answer = await fetch(`${url}/ready`)
    expect([answer.status, await answer.json()]).toEqual([
      503,
      { detail: 'the store cannot be used', code: 'KV_UNAVAILABLE' },
    ])
    mkdirSync(folder)
    expect((await fetch(`${url}/ready`)).status).toBe(200)
    child.kill('SIGTERM')
    expect((await run).stderr).toContain(`"cause":"cannot make ${store}: its folder does not exist"`)
  })

  test('refuses to serve others without a token', async () => {
    const { code, stderr } = await kv(['serve', '--host', '0.0.0.0', '--port', '0'])
    expect(code).toBe(2)
    expect(stderr).toMatch(/KV_USAGE.*\nhint: give --token-file/)
  })

  test.for([
    [['--port', '70000']],
    [['--max-body', 'much']],
    [['--cert', 'c.pem']],
    [['--token-file', '/nowhere']],
    [['--cors', '*']],
    [['--cors', 'https://app.example/page']],
    [['--cors', 'https://*.app.example']],
    [['--cors', 'app.example']],
    [['--cors', 'null']],
    [['--cors', 'chrome-extension://a/page']],
    [['--allow-host', '*']],
    [['--allow-host', '*.example']],
    [['--allow-host', 'http://db.example']],
  ] as const)('refuses %j with exit 2', async ([args]) => {
    expect((await kv(['serve', ...args])).code).toBe(2)
  })

  test.skipIf(networkInterfaces()['lo']?.every(({ family }) => family !== 'IPv6'))(
    'takes addresses in brackets, and an origin with a slash after it',
    async () => {
      const { url, child, run } = await served([
        '--host',
        '[::1]',
        '--cors',
        'chrome-extension://abcdef',
        '--cors',
        'http://App.example/',
        '--allow-host',
        'db.example',
      ])
      expect(url).toMatch(/^http:\/\/\[::1\]:\d+$/)
      expect(
        (await fetch(`${url}/health`, { headers: { origin: 'http://app.example' } })).headers.get(
          'access-control-allow-origin',
        ),
      ).toBe('http://app.example')
      child.kill('SIGTERM')
      expect((await run).code).toBe(0)
    },
  )

  test('asks for the token in a file, which commands send', async () => {
    const file = join(tempDir(), 'token')
    writeFileSync(file, 'sesame\n')
    const { url } = await served(['--token-file', file])
    expect((await kv(['count', '--store', url])).code).toBe(4)
    expectRun(await kv(['count', '--store', url], { env: { KV_TOKEN: 'sesame' } }), { code: 0, stdout: '0\n' })
    expectRun(await kv(['count', '--store', url], { env: { KV_TOKEN_FILE: file } }), { code: 0, stdout: '0\n' })
  })

  test('exit codes are those of a local store', async () => {
    const { url } = await served()
    const on = (...args: string[]) => kv([...args, '--store', url])
    expect((await on('get', 'a')).code).toBe(1)
    expect((await on('put', 'a', '1', '--if-value', 'x')).code).toBe(1)
    expect((await on('put', 'k'.repeat(65_536), '1')).code).toBe(2)
    expect((await kv(['batch-put', '--store', url], { input: '{"key":"b","value":"1"}\nnonsense\n' })).code).toBe(3)
    expectRun(await on('range'), { code: 0, stdout: '{"key":"b","value":"1"}\n' })
  })
})

test('a server killed under load loses no write it has acknowledged', { timeout: 60_000 }, async () => {
  const { child, url, path } = await served()
  const store = await openStore(url)
  onTestFinished(() => store.close())
  const acknowledged: string[] = []
  let next = 0
  const writer = async (): Promise<void> => {
    for (;;) {
      const key = `k${String(next++).padStart(6, '0')}`
      try {
        await store.put(key, key)
      } catch {
        return
      }
      acknowledged.push(key)
      if (acknowledged.length === 500) child.kill('SIGKILL')
    }
  }
  await Promise.all(Array.from({ length: 16 }, writer))
  expect(acknowledged.length).toBeGreaterThanOrEqual(500)
  const found = new Set((await contents(path)).map(([key]) => key))
  expect(acknowledged.filter((key) => !found.has(key))).toEqual([])
})
