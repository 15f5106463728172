import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import { describe, expect, test } from 'vitest'
import { head, listening, raw, server } from '../server.ts'

const ALLOWED = 'https://app.example'
const LINK = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }

const get = (app: FastifyInstance, url: string, headers: Record<string, string>): Promise<LightMyRequestResponse> =>
  app.inject({ url, headers: { host: 'localhost:8003', ...headers } })

describe('a page of another origin', () => {
  test.for<[string, string, Record<string, string>, number]>([
    [
      'may not load a value',
      '/read/a',
      { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'object' },
      403,
    ],
    [
      'may not load one of the same site',
      '/v1/keys/a',
      { 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'script' },
      403,
    ],
    [
      'may not tell what is there from what is not',
      '/v1/keys/nope',
      { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'script' },
      403,
    ],
    ['may not frame it', '/docs', { ...LINK, 'sec-fetch-dest': 'iframe' }, 403],
    ['may not open a value', '/v1/range', LINK, 403],
    ['may link to the documentation', '/docs', LINK, 200],
    ['may not watch, which writes', '/v1/watch', { origin: 'https://evil.example' }, 403],
    [
      'may not read',
      '/v1/count',
      { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors' },
      403,
    ],
    ['may not read from a sandbox', '/v1/count', { origin: 'null' }, 403],
    [
      'may read when it is allowed',
      '/v1/count',
      { origin: ALLOWED, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors' },
      200,
    ],
    [
      'is not one that a proxy has under another host',
      '/v1/count',
      { origin: 'https://127.0.0.1:9', 'sec-fetch-site': 'same-origin' },
      200,
    ],
    [
      'may not pass through such a proxy under any name',
      '/v1/count',
      { origin: 'http://evil.example', 'sec-fetch-site': 'same-origin' },
      403,
    ],
    ['is not whoever types the address', '/v1/count', { ...LINK, 'sec-fetch-site': 'none' }, 200],
    ['is not the page of the server', '/v1/count', { 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'cors' }, 200],
    ['is not a program', '/v1/count', { 'sec-fetch-mode': 'cors' }, 200],
  ])('%s: %s', async ([, url, headers, status]) => {
    const app = await server({ corsOrigins: [ALLOWED] })
    await app.inject({ method: 'PUT', url: '/v1/keys/a', payload: '1' })
    const answer = await get(app, url, headers)
    expect(answer.statusCode).toBe(status)
    if (status === 403)
      expect(answer.json()).toMatchObject({
        detail: expect.stringContaining('pages of') as string,
        hint: 'kv serve --cors ORIGIN lets them',
      })
  })

  test.for(['/read/a', '/read/nope', '/v1/range', '/health', '/docs', '/nothing'])(
    'can neither embed nor frame an answer: %s',
    async (url) => {
      const app = await server()
      await app.inject({ method: 'PUT', url: '/v1/keys/a', payload: '1' })
      expect((await app.inject(url)).headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'cross-origin-resource-policy': 'same-origin',
        'content-security-policy': expect.stringContaining("frame-ancestors 'none'") as string,
      })
    },
  )

  test('may send whatever headers it likes when it is allowed', async () => {
    const app = await server({ corsOrigins: [ALLOWED, 'chrome-extension://abcdef'] })
    const asked = 'traceparent, x-requested-with,content-type'
    const preflight = (origin: string, headers: string) =>
      app.inject({
        method: 'OPTIONS',
        url: '/v1/keys/a',
        headers: { origin, 'access-control-request-method': 'PUT', 'access-control-request-headers': headers },
      })
    expect((await preflight(ALLOWED, asked)).headers).toMatchObject({
      'access-control-allow-origin': ALLOWED,
      'access-control-allow-headers': asked,
    })
    expect((await preflight('chrome-extension://abcdef', asked)).statusCode).toBe(204)
    expect((await preflight(ALLOWED, 'x\u00e9')).headers['access-control-allow-headers']).toBeUndefined()
  })

  test('can be answered from no cache with the answer for another', async () => {
    const app = await server({ corsOrigins: [ALLOWED] })
    const headers = async (origin: Record<string, string>) => (await get(app, '/health', origin)).headers
    expect((await headers({}))['vary']).toBe('origin')
    expect((await headers({ origin: ALLOWED }))['access-control-expose-headers']).toContain('retry-after')
    expect((await headers({ origin: 'https://evil.example' }))['vary']).toBe('origin')
  })
})

describe('the host of a request', () => {
  test.for([
    ['GET http://evil.example/v1/count HTTP/1.1', 'host: localhost\r\n', 403],
    ['GET http://localhost@evil.example/v1/count HTTP/1.1', 'host: localhost\r\n', 403],
    ['GET http://localhost:1/v1/count HTTP/1.1', 'host: evil.example\r\n', 200],
    ['GET http://localhost?x HTTP/1.1', 'host: localhost\r\n', 404],
    ['GET /v1/count HTTP/1.1', 'host: localhost\r\nhost: evil.example\r\n', 400],
    ['GET /v1/count HTTP/1.1', 'host: localhost\r\nauthorization: Bearer a\r\nAuthorization: Bearer b\r\n', 400],
    ['GET /v1/count HTTP/1.0', '', 200],
    ['GET /v1/count HTTP/1.0', 'host: evil.example\r\n', 403],
    ['GET /health HTTP/1.0', '', 200],
    ['GET /ready HTTP/1.1', 'host: kv:8003\r\n', 200],
    ['GET /health/ HTTP/1.1', 'host: kv:8003\r\n', 200],
    ['GET /docs HTTP/1.1', 'host: kv:8003\r\n', 403],
    ['OPTIONS / HTTP/1.0', '', 204],
    ['OPTIONS * HTTP/1.1', 'host: localhost\r\n', 204],
    ['OPTIONS /ready HTTP/1.0', '', 204],
    ['GET / HTTP/1.1', 'host: localhost\r\n', 404],
  ] as const)('%s, %j: %i', async ([line, headers, status]) => {
    const { port } = await listening()
    const answer = await raw(port, `${line}\r\n${headers}connection: close\r\n\r\n`)
    expect(answer.slice(9, 12)).toBe(String(status))
    if (status >= 400) expect(answer).toContain('"detail":')
  })

  test('is asked of nobody who looks whether the server with a token runs', async () => {
    const { port } = await listening({ token: 'sesame' })
    for (const line of ['OPTIONS /', 'GET /health'])
      expect(await raw(port, head(line, 'connection: close\r\n'))).toMatch(/^HTTP\/1.1 20[04] /)
    expect(await raw(port, head('GET /v1/count', 'connection: close\r\n'))).toMatch(/^HTTP\/1.1 401 /)
  })
})
