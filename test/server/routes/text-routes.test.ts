import type { FastifyInstance } from 'fastify'
import { describe, expect, test } from 'vitest'
import { server, shown } from '../server.ts'

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE'

async function ask(app: FastifyInstance, method: Method, url: string, payload?: string | object): Promise<string> {
  return shown(await app.inject({ method, url, ...(payload === undefined ? {} : { payload }) }))
}

async function filled(): Promise<FastifyInstance> {
  const app = await server()
  expect(await ask(app, 'POST', '/batch_put/', { keys: ['a', 'b', 'c'], values: ['1', '2', '3'] })).toMatch(/^200 /)
  return app
}

describe.for(['', '/'])('the five endpoints, their paths ending in %j', (slash) => {
  test('read answers the value, or 404', async () => {
    const app = await filled()
    expect(await ask(app, 'GET', `/read/a${slash}`)).toBe(
      '200 {"message":"Key data fetched successfully.","data":{"key":"a","value":"1"}}',
    )
    expect(await ask(app, 'GET', `/read/x${slash}`)).toBe('404 {"detail":"Key not found"}')
  })

  test('read_key_range answers both ends and what is between', async () => {
    const app = await filled()
    expect(await ask(app, 'GET', `/read_key_range${slash}?start_key=a&end_key=b`)).toBe(
      '200 {"message":"Data range fetched successfully.","data":[{"key":"a","value":"1"},{"key":"b","value":"2"}]}',
    )
    expect(await ask(app, 'GET', `/read_key_range${slash}?start_key=x&end_key=z`)).toBe(
      '200 {"message":"Data range fetched successfully.","data":[]}',
    )
    expect(await ask(app, 'GET', `/read_key_range${slash}?start_key=b&end_key=a`)).toBe(
      '400 {"detail":"start_key must not be after end_key"}',
    )
  })

  test('put stores and answers what was stored', async () => {
    const app = await server()
    expect(await ask(app, 'POST', `/put${slash}?key=k%2F1&value=Ada+L%20%C3%A9`)).toBe(
      '200 {"message":"Key-Value pair stored successfully.","data":{"key":"k/1","value":"Ada L é"}}',
    )
    expect(await ask(app, 'GET', `/read/k%2f1${slash}`)).toBe(
      '200 {"message":"Key data fetched successfully.","data":{"key":"k/1","value":"Ada L é"}}',
    )
  })

  test('paths and names of fields may be percent-encoded', async () => {
    const app = await server()
    expect(await ask(app, 'POST', `/%70ut${slash}?k%65y=user:1&val%75e=Ada`)).toBe(
      '200 {"message":"Key-Value pair stored successfully.","data":{"key":"user:1","value":"Ada"}}',
    )
    expect(await ask(app, 'GET', `/%72ead/user:1${slash}`)).toBe(
      '200 {"message":"Key data fetched successfully.","data":{"key":"user:1","value":"Ada"}}',
    )
    expect(await ask(app, 'GET', `/v1/%6Beys/user%3a1${slash}`)).toBe('200 Ada')
    expect(await ask(app, 'GET', `/%72ead/a/b${slash}`)).toBe('404 {"detail":"Not Found"}')
    expect(await ask(app, 'GET', `/v1%2Fkeys/user:1${slash}`)).toBe('404 {"detail":"Not Found"}')
    expect(await ask(app, 'GET', `/%72ead%2Fuser:1${slash}`)).toBe('404 {"detail":"Not Found"}')
  })

  test('batch_put stores all, and of a key twice the last', async () => {
    const app = await server()
    expect(await ask(app, 'POST', `/batch_put${slash}`, { keys: ['a', 'a'], values: ['1', '2'] })).toBe(
      '200 {"message":"Batch put successful.","data":{"keys":["a","a"],"values":["1","2"]}}',
    )
    expect(await ask(app, 'GET', '/read/a')).toContain('"value":"2"')
  })

  test('batch_put of unequal lengths stores nothing', async () => {
    const app = await server()
    expect(await ask(app, 'POST', `/batch_put${slash}`, { keys: ['a', 'b'], values: ['1'] })).toBe(
      '400 {"detail":"Keys and values length must match"}',
    )
    expect(await ask(app, 'GET', '/read/a')).toMatch(/^404 /)
  })

  test('delete deletes once', async () => {
    const app = await filled()
    expect(await ask(app, 'DELETE', `/delete/a${slash}`)).toBe(
      '200 {"message":"Key deleted successfully.","data":{"key":"a"}}',
    )
    expect(await ask(app, 'DELETE', `/delete/a${slash}`)).toBe('404 {"detail":"Key not found"}')
  })
})

describe('a wrong call of the five', () => {
  test.for<[Method, string, string | object | undefined, (string | number)[]]>([
    ['POST', '/put/?key=a', undefined, ['query', 'value']],
    ['POST', '/put/?value=a', undefined, ['query', 'key']],
    ['POST', '/put/?key=&value=a', undefined, ['query', 'key']],
    ['POST', '/put/?key=%FF&value=a', undefined, ['query', 'key']],
    ['POST', '/put/?key=%zz&value=a', undefined, ['query', 'key']],
    ['GET', '/read_key_range/?start_key=a', undefined, ['query', 'end_key']],
    ['GET', '/read/%zz', undefined, ['path', 'key']],
    ['POST', '/batch_put/', {}, ['body', 'keys']],
    ['POST', '/batch_put/', undefined, ['body']],
    ['POST', '/batch_put/', [], ['body']],
    ['POST', '/batch_put/', { keys: 'a', values: [] }, ['body', 'keys']],
    ['POST', '/batch_put/', { keys: ['a', 1], values: ['1', '2'] }, ['body', 'keys', 1]],
    ['POST', '/batch_put/', { keys: ['a'], values: [null] }, ['body', 'values', 0]],
    ['POST', '/batch_put/', '{"keys":["\\ud800"],"values":["1"]}', ['body', 'keys', 0]],
    ['POST', '/batch_put/', { keys: [''], values: ['1'] }, ['body', 'keys', 0]],
  ])('%s %s %j is 422 and names %j', async ([method, url, payload, loc]) => {
    const app = await server()
    const answer = await app.inject({ method, url, ...(payload === undefined ? {} : { payload }) })
    expect(answer.statusCode).toBe(422)
    const { detail } = answer.json<{ detail: { loc: unknown; msg: string; type: string }[] }>()
    expect(detail[0]).toEqual({ loc, msg: expect.any(String), type: expect.any(String) })
    expect((await app.inject('/v1/count')).json()).toEqual({ count: 0 })
  })

  test('a body that is not JSON, or not UTF-8, is 400 with detail', async () => {
    const app = await server()
    for (const payload of ['{"keys"', 'hello', Buffer.from([0x7b, 0xff, 0x7d])]) {
      const answer = await app.inject({ method: 'POST', url: '/batch_put/', payload })
      expect(answer.statusCode).toBe(400)
      expect(answer.json<{ detail: string }>().detail).toMatch(/not valid/)
    }
  })

  test('bytes that are not UTF-8 are 406 with detail, wherever they would show', async () => {
    const app = await server()
    await app.inject({ method: 'PUT', url: '/v1/keys/bin', payload: Buffer.from([0xff]) })
    await app.inject({ method: 'PUT', url: '/v1/keys/%FE', payload: 'text' })
    for (const url of ['/read/bin', '/read/%FE', '/read_key_range/?start_key=a&end_key=c']) {
      const answer = await app.inject(url)
      expect([url, answer.statusCode]).toEqual([url, 406])
      expect(answer.json<{ detail: string }>().detail).toContain('UTF-8')
    }
  })

  test('an unknown path is 404, a wrong method 405, both with detail', async () => {
    const app = await server()
    expect(await ask(app, 'GET', '/nothing')).toBe('404 {"detail":"Not Found"}')
    expect(await ask(app, 'GET', '/read/')).toBe('404 {"detail":"Not Found"}')
    expect(await ask(app, 'GET', '/read/a/b')).toBe('404 {"detail":"Not Found"}')
    expect(await ask(app, 'POST', '/read/a')).toBe('405 {"detail":"Method Not Allowed"}')
    expect(await ask(app, 'GET', '/put/')).toBe('405 {"detail":"Method Not Allowed"}')
  })

  test('a range that is too large to be shown whole is 413 with detail', async () => {
    const app = await server({ maxBodyBytes: 1000 })
    for (const key of ['a', 'b', 'c'])
      await app.inject({ method: 'PUT', url: `/v1/keys/${key}`, payload: 'x'.repeat(500) })
    expect(await ask(app, 'GET', '/read_key_range/?start_key=a&end_key=c')).toMatch(/^413 {"detail":"the range is over/)
  })
})
