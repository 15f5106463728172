import { type Socket, connect } from 'node:net'
import { EventEmitter, once } from 'node:events'
import { describe, expect, onTestFinished, test } from 'vitest'
import { buildApp } from '../../../src/server/app.ts'
import { openTestStore } from '../../helpers/store.ts'
import { head, listening, raw, server } from '../server.ts'

const detail = (answer: string): unknown => JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4)).detail as unknown

describe('who may call', () => {
  test.for([
    ['localhost', 200],
    ['localhost:9', 200],
    ['127.0.0.1:8003', 200],
    ['127.9.9.9', 200],
    ['[::1]:1', 200],
    ['db.example', 200],
    ['DB.example:80', 200],
    ['evil.example', 403],
    ['localhost.evil.example', 403],
    ['127.0.0.1.evil.example', 403],
    ['10.0.0.1', 403],
  ] as const)('the host %j gets %i', async ([host, status]) => {
    const app = await server({ allowHosts: ['db.example'] })
    const answer = await app.inject({ url: '/v1/count', headers: { host } })
    expect(answer.statusCode).toBe(status)
    if (status === 403) expect(answer.json()).toHaveProperty('detail')
  })

  test('a page of another origin may not write, one of this server may', async () => {
    const app = await server({ corsOrigins: ['https://app.example'] })
    const put = async (origin: string): Promise<number> =>
      (await app.inject({ method: 'POST', url: '/put/?key=a&value=1', headers: { host: 'localhost:8003', origin } }))
        .statusCode
    expect(await put('http://evil.example')).toBe(403)
    expect(await put('null')).toBe(403)
    expect((await app.inject('/v1/count')).json()).toEqual({ count: 0 })
    expect(await put('http://localhost:8003')).toBe(200)
    expect(await put('https://app.example')).toBe(200)
  })

  test('CORS headers go to the origins named, and to no other', async () => {
    const app = await server({ corsOrigins: ['https://app.example'] })
    const preflight = (origin: string) =>
      app.inject({ method: 'OPTIONS', url: '/v1/keys/a', headers: { origin, 'access-control-request-method': 'PUT' } })
    const allowed = await preflight('https://app.example')
    expect(allowed.statusCode).toBe(204)
    expect(allowed.headers['access-control-allow-origin']).toBe('https://app.example')
    const foreign = await preflight('https://evil.example')
    expect(foreign.statusCode).toBe(403)
    expect(foreign.headers['access-control-allow-origin']).toBeUndefined()
    expect(
      (await app.inject({ url: '/v1/count', headers: { origin: 'https://evil.example' } })).headers[
        'access-control-allow-origin'
      ],
    ).toBeUndefined()
  })

  test('a token is asked for everywhere but where there is no data, and never logged', async () => {
    const lines: string[] = []
    const app = await server({ token: 'sesame', log: (line) => lines.push(line) })
    const get = async (url: string, authorization?: string): Promise<number> =>
      (await app.inject({ url, headers: authorization === undefined ? {} : { authorization } })).statusCode
    for (const url of ['/read/a', '/v1/keys/a', '/v1/range', '/v1/info', '/metrics', '/nothing']) {
      expect([url, await get(url)]).toEqual([url, 401])
      expect([url, await get(url, 'Bearer wrong')]).toEqual([url, 401])
      expect([url, await get(url, 'Basic sesame')]).toEqual([url, 401])
    }
    for (const url of ['/health', '/ready', '/openapi.json']) expect([url, await get(url)]).toEqual([url, 200])
    expect(await get('/v1/range', 'Bearer sesame')).toBe(200)
    await app.inject({
      method: 'POST',
      url: '/put/?key=logged&value=hidden',
      headers: { authorization: 'Bearer sesame' },
    })
    await app.inject({ url: '/v1/keys/logged', headers: { authorization: 'Bearer sesame' } })
    expect(lines.join('')).toContain('/v1/keys/logged')
    expect(lines.join('')).not.toMatch(/sesame|hidden/)
  })

  test('a server that only reads refuses every write', async () => {
    const app = await server({ readOnly: true })
    for (const [method, url] of [
      ['PUT', '/v1/keys/a'],
      ['DELETE', '/v1/keys/a'],
      ['POST', '/put/?key=a&value=b'],
      ['POST', '/batch_put/'],
      ['DELETE', '/delete/a'],
      ['POST', '/v1/batch'],
      ['POST', '/v1/load'],
      ['DELETE', '/v1/range?all=true'],
      ['PUT', '/v1/history'],
      ['DELETE', '/v1/history'],
    ] as const) {
      const answer = await app.inject({ method, url })
      expect([url, answer.statusCode]).toEqual([url, 403])
      expect(answer.json()).toMatchObject({ code: 'KV_READ_ONLY' })
    }
    expect((await app.inject({ method: 'POST', url: '/v1/get', payload: '"a"' })).statusCode).toBe(200)
  })
})

describe('requests of an unusual form', () => {
  const first = (answer: string): string => answer.slice(0, answer.indexOf('\r\n'))

  test.for([
    ['HEAD /v1/keys/a', '200 OK'],
    ['HEAD /docs', '200 OK'],
    ['OPTIONS /v1/keys/a', '405 Method Not Allowed'],
    ['TRACE /v1/keys/a', '405 Method Not Allowed'],
    ['PATCH /v1/keys/a', '405 Method Not Allowed'],
    ['GET http://localhost/v1/keys/a', '200 OK'],
    ['GET /v1/keys/..', '404 Not Found'],
    ['GET //v1/keys/a', '404 Not Found'],
    ['GET /v1/keys/a//b', '404 Not Found'],
  ] as const)('%s is %s', async ([line, status]) => {
    const { port, app } = await listening()
    await app.inject({ method: 'PUT', url: '/v1/keys/a', payload: '1' })
    expect(first(await raw(port, `${line} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`))).toBe(
      `HTTP/1.1 ${status}`,
    )
  })

  test.for([
    ['GET /docs/nope', '', '404 Not Found'],
    ['GET /docs/static/../../../package.json', '', '403 Forbidden'],
    ['GET /docs/static/%2e%2e/%2e%2e/package.json', '', '403 Forbidden'],
    ['GET /v1/count', 'expect: 200-ok\r\n', '417 Expectation Failed'],
    ['CONNECT localhost:80', '', '405 Method Not Allowed'],
  ] as const)('%s %jis %s, with detail', async ([line, header, status]) => {
    const { port } = await listening()
    const answer = await raw(port, `${line} HTTP/1.1\r\nhost: localhost\r\n${header}connection: close\r\n\r\n`)
    expect(first(answer)).toBe(`HTTP/1.1 ${status}`)
    expect(detail(answer)).toEqual(expect.any(String))
  })

  test('pipelined requests are answered in order', async () => {
    const { port } = await listening()
    const put = (value: string): string =>
      `PUT /v1/keys/a HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\n\r\n${value}`
    const answer = await raw(
      port,
      `${put('1')}${put('2')}GET /v1/keys/a HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`,
    )
    expect(answer.match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 201', 'HTTP/1.1 200', 'HTTP/1.1 200'])
    expect(answer.endsWith('\r\n\r\n2')).toBe(true)
  })

  test('what is no HTTP is refused after the answers to what came before it', async () => {
    const { port, app } = await listening()
    const answer = await raw(port, 'PUT /v1/keys/a HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\n\r\nna\u00efve')
    expect(answer.match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 201', 'HTTP/1.1 400'])
    expect(detail(answer.slice(answer.lastIndexOf('HTTP/1.1')))).toEqual(expect.any(String))
    expect((await app.inject('/v1/keys/a')).statusCode).toBe(200)
  })

  test('a pipelined request sees the writes before it, and a write waits for the reads before it', async () => {
    const store = await openTestStore('memory:')
    const began: string[] = []
    const slowly = async (name: string): Promise<void> => {
      began.push(name)
      for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
    }
    const { put, count, del } = {
      put: store.put.bind(store),
      count: store.count.bind(store),
      del: store.del.bind(store),
    }
    store.put = async (...of) => slowly('put').then(() => put(...of))
    store.count = async (...of) => slowly('count').then(() => count(...of))
    store.del = async (...of) => {
      began.push('del')
      return del(...of)
    }
    const app = await buildApp(store)
    onTestFinished(() => app.close())
    const port = Number(new URL(await app.listen({ host: '127.0.0.1', port: 0 })).port)
    const line = (request: string, more = ''): string => `${request} HTTP/1.1\r\nhost: localhost\r\n${more}\r\n`
    const answer = await raw(
      port,
      line('PUT /v1/keys/a', 'content-length: 1\r\n') +
        '1' +
        line('GET /v1/keys/a') +
        line('GET /v1/count') +
        line('GET /v1/count') +
        line('DELETE /v1/keys/a') +
        line('GET /v1/keys/a', 'connection: close\r\n'),
    )
    expect(answer.match(/HTTP\/1.1 \d+/g)).toEqual([201, 200, 200, 200, 204, 404].map((status) => `HTTP/1.1 ${status}`))
    expect(answer.match(/{"count":\d}/g)).toEqual(['{"count":1}', '{"count":1}'])
    expect(began).toEqual(['put', 'count', 'count', 'del'])
  })

  test('requests of a client that goes away while they are pipelined do not stay under way', async () => {
    const store = await openTestStore('memory:')
    let asked = 0
    const calls = new EventEmitter()
    const [gone, allAsked] = [once(calls, 'gone'), once(calls, 'asked')]
    const count = store.count.bind(store)
    store.count = async (...of) => {
      if (++asked === 2) calls.emit('asked')
      await gone
      return count(...of)
    }
    const app = await buildApp(store, { maxRequests: 2 })
    onTestFinished(() => app.close())
    const port = Number(new URL(await app.listen({ host: '127.0.0.1', port: 0 })).port)
    const socket = connect(port, '127.0.0.1')
    const [accepted] = (await once(app.server, 'connection')) as [Socket]
    const closed = once(accepted, 'close')
    const request = 'GET /v1/count HTTP/1.1\r\nhost: localhost\r\n\r\n'
    socket.write(request + request)
    await allAsked
    socket.destroy()
    await closed
    calls.emit('gone')
    expect(
      (await Promise.all([app.inject('/v1/count'), app.inject('/v1/count')])).map(({ statusCode }) => statusCode),
    ).toEqual([200, 200])
  })

  test('a client that asks first whether to send its body is told to go on', async () => {
    const { port } = await listening()
    const answer = await raw(
      port,
      'PUT /v1/keys/a HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\nconnection: close\r\ncontent-length: 1\r\n\r\n1',
    )
    expect(answer).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 201 /)
  })

  test('a body that trickles in small chunks is taken whole', async () => {
    const { port, app } = await listening()
    const chunks = Array.from({ length: 50 }, () => '1\r\nx\r\n').join('')
    await raw(
      port,
      `PUT /v1/keys/a HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`,
    )
    expect((await app.inject('/v1/keys/a')).body).toBe('x'.repeat(50))
  })
})

describe('limits', () => {
  test('a body over the limit is 413, said or not said in advance', async () => {
    const { port } = await listening({ maxBodyBytes: 1000 })
    const said = await raw(
      port,
      `PUT /v1/keys/a HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1001\r\n\r\n${'x'.repeat(1001)}`,
    )
    expect(said).toMatch(/^HTTP\/1.1 413 /)
    expect(detail(said)).toContain('1000')
    const chunked = await raw(
      port,
      `PUT /v1/keys/a HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n400\r\n${'x'.repeat(1024)}\r\n0\r\n\r\n`,
    )
    expect(chunked).toMatch(/^HTTP\/1.1 413 /)
  })

  test.for([
    ['a body', head('PUT /v1/keys/a', 'content-length: 20000000\r\n'), 413],
    ['a body in chunks', `${head('PUT /v1/keys/a', 'transfer-encoding: chunked\r\n')}1312d00\r\n`, 413],
    ['an address', 'GET /', 431],
  ] as const)('the refusal of %s reaches a client that sends all of it first', async ([, begin, status]) => {
    const { port } = await listening({ maxBodyBytes: 1000 })
    const socket = connect(port, '127.0.0.1')
    onTestFinished(() => void socket.destroy())
    const failed = once(socket, 'error').then(([error]) => expect.fail((error as Error).message))
    failed.catch(() => {})
    await Promise.race([failed, new Promise((resolve) => socket.write(begin + 'x'.repeat(20_000_000), resolve))])
    const [answer] = (await Promise.race([failed, once(socket, 'data')])) as [Buffer]
    expect(String(answer)).toContain(`HTTP/1.1 ${status} `)
  })

  test.for([
    ['GET /read/na\u00efve HTTP/1.1', 'percent-encoded'],
    ['POST /put/?key=na\u00efve&value=1 HTTP/1.1', 'percent-encoded'],
    ['GET /read/a b HTTP/1.1', '%20'],
    ['GET /read/a HTTP/3.7', 'HTTP/1.1'],
  ] as const)('%s is told what is wrong with it', async ([line, hint]) => {
    const { port } = await listening()
    const answer = await raw(port, `${line}\r\nhost: localhost\r\n\r\n`)
    expect(answer).toMatch(/^HTTP\/1.1 400 /)
    expect(detail(answer)).toContain(hint)
  })

  test('a URL or headers that are too long are 431 with detail', async () => {
    const { port } = await listening()
    for (const head of [
      `GET /read/${'a'.repeat(300_000)} HTTP/1.1\r\nhost: localhost\r\n\r\n`,
      `GET /read/a HTTP/1.1\r\nhost: localhost\r\nx: ${'a'.repeat(300_000)}\r\n\r\n`,
    ]) {
      const answer = await raw(port, head)
      expect(answer).toMatch(/^HTTP\/1.1 431 /)
      expect(answer).toContain('\r\nkv-server: 1\r\n')
      expect(detail(answer)).toContain('too long')
    }
  })

  test('of many headers none is left out', async () => {
    const { port, app } = await listening()
    const many = Array.from({ length: 1500 }, (_, i) => `x${i}: y\r\n`).join('')
    expect(
      await raw(port, head('PUT /v1/keys/a', `content-length: 0\r\nconnection: close\r\n${many}if-match: "999"\r\n`)),
    ).toMatch(/^HTTP\/1.1 412 /)
    expect((await app.inject('/v1/count')).json()).toEqual({ count: 0 })
    expect(
      await raw(port, `${head('PUT /v1/keys/a', `connection: close\r\n${many}content-length: 5\r\n`)}hello`),
    ).toMatch(/^HTTP\/1.1 201 /)
    expect((await app.inject('/v1/keys/a')).body).toBe('hello')
  })

  test('what is not HTTP is 400 with detail', async () => {
    const { port } = await listening()
    for (const request of [
      'nonsense\r\n\r\n',
      'GET /read/a\0 HTTP/1.1\r\nhost: localhost\r\n\r\n',
      'GET /read/a HTTP/1.1\r\nhost a\r\n\r\n',
    ]) {
      const answer = await raw(port, request)
      expect([request, answer.slice(0, 12)]).toEqual([request, 'HTTP/1.1 400'])
      expect(detail(answer)).toBeTruthy()
    }
  })

  test('a request without a host is refused with detail', async () => {
    const { port } = await listening()
    const answer = await raw(port, 'GET /v1/count HTTP/1.1\r\nconnection: close\r\n\r\n')
    expect(answer).toMatch(/^HTTP\/1.1 403 /)
    expect(detail(answer)).toContain('host')
  })

  test('a client that stops within the head is cut off', async () => {
    const { port } = await listening({ headTimeoutMs: 100 })
    const answer = await raw(port, 'GET /v1/count HTTP/1.1\r\nhost: local')
    expect(answer).toMatch(/^HTTP\/1.1 408 /)
    expect(detail(answer)).toBeTruthy()
  })

  test('a client that stops within the body gets 408, and nothing is stored', async () => {
    const { port, app } = await listening({ bodyTimeoutMs: 100 })
    const answer = await raw(port, 'PUT /v1/keys/a HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\nhalf')
    expect(answer).toMatch(/^HTTP\/1.1 408 /)
    expect((await app.inject('/v1/count')).json()).toEqual({ count: 0 })
  })

  test('a connection that says nothing is closed', async () => {
    const { port } = await listening({ idleTimeoutMs: 100, headTimeoutMs: 200 })
    expect(await raw(port, '')).toMatch(/^(HTTP\/1.1 408 .*)?/)
    const socket = connect(port, '127.0.0.1')
    socket.resume()
    await once(socket, 'close')
  })

  test('a client that goes away within the body leaves nothing stored, and the server well', async () => {
    const { port, app } = await listening()
    const socket = connect(port, '127.0.0.1')
    socket.write('PUT /v1/keys/a HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\nhalf')
    await once(app.server, 'request')
    socket.destroy()
    await once(socket, 'close')
    expect((await app.inject('/v1/count')).json()).toEqual({ count: 0 })
  })

  test('more requests at a time than allowed are 503 with Retry-After, and go on later', async () => {
    const { port, app } = await listening({ maxRequests: 2 })
    const sockets = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')]
    for (const socket of sockets) {
      socket.write('PUT /v1/keys/a HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\nhalf')
      await once(app.server, 'request')
    }
    const refused = await app.inject('/v1/count')
    expect(refused.statusCode).toBe(503)
    expect(refused.headers['retry-after']).toBe('1')
    expect(refused.json()).toHaveProperty('detail')
    expect((await app.inject('/health')).statusCode).toBe(200)
    const left = sockets.map((socket) => {
      socket.resume()
      return once(socket, 'data')
    })
    for (const socket of sockets) socket.write('123456')
    await Promise.all(left)
    for (const socket of sockets) socket.destroy()
    expect((await app.inject('/v1/count')).statusCode).toBe(200)
  })

  test('1,000 connections are served', async () => {
    const { port } = await listening()
    const answers = await Promise.all(
      Array.from({ length: 1000 }, () =>
        raw(port, 'GET /v1/count HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n'),
      ),
    )
    expect(answers.filter((answer) => answer.endsWith('{"count":0}'))).toHaveLength(1000)
  })
})
