import { once } from 'node:events'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ended, startKv } from '../helpers/kv.ts'
import { tempDir } from '../helpers/temp-dir.ts'
import { head, listening, raw } from './server.ts'

type Line = Record<string, unknown>

describe('--log', () => {
  test.for<[string, string, string, string, Line]>([
    [
      'POST',
      '/put/?key=user:1&v%61lue=hidden&value=hidden',
      '',
      '',
      { target: '/put/?key=user:1&v%61lue=&value=', status: 200 },
    ],
    [
      'POST',
      '/put/?key=a&valeu=hidden',
      '',
      '',
      { target: '/put/?key=a&valeu=', status: 422, reason: 'the call is wrong' },
    ],
    ['GET', '/read/user%3A1', '', '', { target: '/read/user%3A1', status: 404, reason: 'Key not found' }],
    ['DELETE', '/v1/range?prefix=b&all', '', '', { target: '/v1/range?prefix=b&all', status: 200, deleted: 0 }],
    ['GET', '/read_key_range/?start_key=a&end_key=b', '', '', { target: '/read_key_range/?start_key=a&end_key=b' }],
    [
      'PUT',
      '/v1/keys/a?ttl=9s',
      'content-length: 6\r\nx-forwarded-for: 203.0.113.9\r\n',
      'hidden',
      { target: '/v1/keys/a?ttl=9s', status: 201, forwarded_for: '203.0.113.9' },
    ],
    ['POST', '/v1/batch', 'content-length: 14\r\n', '["a","hidden"]', { target: '/v1/batch', operations: 1 }],
    [
      'POST',
      '/nothing?token=hidden',
      'host: evil.example\r\n',
      '',
      { target: '/nothing?token=', status: 400, reason: 'the header host may be given once only' },
    ],
  ])(
    'says what was asked for and how it ended, and no value: %s %s',
    async ([method, target, headers, body, expected]) => {
      const lines: string[] = []
      const { port } = await listening({ log: (line) => lines.push(line) })
      const answer = await raw(port, head(`${method} ${target}`, `connection: close\r\n${headers}`) + body)
      expect(lines.join('')).not.toContain('hidden')
      expect(lines.map((line) => JSON.parse(line) as Line)).toEqual([
        expect.objectContaining({
          time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
          client: '127.0.0.1',
          method,
          bytes: answer.length,
          ms: expect.any(Number),
          ...expected,
        }),
      ])
    },
  )

  test('writes what clients say so that no terminal acts on it, and refusals do the same', async () => {
    const lines: string[] = []
    const { port } = await listening({ log: (line) => lines.push(line) })
    const answers = [
      await raw(
        port,
        Buffer.from(
          head('GET /v1/count?%c2%9b%e2%80%ae', 'connection: close\r\nx-forwarded-for: \x9b31m\r\n'),
          'latin1',
        ),
      ),
      await raw(port, Buffer.from(head('GET /', 'expect: \x9b31m\r\n'), 'latin1')),
    ]
    expect(answers.map((answer) => answer.split('\r\n', 1)[0])).toEqual([
      'HTTP/1.1 400 Bad Request',
      'HTTP/1.1 417 Expectation Failed',
    ])
    expect([...answers, ...lines].join('')).not.toMatch(/[\x7f-\x9f\u202e]/)
    expect(JSON.parse(lines[0]!)).toMatchObject({ forwarded_for: '\x9b31m', reason: 'unknown parameter: \x9b\u202e' })
  })

  test('says what was refused before it was a request', async () => {
    const lines: string[] = []
    const { port } = await listening({ log: (line) => lines.push(line) })
    for (const line of ['nonsense', 'CONNECT x:80', 'GET /?é']) await raw(port, head(line))
    await raw(port, head('GET /', 'expect: 200-ok\r\n'))
    expect(lines.map((line) => (JSON.parse(line) as Line)['status'])).toEqual([400, 405, 400, 417])
    for (const line of lines)
      expect(JSON.parse(line)).toMatchObject({ client: '127.0.0.1', reason: expect.any(String) })
  })

  test('that nobody reads stops nothing, and tells later how much is missing', async () => {
    const child = startKv(['serve', '--port', '0', '--json', '--log'], { store: join(tempDir(), 'store.kv') })
    const [line] = (await once(child.stdout!, 'data')) as [Buffer]
    const port = Number(new URL((JSON.parse(line.toString()) as { url: string }).url).port)
    const ask = (path: string): Promise<string> =>
      raw(port, `GET ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`)
    // More than a pipe and what Node reads ahead of it hold.
    for (let n = 0; n < 100; n++) expect(await ask(`/v1/keys/${'k'.repeat(5000)}`)).toContain(' 404 ')
    let text = ''
    child.stderr!.on('data', (data: Buffer) => (text += data.toString()))
    for (let n = 0; !text.includes('/v1/keys/last') && n < 1000; n++) await ask('/v1/keys/last')
    child.kill('SIGTERM')
    expect((await ended(child)).code).toBe(0)
    const lines = text
      .split('\n')
      .slice(1, -1)
      .map((one) => JSON.parse(one) as Line)
    const missing = lines.map(({ dropped = 0 }) => Number(dropped)).reduce((sum, dropped) => sum + dropped, 0)
    expect(missing).toBeGreaterThan(0)
    expect(
      missing + lines.filter(({ target }) => String(target).startsWith('/v1/keys/kkk')).length,
    ).toBeGreaterThanOrEqual(100)
  })

  test('that nobody ever reads lets the server end', async () => {
    const child = startKv(['serve', '--port', '0', '--json', '--log'], { store: join(tempDir(), 'store.kv') })
    const [line] = (await once(child.stdout!, 'data')) as [Buffer]
    const port = Number(new URL((JSON.parse(line.toString()) as { url: string }).url).port)
    for (let n = 0; n < 100; n++) await raw(port, head(`GET /v1/keys/${'k'.repeat(5000)}`, 'connection: close\r\n'))
    child.kill('SIGTERM')
    const [code] = (await once(child, 'exit')) as [number]
    expect(code).toBe(0)
    child.stderr!.destroy()
  })
})
