import { once } from 'node:events'
import { type IncomingMessage, get } from 'node:http'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { buildApp } from '../../../src/server/app.ts'
import type { Version } from '../../../src/store/driver/history.ts'
import { failure, openTestStore } from '../../helpers/store.ts'
import { ETCD_SUPPORTS, etcdShaped } from '../../conformance/etcd-shaped.ts'
import { Store } from '../../../src/index.ts'
import { listening, server } from '../server.ts'

const ISO = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/

const linesOf = (body: string): unknown[] =>
  body
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown)

describe('/v1/history', () => {
  test('is turned on and off, and says what is kept', async () => {
    const app = await server()
    const off = { keep: 0, versions: 0, bytes: 0, since: null, since_revision: null }
    expect((await app.inject('/v1/history')).json()).toEqual(off)
    expect((await app.inject({ method: 'PUT', url: '/v1/history' })).json()).toEqual({ keep: 10 })
    expect((await app.inject({ method: 'PUT', url: '/v1/history?keep=2' })).json()).toEqual({ keep: 2 })
    expect((await app.inject({ method: 'PUT', url: '/v1/history' })).json()).toEqual({ keep: 2 })
    for (const payload of ['1', '22']) await app.inject({ method: 'PUT', url: '/v1/keys/k', payload })
    expect((await app.inject('/v1/history/')).json()).toEqual({
      keep: 2,
      versions: 1,
      bytes: 2,
      since: expect.stringMatching(ISO) as string,
      since_revision: 0,
    })
    for (const keep of ['0', '-1', 'x', '1.5', '1000001'])
      expect((await app.inject({ method: 'PUT', url: `/v1/history?keep=${keep}` })).statusCode, keep).toBe(400)
    expect((await app.inject({ method: 'DELETE', url: '/v1/history' })).json()).toEqual({ dropped: 1 })
    expect((await app.inject('/v1/history')).json()).toEqual(off)
  })

  test('lists the versions of a key, the newest first, and any of them is read by its revision or time', async () => {
    const app = await server()
    await app.inject({ method: 'PUT', url: '/v1/keys/k', payload: 'before' })
    for (const url of ['/v1/history/k', '/v1/keys/k?at=1']) {
      const refused = await app.inject(url)
      expect([refused.statusCode, refused.json()]).toMatchObject([410, { code: 'KV_HISTORY_GAP' }])
    }
    await app.inject({ method: 'PUT', url: '/v1/history' })
    await app.inject({ method: 'PUT', url: '/v1/keys/k?expires=4000000000000', payload: Buffer.of(255, 0) })
    await app.inject({ method: 'DELETE', url: '/v1/keys/k' })
    await app.inject({ method: 'PUT', url: '/v1/keys/k', payload: 'new' })
    const listed = await app.inject('/v1/history/k')
    expect([listed.statusCode, listed.headers['content-type']]).toEqual([200, 'application/x-ndjson'])
    const time = expect.stringMatching(ISO) as string
    const expires = new Date(4e12).toISOString()
    expect(linesOf(listed.body)).toEqual([
      { type: 'put', key: 'k', time, revision: 4, value: 'new' },
      { type: 'del', key: 'k', time, revision: 3 },
      { type: 'put', key: 'k', time, revision: 2, value_base64: '/wA=', expires },
      { type: 'put', key: 'k', time: null, revision: 1, value: 'before' },
    ])
    expect(linesOf((await app.inject('/v1/history/6b?encoding=hex&limit=1')).body)).toHaveLength(1)
    expect((await app.inject('/v1/history/never')).body).toBe('')
    const old = await app.inject('/v1/keys/k?at=2')
    expect([old.statusCode, old.rawPayload]).toEqual([200, Buffer.of(255, 0)])
    expect(old.headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'kv-expires': '4000000000000',
      etag: expect.stringMatching(/^"2-/) as string,
    })
    const head = await app.inject({ method: 'HEAD', url: '/v1/keys/k?at=2' })
    expect(head.headers).toMatchObject({ 'content-length': '2', 'kv-expires': '4000000000000', etag: old.headers.etag })
    const known = { 'if-none-match': old.headers.etag! }
    expect((await app.inject({ url: '/v1/keys/k?at=2', headers: known })).statusCode).toBe(304)
    expect((await app.inject('/v1/keys/k?at=1')).body).toBe('before')
    const [newest] = linesOf(listed.body) as { time: string }[]
    expect((await app.inject(`/v1/keys/k?at=${newest!.time}`)).body).toBe('new')
  })

  test.for<[string, number, string]>([
    ['/v1/keys/k?at=3', 404, 'KV_NOT_FOUND'],
    ['/v1/keys/k?at=99', 400, 'KV_USAGE'],
    ['/v1/keys/k?at=soon', 400, 'KV_USAGE'],
    ['/v1/keys/k?at=', 400, 'KV_USAGE'],
    ['/v1/keys/k?at=1h', 410, 'KV_HISTORY_GAP'],
    ['/v1/keys/k?at=2100-01-01T00:00:00Z', 400, 'KV_USAGE'],
    ['/v1/keys/?at=1', 404, 'Not Found'],
    ['/v1/history/k?limit=-1', 400, 'KV_USAGE'],
    ['/v1/history/k?at=1', 400, 'KV_USAGE'],
    ['/v1/history?keep=3', 400, 'KV_USAGE'],
    ['/v1/history/%6', 400, 'KV_INVALID_KEY'],
    ['/v1/history/k/l', 404, 'Not Found'],
  ])('%s is answered %i, %s', async ([url, status, code]) => {
    const app = await server()
    await app.inject({ method: 'PUT', url: '/v1/history' })
    for (const payload of ['1', '2']) await app.inject({ method: 'PUT', url: '/v1/keys/k', payload })
    await app.inject({ method: 'DELETE', url: '/v1/keys/k' })
    const answer = await app.inject(url)
    expect([answer.statusCode, answer.body]).toEqual([status, expect.stringContaining(code)])
  })

  test('a foreign page, and who has no token, can neither turn it on nor off', async () => {
    const app = await server({ token: 'sesame' })
    const headers = { authorization: 'Bearer sesame' }
    for (const method of ['PUT', 'DELETE'] as const) {
      expect((await app.inject({ method, url: '/v1/history' })).statusCode).toBe(401)
      const foreign = await app.inject({
        method,
        url: '/v1/history',
        headers: { ...headers, origin: 'http://evil.example' },
      })
      expect(foreign.statusCode).toBe(403)
    }
    for (const url of ['/v1/history', '/v1/history/k', '/v1/keys/k?at=1'])
      expect((await app.inject(url)).statusCode, url).toBe(401)
    expect((await app.inject({ url: '/v1/history', headers })).json()).toMatchObject({ keep: 0 })
  })

  test('an engine that keeps none says so, and so does its server to clients', async () => {
    const place = etcdShaped()
    const behind = new Store('behind', await place.open())
    expect(ETCD_SUPPORTS.remote).toBe(true)
    const app = await buildApp(behind)
    const url = await app.listen({ host: '127.0.0.1', port: 0 })
    onTestFinished(async () => {
      await app.close()
      await behind.close()
      await place.remove?.()
    })
    for (const path of ['/v1/history', '/v1/history/k', '/v1/keys/k?at=1'])
      expect((await app.inject(path)).statusCode, path).toBe(501)
    expect((await app.inject('/v1/info')).json()).toMatchObject({ history: false })
    const store = await openTestStore(url)
    expect(await failure(() => store.history.status())).toMatchObject({
      code: 'KV_NOT_SUPPORTED',
      message: 'this server does not know old versions of entries',
    })
  })

  test('a long history comes in pages, whole, to both kinds of clients', async () => {
    const { url } = await listening()
    const store = await openTestStore(url)
    await store.history.on({ keep: 100_000 })
    const count = 5000
    for (let start = 0; start < count; start += 500)
      await Promise.all(Array.from({ length: 500 }, () => store.put('k', 'x'.repeat(100))))
    const pages: Version[][] = []
    for await (const page of store.history.versions('k')) pages.push(page)
    expect(pages.length).toBeGreaterThan(1)
    const revisions = pages.flat().map((version) => version.type === 'put' && version.revision)
    expect(revisions).toEqual(Array.from({ length: count }, (_, i) => count - i))
    expect(linesOf(await (await fetch(`${url}/v1/history/k`)).text())).toHaveLength(count)
  })

  test('a client that hangs up frees what the server held, and one that leaves the loop too', async () => {
    const behind = await openTestStore('memory:')
    let [begun, ended] = [0, 0]
    const version = {
      type: 'put',
      time: 0,
      key: Buffer.of(1),
      value: Buffer.alloc(1 << 20),
      revision: 1,
      expires: undefined,
    } as const
    Object.defineProperty(behind, 'history', {
      value: {
        isSupported: true,
        async *versions() {
          begun++
          try {
            for (;;) {
              yield [version]
              await turn()
            }
          } finally {
            ended++
          }
        },
      },
    })
    const app = await buildApp(behind)
    onTestFinished(() => app.close())
    const url = await app.listen({ host: '127.0.0.1', port: 0 })
    const [answer] = (await once(get(`${url}/v1/history/k`), 'response')) as [IncomingMessage]
    await once(answer, 'data')
    answer.destroy()
    await expect.poll(() => [begun, ended]).toEqual([1, 1])
    const store = await openTestStore(url)
    for await (const [page] of store.history.versions('k')) {
      expect(page).toMatchObject({ type: 'put', revision: 1, time: 0 })
      break
    }
    await expect.poll(() => [begun, ended]).toEqual([2, 2])
  })

  test('an answer that is cut off is an error, never the end', async () => {
    const behind = await openTestStore('memory:')
    const key = Buffer.from('k')
    Object.defineProperty(behind, 'history', {
      value: {
        isSupported: true,
        async *versions() {
          yield [{ type: 'expired', time: 5, key }]
          throw Object.assign(new Error('broken'), { code: 'EIO' })
        },
      },
    })
    const app = await buildApp(behind, { onBug: () => {} })
    onTestFinished(() => app.close())
    const store = await openTestStore(await app.listen({ host: '127.0.0.1', port: 0 }))
    const error = await failure(async () => {
      for await (const page of store.history.versions('k')) expect(page).toMatchObject([{ type: 'expired', time: 5 }])
    })
    expect(error.code).toBe('KV_UNAVAILABLE')
  })
})
