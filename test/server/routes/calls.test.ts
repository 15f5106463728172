import { describe, expect, test } from 'vitest'
import { head, listening, raw, server } from '../server.ts'

type Call = [
  method: 'GET' | 'PUT' | 'POST' | 'DELETE' | 'HEAD',
  url: string,
  headers: Record<string, string>,
  body: string | Buffer | undefined,
  status: number,
  detail: string,
]

describe('what a call asks for is done or refused, never left out', () => {
  test.for<Call>([
    ['DELETE', '/v1/range?prefix=a&prefix=b', {}, undefined, 400, 'prefix is given twice'],
    ['GET', '/v1/watch?key=a&key=b', {}, undefined, 400, 'key is given twice'],
    ['GET', '/v1/stat?limit=1', {}, undefined, 400, 'unknown parameter: limit'],
    ['POST', '/v1/check?limit=1', {}, undefined, 400, 'unknown parameter: limit'],
    ['POST', '/put/?key=a&value=2', { 'if-match': '"999"' }, undefined, 400, 'this call takes no condition'],
    [
      'POST',
      '/batch_put/',
      { 'if-none-match': '*' },
      '{"keys":["a"],"values":["2"]}',
      400,
      'this call takes no condition',
    ],
    ['DELETE', '/delete/a', { 'if-match': '"999"' }, undefined, 400, 'this call takes no condition'],
    ['DELETE', '/delete/a', { 'kv-if-revision': '999' }, undefined, 400, 'this call takes no condition'],
    ['POST', '/v1/batch', { 'if-match': '"999"' }, '["a","2"]', 400, 'this call takes no condition'],
    ['DELETE', '/v1/range?prefix=a', { 'if-match': '"999"' }, undefined, 400, 'this call takes no condition'],
    [
      'PUT',
      '/v1/keys/a',
      { 'content-range': 'bytes 1-1/3' },
      '2',
      400,
      'a part of a value cannot be written: Content-Range',
    ],
    ['GET', '/v1/keys/a', { 'if-match': '"999"' }, undefined, 412, 'the condition does not hold'],
    ['GET', '/v1/keys/a', { 'if-match': 'W/"1"' }, undefined, 412, 'the condition does not hold'],
    [
      'POST',
      '/v1/get',
      {},
      '{"key_base64":"YQ==","encoding":"hex"}',
      422,
      'line 1: a key is a JSON string, or {"key_base64":...}',
    ],
    [
      'POST',
      '/batch_put/',
      {},
      '{"keys":["a",],"values":["hidden"]}',
      400,
      'The body is not valid JSON: line 1, column 14',
    ],
    ['POST', '/batch_put/', {}, '{"keys":["a"],\n"é":1 2}', 400, 'The body is not valid JSON: line 2, column 7'],
    ['POST', '/batch_put/', {}, '{"keys":["a"]', 400, 'The body is not valid JSON: it ends too early'],
    ['POST', '/batch_put/', {}, '{}{}', 400, 'The body is not valid JSON: line 1, column 3'],
    [
      'DELETE',
      '/delete/%ff',
      {},
      undefined,
      406,
      'the key is not UTF-8 and cannot be shown as JSON; delete it with DELETE /v1/keys/{key}',
    ],
    [
      'GET',
      '/read/%ff',
      {},
      undefined,
      406,
      'the key is not UTF-8 and cannot be shown as JSON; read it with GET /v1/keys/{key}',
    ],
    ['GET', '/read//', {}, undefined, 404, 'Not Found'],
    ['GET', '/v1/keys//', {}, undefined, 404, 'Not Found'],
    ['DELETE', '/delete//', {}, undefined, 404, 'Not Found'],
  ])('%s %s %j %s: %i', async ([method, url, headers, payload, status, detail]) => {
    const app = await server()
    await app.inject({ method: 'PUT', url: '/v1/keys/a', payload: '1' })
    const answer = await app.inject({ method, url, headers, ...(payload === undefined ? {} : { payload }) })
    expect([answer.statusCode, answer.json().detail]).toEqual([status, detail])
    expect((await app.inject('/v1/keys/a')).body).toBe('1')
  })

  test.for(['*', 'TAG', '"7", TAG'])('a condition of a read that holds is no obstacle: %s', async (form) => {
    const app = await server()
    const put = await app.inject({ method: 'PUT', url: '/v1/keys/a', payload: '1' })
    const match = form.replace('TAG', String(put.headers.etag))
    expect((await app.inject({ url: '/v1/keys/a', headers: { 'if-match': match } })).statusCode).toBe(200)
    expect((await app.inject({ url: '/v1/keys/nope', headers: { 'if-match': match } })).statusCode).toBe(404)
  })
})

describe('a body is its bytes', () => {
  test.for(['json', 'x', '', 'a/', '/', 'text/ plain', 'text/plain; charset', 'application/x-www-form-urlencoded'])(
    'whatever its type is called: %j',
    async (type) => {
      const { port, app } = await listening()
      expect(
        await raw(
          port,
          `${head('PUT /v1/keys/a', `connection: close\r\ncontent-length: 1\r\ncontent-type: ${type}\r\n`)}1`,
        ),
      ).toMatch(/^HTTP\/1.1 201 /)
      expect((await app.inject('/v1/keys/a')).body).toBe('1')
    },
  )

  test.for([
    [
      '/batch_put/',
      '{"keys":["a"],"values":["1"]}',
      '{"message":"Batch put successful.","data":{"keys":["a"],"values":["1"]}}',
    ],
    ['/v1/batch', '["a","1"]', '{"operations":1,"revision":1}'],
    ['/v1/get', '"a"', 'null\n'],
  ] as const)('also with a byte order mark before text: %s', async ([url, payload, body]) => {
    const app = await server()
    const answer = await app.inject({ method: 'POST', url, payload: `\ufeff${payload}` })
    expect([answer.statusCode, answer.body]).toEqual([200, body])
  })
})

test.for([
  ['HEAD /v1/keys/a HTTP/1.0', ''],
  ['GET /v1/keys/a HTTP/1.0', '1'],
  ['GET /read/a HTTP/1.0', '{"message":"Key data fetched successfully.","data":{"key":"a","value":"1"}}'],
  ['GET /v1/range HTTP/1.0', '{"key":"a","value":"1"}\n'],
  ['HEAD /read_key_range/?start_key=a&end_key=b HTTP/1.0', ''],
  ['GET /v1/count HTTP/1.0', '{"count":1}'],
] as const)('HTTP/1.0 is answered whole and in its own form: %s', async ([line, body]) => {
  const { port, app } = await listening()
  await app.inject({ method: 'PUT', url: '/v1/keys/a', payload: '1' })
  const answer = await raw(port, `${line}\r\n\r\n`)
  expect(answer).toMatch(/^HTTP\/1\.1 200 /)
  expect(answer).not.toMatch(/transfer-encoding/i)
  expect(answer.slice(answer.indexOf('\r\n\r\n') + 4)).toBe(body)
})
