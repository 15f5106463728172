import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Run, contents, ended, startKv } from '../helpers/kv.ts'
import { tempDir } from '../helpers/temp-dir.ts'
import { client, head, raw } from './server.ts'

const FIRST = '127.0.0.1'
const SECOND = '127.0.0.2'

/**
 * `kv serve --host localhost` where that name means these addresses, as it does `::1` and `127.0.0.1` on most
 * machines.
 */
function serve(addresses: readonly string[], port = 0): { child: ChildProcess; run: Promise<Run>; path: string } {
  const folder = tempDir()
  const resolver = join(folder, 'resolver.cjs')
  writeFileSync(
    resolver,
    `require('node:dns/promises').lookup = async () => ${JSON.stringify(addresses.map((address) => ({ address, family: 4 })))}`,
  )
  const path = join(folder, 'store.kv')
  const child = startKv(['serve', '--host', 'localhost', '--port', String(port), '--json'], {
    store: path,
    env: { NODE_OPTIONS: `--require=${resolver}` },
  })
  return { child, run: ended(child), path }
}

async function portOf(child: ChildProcess): Promise<number> {
  const [line] = (await once(child.stdout!, 'data')) as [Buffer]
  return Number(new URL((JSON.parse(line.toString()) as { url: string }).url).port)
}

// Every address of 127.0.0.0/8 is this machine's on Linux.
describe.skipIf(process.platform !== 'linux')('a host name with several addresses', () => {
  test.for([
    ['an expectation', 417, 'GET /v1/count', 'expect: 200-ok\r\n'],
    ['CONNECT', 405, 'CONNECT x:80', ''],
    ['nonsense', 400, 'nonsense', ''],
    ['a long address', 431, `GET /${'a'.repeat(300_000)}`, ''],
    ['a good request', 200, 'GET /v1/count', 'connection: close\r\n'],
  ] as const)('%s is answered %i on each', async ([, status, line, headers]) => {
    const { child } = serve([FIRST, SECOND])
    const port = await portOf(child)
    for (const address of [FIRST, SECOND]) {
      const answer = await raw(port, head(line, headers), address)
      expect([address, answer.slice(0, 12)]).toEqual([address, `HTTP/1.1 ${status}`])
      expect(answer).toContain('kv-server: 1')
      if (status !== 200) expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))).toHaveProperty('detail')
    }
  })

  test.for([FIRST, SECOND])(
    'SIGTERM waits for no silent connection, and finishes what is under way: %s',
    async (address) => {
      const { child, run, path } = serve([FIRST, SECOND])
      const port = await portOf(child)
      const silent = client(port, '', address)
      const [, sending] = await Promise.all([once(silent, 'connect'), asked(port, address)])
      const answer = once(sending, 'data')
      child.kill('SIGTERM')
      await once(silent.resume(), 'close')
      sending.write('half')
      expect(String(await answer)).toMatch(/^HTTP\/1.1 201 /)
      expect((await run).code).toBe(0)
      expect(await contents(path)).toEqual([['a', 'halfhalf']])
    },
  )

  test('an address that this machine does not have is told, and the others serve', async () => {
    const { child, run } = serve(['203.0.113.1', SECOND])
    expect(await raw(await portOf(child), head('GET /health', 'connection: close\r\n'), SECOND)).toContain(
      '{"status":"ok"}',
    )
    child.kill('SIGTERM')
    expect((await run).stderr).toMatch(
      /^kv: not listening on 203\.0\.113\.1, which localhost means too: .*EADDRNOTAVAIL/,
    )
  })

  test.for([FIRST, SECOND])('a port that another program has on %s is not shared with it', async (address) => {
    const other = createServer().listen(0, address)
    await once(other, 'listening')
    onTestFinished(() => void other.close())
    const { port } = other.address() as AddressInfo
    const { run } = serve([FIRST, SECOND], port)
    expect(await run).toMatchObject({
      code: 4,
      stderr: expect.stringContaining(`kv: port ${port} on ${address} is in use (KV_UNAVAILABLE)`) as string,
    })
  })
})

/** A client that has sent half of a body, once the server waits for the rest. */
async function asked(port: number, address: string): Promise<ReturnType<typeof client>> {
  const socket = client(
    port,
    head('PUT /v1/keys/a', 'content-length: 8\r\nexpect: 100-continue\r\nconnection: close\r\n'),
    address,
  )
  const [go] = (await once(socket, 'data')) as [Buffer]
  expect(String(go)).toBe('HTTP/1.1 100 Continue\r\n\r\n')
  socket.write('half')
  return socket
}
