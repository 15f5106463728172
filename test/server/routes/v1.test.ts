import fc from 'fast-check'
import { Validator } from '@seriousme/openapi-schema-validator'
import { describe, expect, onTestFinished, test } from 'vitest'
import { buildApp } from '../../../src/server/app.ts'
import { openTestStore } from '../../helpers/store.ts'
import { listening, raw, server } from '../server.ts'

const percent = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')

describe('/v1/keys', () => {
  test('takes any bytes as key and value', async () => {
    const app = await server()
    await fc.assert(
      // A client that makes a URL of it takes these two for folders, also percent-encoded.
      fc.asyncProperty(
        fc
          .uint8Array({ minLength: 1, maxLength: 40 })
          .filter((key) => !['.', '..'].includes(Buffer.from(key).toString())),
        fc.uint8Array({ maxLength: 40 }),
        async (key, value) => {
          const url = `/v1/keys/${percent(key)}`
          const put = await app.inject({ method: 'PUT', url, payload: Buffer.from(value) })
          expect([200, 201]).toContain(put.statusCode)
          const read = await app.inject(url)
          expect(read.rawPayload).toEqual(Buffer.from(value))
          expect(read.headers.etag).toBe(put.headers.etag)
          const encoded = await app.inject(`/v1/keys/${Buffer.from(key).toString('base64url')}?encoding=base64`)
          expect(encoded.rawPayload).toEqual(Buffer.from(value))
        },
      ),
    )
  })

  test('keeps each single byte apart, percent-encoded or as it is', async () => {
    const app = await server()
    for (let byte = 0; byte < 256; byte++)
      await app.inject({ method: 'PUT', url: `/v1/keys/k${percent(Uint8Array.of(byte))}`, payload: String(byte) })
    expect((await app.inject('/v1/count')).json()).toEqual({ count: 256 })
    for (let byte = 0; byte < 256; byte++)
      expect((await app.inject(`/v1/keys/k${percent(Uint8Array.of(byte))}`)).body).toBe(String(byte))
    for (const char of "-._~!$&'()*+,;=:@")
      expect((await app.inject(`/v1/keys/k${char}`)).body).toBe(String(char.charCodeAt(0)))
  })

  test('takes a key of 65,535 bytes and refuses one more', async () => {
    const app = await server()
    expect(
      (await app.inject({ method: 'PUT', url: `/v1/keys/${'%00'.repeat(65_535)}`, payload: 'v' })).statusCode,
    ).toBe(201)
    const refused = await app.inject({ method: 'PUT', url: `/v1/keys/${'k'.repeat(65_536)}`, payload: 'v' })
    expect(refused.statusCode).toBe(413)
    expect(refused.json()).toMatchObject({ code: 'KV_TOO_LARGE', detail: expect.stringContaining('65535') })
  })

  test('writes only where the condition holds', async () => {
    const app = await server()
    const put = async (headers: Record<string, string>, payload = 'v'): Promise<number> =>
      (await app.inject({ method: 'PUT', url: '/v1/keys/a', headers, payload })).statusCode
    expect(await put({ 'if-match': '"1"' })).toBe(412)
    expect(await put({ 'if-none-match': '*' })).toBe(201)
    expect(await put({ 'if-none-match': '*' })).toBe(412)
    const { etag } = (await app.inject('/v1/keys/a')).headers
    expect(await put({ 'if-match': etag! }, 'old')).toBe(200)
    expect(await put({ 'if-match': etag! })).toBe(412)
    expect(await put({ 'kv-if-value-length': '3' }, 'oldnew')).toBe(200)
    expect(await put({ 'kv-if-value-length': '3' }, 'oldnewer')).toBe(412)
    expect((await app.inject('/v1/keys/a')).body).toBe('new')
    expect(await put({ 'if-match': '"1"', 'if-none-match': '*' })).toBe(400)
    expect((await app.inject({ method: 'DELETE', url: '/v1/keys/a', headers: { 'if-match': '"1"' } })).statusCode).toBe(
      412,
    )
    expect((await app.inject({ method: 'DELETE', url: '/v1/keys/a' })).statusCode).toBe(204)
    expect((await app.inject({ method: 'DELETE', url: '/v1/keys/a' })).statusCode).toBe(404)
  })

  test('If-Match takes *, and lists; a weak tag matches nothing', async () => {
    const app = await server()
    const ask = async (method: 'PUT' | 'DELETE', match: string): Promise<number> =>
      (await app.inject({ method, url: '/v1/keys/a', headers: { 'if-match': match }, payload: 'v' })).statusCode
    const revision = async (): Promise<string> => String((await app.inject('/v1/keys/a')).headers.etag)
    expect(await ask('PUT', '*')).toBe(412)
    expect(await ask('DELETE', '*')).toBe(404)
    await app.inject({ method: 'PUT', url: '/v1/keys/a', payload: 'v' })
    expect(await ask('PUT', '*')).toBe(200)
    expect(await ask('PUT', `"x,y" , W/"1",${await revision()}`)).toBe(200)
    expect(await ask('PUT', `"999","998"`)).toBe(412)
    for (const method of ['PUT', 'DELETE'] as const) {
      expect(await ask(method, `W/${await revision()}`)).toBe(412)
      expect(await ask(method, '"another-server"')).toBe(412)
      for (const wrong of ['nonsense', '"1" "2"', '"1', '7', '', ',', '"1",*'])
        expect([wrong, await ask(method, wrong)]).toEqual([wrong, 400])
    }
    expect(await ask('DELETE', `"999", ${await revision()}`)).toBe(204)
  })

  test('If-Match: * writes also where another write comes between, and never to a key that was deleted', async () => {
    const store = await openTestStore('memory:')
    const app = await buildApp(store)
    onTestFinished(() => app.close())
    await store.put('a', '0')
    const head = store.head.bind(store)
    const between: (() => Promise<unknown>)[] = [() => store.put('a', '1'), () => store.put('a', '2')]
    store.head = async (key) => {
      const entry = await head(key)
      await between.shift()?.()
      return entry
    }
    const put = async (): Promise<number> =>
      (await app.inject({ method: 'PUT', url: '/v1/keys/a', headers: { 'if-match': '*' }, payload: 'v' })).statusCode
    expect(await put()).toBe(200)
    expect(between).toEqual([])
    expect((await app.inject('/v1/keys/a')).body).toBe('v')
    between.push(() => store.del('a'))
    expect(await put()).toBe(412)
    expect((await app.inject('/v1/keys/a')).statusCode).toBe(404)
  })

  test('answers 304 for the revision the client has', async () => {
    const app = await server()
    const { etag } = (await app.inject({ method: 'PUT', url: '/v1/keys/a', payload: 'v' })).headers
    expect((await app.inject({ url: '/v1/keys/a', headers: { 'if-none-match': etag! } })).statusCode).toBe(304)
    for (const list of [`"x", ${etag}`, `W/${etag}`, '*'])
      expect((await app.inject({ url: '/v1/keys/a', headers: { 'if-none-match': list } })).statusCode).toBe(304)
    expect((await app.inject({ url: '/v1/keys/a', headers: { 'if-none-match': '"999"' } })).body).toBe('v')
  })

  test('keeps an expiry, and a put without one removes it', async () => {
    const app = await server()
    await app.inject({ method: 'PUT', url: '/v1/keys/a?ttl=90s', payload: 'v' })
    const left = Number((await app.inject('/v1/keys/a')).headers['kv-expires']) - Date.now()
    expect(left).toBeGreaterThan(60_000)
    expect(left).toBeLessThanOrEqual(90_000)
    await app.inject({ method: 'PUT', url: '/v1/keys/a', payload: 'v' })
    expect((await app.inject('/v1/keys/a')).headers['kv-expires']).toBeUndefined()
    await app.inject({ method: 'PUT', url: '/v1/keys/a?expires=978307200000', payload: 'v' })
    expect((await app.inject('/v1/keys/a')).statusCode).toBe(404)
  })

  test('never sends a value as a page', async () => {
    const app = await server()
    await app.inject({ method: 'PUT', url: '/v1/keys/a', payload: '<script>alert(1)</script>' })
    const { headers } = await app.inject('/v1/keys/a')
    expect(headers).toMatchObject({ 'content-type': 'application/octet-stream', 'x-content-type-options': 'nosniff' })
  })

  test('refuses a packed body rather than store it packed', async () => {
    const app = await server()
    expect(
      (await app.inject({ method: 'PUT', url: '/v1/keys/a', payload: 'v', headers: { 'content-encoding': 'gzip' } }))
        .statusCode,
    ).toBe(415)
    const { port } = await listening()
    const answer = await raw(
      port,
      'PUT /v1/keys/a HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ntransfer-encoding: gzip, chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n',
    )
    expect(answer).toMatch(/^HTTP\/1.1 415 .*"detail":"bodies sent in gzip, chunked/s)
  })
})

describe('/v1/usage', () => {
  test('tells keys and bytes by folders, and the total last', async () => {
    const app = await server()
    for (const key of ['a', 'u:1', 'u:2/x', '%ff:1'])
      await app.inject({ method: 'PUT', url: `/v1/keys/${key.replace('/', '%2F')}`, payload: '123' })
    const usage = async (query: string): Promise<unknown[]> => {
      const { body, statusCode, headers } = await app.inject(`/v1/usage${query}`)
      expect([statusCode, headers['content-type']]).toEqual([200, 'application/x-ndjson'])
      return body
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown)
    }
    const total = { prefix: '', keys: 4, bytes: 24, total: true }
    expect(await usage('')).toEqual([
      { key: 'a', bytes: 4 },
      { prefix: 'u:', keys: 2, bytes: 14 },
      { prefix_base64: '/zo=', keys: 1, bytes: 6 },
      total,
    ])
    expect(await usage('?depth=2&keys=false&top=1')).toEqual([{ prefix: 'u:', keys: 2, bytes: 14 }, total])
    expect(await usage('?prefix=753a&delimiter=2f&encoding=hex')).toEqual([
      { key: 'u:1', bytes: 6 },
      { prefix: 'u:2/', keys: 1, bytes: 8 },
      { prefix: 'u:', keys: 2, bytes: 14, total: true },
    ])
    for (const query of ['?depth=x', '?top=-1', '?delimiter=', '?limit=3'])
      expect((await app.inject(`/v1/usage${query}`)).statusCode, query).toBe(400)
  })
})

describe('/v1/batch, /v1/range, /v1/count', () => {
  test('put and delete in order, all or nothing', async () => {
    const app = await server()
    const batch = (payload: string) => app.inject({ method: 'POST', url: '/v1/batch', payload })
    expect(
      (
        await batch(
          '{"key":"a","value":"1"}\r\n\n{"key":"n","value":1E400}\n{"key_base64":"/w==","value":"x"}\n{"del":"a"}',
        )
      ).json(),
    ).toMatchObject({ operations: 4 })
    expect((await app.inject('/v1/range')).body).toBe(
      '{"key":"n","value":"1E400"}\n{"key_base64":"/w==","value":"x"}\n',
    )
    for (const bad of [
      '{"key":"b"}',
      '{"del":1}',
      '{"del":"a","x":1}',
      '{"del":""}',
      'nonsense',
      '{"key":"","value":"1"}',
    ]) {
      const refused = await batch(`{"key":"b","value":"1"}\n${bad}\n`)
      expect([bad, refused.statusCode]).toEqual([bad, 422])
      expect(refused.json()).toMatchObject({ code: 'KV_INVALID_INPUT', detail: expect.stringMatching(/^line 2: /) })
    }
    expect((await app.inject('/v1/keys/b')).statusCode).toBe(404)
  })

  test('choose entries as the command line does', async () => {
    const app = await server()
    await app.inject({
      method: 'POST',
      url: '/v1/batch',
      payload: ['a', 'b', 'c', 'd'].map((key) => `["${key}","${key}"]`).join('\n'),
    })
    const keys = async (query: string): Promise<string> =>
      (await app.inject(`/v1/range?keys&${query}`)).body.replaceAll(/["\n]/g, '')
    expect(await keys('start=b&end=c')).toBe('bc')
    expect(await keys('start=b&until=c')).toBe('b')
    expect(await keys('after=b')).toBe('cd')
    expect(await keys('after=c&reverse')).toBe('ba')
    expect(await keys('prefix=b')).toBe('b')
    expect(await keys('limit=2&reverse=true')).toBe('dc')
    expect(await keys('start=62&encoding=hex&limit=1')).toBe('b')
    expect(await keys('limit=0')).toBe('')
    expect((await app.inject('/v1/count?start=b&limit=2')).json()).toEqual({ count: 2 })
    for (const query of [
      'start=c&end=a',
      'limit=-1',
      'limit=x',
      'revers',
      'encoding=rot13',
      'start=%zz',
      'start=x&encoding=hex',
    ]) {
      const refused = await app.inject(`/v1/range?${query}`)
      expect([query, refused.statusCode]).toEqual([query, 400])
      expect(refused.json()).toHaveProperty('detail')
    }
  })

  test('a delete of everything must be meant', async () => {
    const app = await server()
    await app.inject({ method: 'POST', url: '/v1/batch', payload: '["a","1"]\n["b","2"]' })
    for (const query of ['', '?prefix=', '?start='])
      expect((await app.inject({ method: 'DELETE', url: `/v1/range${query}` })).statusCode).toBe(400)
    expect((await app.inject({ method: 'DELETE', url: '/v1/range?prefix=a' })).json()).toEqual({ deleted: 1 })
    expect((await app.inject({ method: 'DELETE', url: '/v1/range?all=true' })).json()).toEqual({ deleted: 1 })
  })

  test('many keys are read in the order asked', async () => {
    const app = await server()
    await app.inject({ method: 'PUT', url: '/v1/keys/a', payload: '1' })
    expect(
      (await app.inject({ method: 'POST', url: '/v1/get', payload: '"x"\n"a"\n{"key_base64":"YQ=="}\n' })).body,
    ).toBe('null\n{"key":"a","value":"1"}\n{"key":"a","value":"1"}\n')
    expect((await app.inject({ method: 'POST', url: '/v1/get', payload: '1\n' })).statusCode).toBe(422)
  })

  test('a key that is not UTF-8 does not read another one', async () => {
    const app = await server()
    await app.inject({ method: 'PUT', url: '/v1/keys/%EF%BF%BD', payload: 'another' })
    const refused = await app.inject({ method: 'POST', url: '/v1/get', payload: Buffer.from([0x22, 0xff, 0x22]) })
    expect(refused.statusCode).toBe(422)
    expect(refused.json()).toMatchObject({ code: 'KV_INVALID_INPUT', detail: expect.stringContaining('UTF-8') })
  })

  test('many keys whose values are more than one answer may hold are refused', async () => {
    const app = await server({ maxBodyBytes: 1000 })
    for (const key of ['a', 'b']) await app.inject({ method: 'PUT', url: `/v1/keys/${key}`, payload: 'x'.repeat(600) })
    expect((await app.inject({ method: 'POST', url: '/v1/get', payload: '"a"\n' })).statusCode).toBe(200)
    const refused = await app.inject({ method: 'POST', url: '/v1/get', payload: '"a"\n"b"\n' })
    expect(refused.statusCode).toBe(413)
    expect(refused.json()).toMatchObject({ code: 'KV_TOO_LARGE', hint: 'ask for fewer keys at a time' })
  })
})

describe('the description', () => {
  test('is valid OpenAPI 3.1, with a token and without', async () => {
    for (const token of [undefined, 'sesame']) {
      const app = await server({ token })
      const { valid, errors } = await new Validator().validate((await app.inject('/openapi.json')).json())
      expect(errors).toBeUndefined()
      expect(valid).toBe(true)
    }
  })

  test('has every route and its errors, and no others', async () => {
    const app = await server()
    const document = (await app.inject('/openapi.json')).json<{
      openapi: string
      paths: Record<
        string,
        Record<
          string,
          {
            summary: string
            responses: Record<string, { description: string }>
            parameters?: { name: string; in: string }[]
          }
        >
      >
    }>()
    expect(document.openapi).toBe('3.1.0')
    const described = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    )
    expect(described.sort()).toEqual(
      [
        'GET /read/{key}',
        'GET /read_key_range/',
        'POST /put/',
        'POST /batch_put/',
        'DELETE /delete/{key}',
        'GET /v1/keys/{key}',
        'PUT /v1/keys/{key}',
        'DELETE /v1/keys/{key}',
        'GET /v1/range',
        'DELETE /v1/range',
        'GET /v1/count',
        'GET /v1/usage',
        'GET /v1/history',
        'PUT /v1/history',
        'DELETE /v1/history',
        'GET /v1/history/{key}',
        'GET /v1/watch',
        'POST /v1/batch',
        'POST /v1/get',
        'GET /v1/stat',
        'POST /v1/check',
        'GET /health',
        'GET /ready',
        'GET /metrics',
      ].sort(),
    )
    for (const [path, methods] of Object.entries(document.paths)) {
      for (const [method, { summary, responses, parameters = [] }] of Object.entries(methods)) {
        expect(summary, `${method} ${path}`).toBeTruthy()
        for (const { description } of Object.values(responses)) expect(description, `${method} ${path}`).toBeTruthy()
        expect(Object.keys(responses), `${method} ${path}`).toEqual(expect.arrayContaining(['401', '403', '503']))
        if (path.includes('{key}'))
          expect(parameters).toContainEqual(expect.objectContaining({ name: 'key', in: 'path' }))
        const url = path.replace('{key}', 'x')
        // A watch has no end; one of nothing is refused.
        const answer = await app.inject({
          method: method.toUpperCase() as 'GET',
          url: url === '/v1/watch' ? `${url}?start=b&until=a` : url,
        })
        expect([url, answer.statusCode === 405 || answer.body === '{"detail":"Not Found"}']).toEqual([url, false])
        expect(Object.keys(responses), `${method} ${path} answered ${answer.statusCode}`).toContain(
          String(answer.statusCode),
        )
      }
    }
  })

  test('health, readiness and metrics', async () => {
    const app = await server()
    expect((await app.inject('/health')).json()).toEqual({ status: 'ok' })
    expect((await app.inject('/ready')).json()).toEqual({ status: 'ready' })
    await app.inject({ method: 'PUT', url: '/v1/keys/a', payload: '1' })
    const { body } = await app.inject('/metrics')
    expect(body).toContain('kv_http_requests_total{method="PUT",route="/v1/keys/:key",status="201"} 1')
    expect(body).toContain('kv_store_entries 1')
    expect(body).toMatch(/kv_http_request_duration_seconds_bucket\{le="\+Inf",route="\/v1\/keys\/:key"\} 1/)
  })
})
