import { once } from 'node:events'
import type { Server } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openStore } from '../../../src/index.ts'
import { tempDir } from '../../helpers/temp-dir.ts'
import { failureCode } from '../../helpers/store.ts'
import { shown, take } from '../../helpers/watch.ts'
import { EventStream } from '../event-stream.ts'
import { listening, server } from '../server.ts'

/** A server over a store that is there, in memory or in a file. */
async function served(
  options: Parameters<typeof listening>[0] = {},
  location = 'memory:',
): ReturnType<typeof listening> {
  const all = await listening(options, location)
  await all.app.inject({ method: 'PUT', url: '/v1/keys/made', payload: 'made' })
  return all
}

async function clientOf(url: string): ReturnType<typeof openStore> {
  const store = await openStore(url)
  onTestFinished(() => store.close())
  return store
}

describe('GET /v1/watch', () => {
  test('says when it stands, then each change as an event', async () => {
    const { url, app } = await served()
    const events = await EventStream.open(url, '/v1/watch')
    expect(events.answer.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
      'kv-server': '1',
    })
    expect(await events.event()).toEqual({
      retry: '1000',
      event: 'ready',
      id: expect.stringMatching(/^[a-z0-9]+-\d+$/),
      data: '{}',
    })
    await app.inject({ method: 'PUT', url: '/v1/keys/user%3A1', payload: 'Ada\n"' })
    await app.inject({ method: 'PUT', url: '/v1/keys/%FF?expires=4102444800000', payload: Buffer.from([0xfe]) })
    await app.inject({ method: 'DELETE', url: '/v1/keys/user%3A1' })
    expect(await events.event()).toMatchObject({
      event: 'put',
      data: '{"key":"user:1","value":"Ada\\n\\"","revision":2}',
    })
    expect(await events.event()).toMatchObject({
      event: 'put',
      data: '{"key_base64":"/w==","value_base64":"/g==","expires":"2100-01-01T00:00:00.000Z","revision":3}',
    })
    expect(await events.event()).toMatchObject({ event: 'del', data: '{"key":"user:1"}' })
  })

  test('watches a key, a prefix or a range', async () => {
    const { url, app } = await served()
    const streams = await Promise.all(
      ['key=b', 'prefix=b', 'start=b&end=b1', 'start=b&until=b1', 'key=62&encoding=hex'].map((query) =>
        EventStream.open(url, `/v1/watch?${query}`),
      ),
    )
    for (const stream of streams) await stream.event()
    for (const key of ['a', 'b', 'b1', 'b2', 'c', 'b'])
      await app.inject({ method: 'PUT', url: `/v1/keys/${key}`, payload: '' })
    const wanted = [
      ['b', 'b'],
      ['b', 'b1', 'b2', 'b'],
      ['b', 'b1', 'b'],
      ['b', 'b'],
      ['b', 'b'],
    ]
    for (const [i, stream] of streams.entries()) {
      const keys: string[] = []
      for (const _ of wanted[i]!) keys.push((JSON.parse((await stream.event())['data']!) as { key: string }).key)
      expect(keys).toEqual(wanted[i])
    }
  })

  test.for(['memory:', 'a file'])('goes on after Last-Event-ID, or after=: %s', async (where) => {
    const { url, app } = await served({}, where === 'a file' ? join(tempDir(), 'store.kv') : where)
    const put = (key: string) => app.inject({ method: 'PUT', url: `/v1/keys/${key}`, payload: '' })
    const first = await EventStream.open(url, '/v1/watch?prefix=k')
    const { id: ready } = await first.event()
    for (const key of ['k1', 'k2', 'k3']) await put(key)
    const { id } = await first.event()
    first.answer.destroy()
    await put('k4')
    const names = async (path: string, headers: Record<string, string>, count: number): Promise<string[]> => {
      const stream = await EventStream.open(url, path, headers)
      expect((await stream.event())['event']).toBe('ready')
      const keys: string[] = []
      while (keys.length < count) keys.push((JSON.parse((await stream.event())['data']!) as { key: string }).key)
      stream.answer.destroy()
      return keys
    }
    expect(await names('/v1/watch?prefix=k', { 'last-event-id': id! }, 3)).toEqual(['k2', 'k3', 'k4'])
    expect(await names(`/v1/watch?prefix=k&after=${id}`, {}, 3)).toEqual(['k2', 'k3', 'k4'])
    expect(await names(`/v1/watch?prefix=k&after=${ready}`, { 'last-event-id': '' }, 4)).toEqual([
      'k1',
      'k2',
      'k3',
      'k4',
    ])
    expect(await names('/v1/watch?after=0', {}, 5)).toEqual(['k1', 'k2', 'k3', 'k4', 'made'])
  })

  test.for(['memory:', 'a file'])(
    'after=0 gives an id to go on from with the last of what is there: %s',
    async (where) => {
      const { url, app } = await served({}, where === 'a file' ? join(tempDir(), 'store.kv') : where)
      for (const key of ['a', 'b']) await app.inject({ method: 'PUT', url: `/v1/keys/${key}`, payload: '1' })
      const first = await EventStream.open(url, '/v1/watch?after=0')
      expect(await first.event()).toMatchObject({ event: 'ready', id: '0' })
      const ids: string[] = []
      for (let i = 0; i < 3; i++) ids.push((await first.event())['id']!)
      expect(ids).toEqual(['partial', 'partial', expect.stringMatching(/^[a-z0-9]+-\d+$/)])
      first.answer.destroy()
      await app.inject({ method: 'DELETE', url: '/v1/keys/a' })
      const second = await EventStream.open(url, '/v1/watch?after=0', { 'last-event-id': ids[2]! })
      expect((await second.event())['event']).toBe('ready')
      expect(await second.event()).toMatchObject({ event: 'del', data: '{"key":"a"}' })
      const refused = await app.inject({ url: '/v1/watch?after=0', headers: { 'last-event-id': 'partial' } })
      expect([refused.statusCode, refused.json<{ code: string }>().code]).toEqual([410, 'KV_WATCH_GAP'])
    },
  )

  test('after=0 gives that id also where the last page of what is there is a full one', async () => {
    const { url, app } = await served({}, join(tempDir(), 'store.kv'))
    const rows = Array.from({ length: 999 }, (_, i) => `{"key":"k${i}","value":""}\n`)
    await app.inject({
      method: 'POST',
      url: '/v1/batch',
      headers: { 'content-type': 'application/x-ndjson' },
      payload: rows.join(''),
    })
    const events = await EventStream.open(url, '/v1/watch?after=0')
    await events.event()
    const ids: (string | undefined)[] = []
    for (let i = 0; i < 1000; i++) ids.push((await events.event())['id'])
    expect(new Set(ids.slice(0, 999))).toEqual(new Set(['partial']))
    expect(ids[999]).toMatch(/^[a-z0-9]+-\d+$/)
  })

  test('answers 410 where changes are missing, 400 to what is no watch, 501 where only reading is allowed', async () => {
    const app = await server()
    const get = async (query: string, headers = {}): Promise<unknown> => {
      const answer = await app.inject({ url: `/v1/watch${query}`, headers })
      return [answer.statusCode, answer.json<{ code: string }>().code]
    }
    expect(await get('?after=unknown-7')).toEqual([410, 'KV_WATCH_GAP'])
    expect(await get('', { 'last-event-id': 'unknown-7' })).toEqual([410, 'KV_WATCH_GAP'])
    for (const query of [
      '?after=x',
      '?key=',
      '?key=a&prefix=b',
      '?start=b&until=a',
      '?start=b&end=a',
      '?limit=3',
      '?encoding=x',
    ])
      expect([query, ...((await get(query)) as [number])].slice(0, 2)).toEqual([query, 400])
    const reading = await server({ readOnly: true })
    const refused = await reading.inject('/v1/watch')
    expect([refused.statusCode, refused.json()]).toEqual([
      501,
      { detail: 'a watch keeps a log in the store, and this server only reads', code: 'KV_NOT_SUPPORTED' },
    ])
  })

  test('needs the token, and lets pages of allowed origins in', async () => {
    const { url } = await served({ token: 'sesame', corsOrigins: ['http://page.example'] })
    expect((await EventStream.open(url, '/v1/watch')).answer.statusCode).toBe(401)
    const { answer } = await EventStream.open(url, '/v1/watch', {
      authorization: 'Bearer sesame',
      origin: 'http://page.example',
    })
    expect(answer.headers).toMatchObject({
      'access-control-allow-origin': 'http://page.example',
      'content-type': 'text/event-stream',
    })
    expect(
      (await EventStream.open(url, '/v1/watch', { host: 'evil.example', authorization: 'Bearer sesame' })).answer
        .statusCode,
    ).toBe(403)
  })

  test('while nothing happens, a comment and the newest id show that it lives; limits of time do not end it', async () => {
    const { url, app } = await served({ idleTimeoutMs: 400, headTimeoutMs: 300, bodyTimeoutMs: 100 })
    const events = await EventStream.open(url, '/v1/watch?key=mine')
    const { id } = await events.event()
    await app.inject({ method: 'PUT', url: '/v1/keys/other', payload: '' })
    let seen: string | undefined = id
    for (let beats = 0; beats < 8 || seen === id; beats++) {
      const fields = await events.next()
      expect(Object.keys(fields!)).toEqual(['id'])
      seen = fields!['id']
    }
    expect(events.raw).toContain('\n: nothing new\n')
    await app.inject({ method: 'PUT', url: '/v1/keys/mine', payload: '1' })
    expect((await events.event())['event']).toBe('put')
  })

  test('watches do not take the place of requests; too many are 503, and come in later', async () => {
    const { url, app } = await served({ maxRequests: 2, maxWatches: 3 })
    const streams = await Promise.all([1, 2, 3].map(() => EventStream.open(url, '/v1/watch')))
    for (const stream of streams) await stream.event()
    const refused = await EventStream.open(url, '/v1/watch')
    expect([refused.answer.statusCode, refused.answer.headers['retry-after']]).toEqual([503, '1'])
    expect((await app.inject('/metrics')).body).toContain('kv_watches 3')
    streams[0]!.answer.destroy()
    while (!(await app.inject('/metrics')).body.includes('kv_watches 2')) await new Promise(setImmediate)
    expect((await EventStream.open(url, '/v1/watch')).answer.statusCode).toBe(200)
  })

  test('a client that reads slowly gets everything, in its own time', async () => {
    const { port, app } = await served({}, join(tempDir(), 'store.kv'))
    const socket = connect(port, '127.0.0.1')
    onTestFinished(() => void socket.destroy())
    socket.write('GET /v1/watch HTTP/1.1\r\nhost: localhost\r\n\r\n')
    const chunks: string[] = []
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => chunks.push(text))
    while (!chunks.join('').includes('event: ready')) await once(socket, 'data')
    socket.pause()
    // More than the kernel keeps for both ends.
    const value = 'v'.repeat(100_000)
    for (let i = 0; i < 150; i++) await app.inject({ method: 'PUT', url: `/v1/keys/k${i}`, payload: value })
    await app.inject({ method: 'PUT', url: '/v1/keys/end', payload: '' })
    socket.resume()
    while (!chunks.slice(-2).join('').includes('"end"')) await once(socket, 'data')
    const keys = [...chunks.join('').matchAll(/"key":"(k\d+)"/g)].map(([, key]) => key)
    expect(keys).toEqual(Array.from({ length: 150 }, (_, i) => `k${i}`))
  })

  test('ends whole when the server closes, also where nothing was ever written', async () => {
    const { url, app } = await listening({}, join(tempDir(), 'store.kv'))
    const [one, other] = [await EventStream.open(url, '/v1/watch'), await EventStream.open(url, '/v1/watch?key=a')]
    expect((await one.event())['id']).toBe('0')
    await other.event()
    await app.close()
    expect(await one.rest()).not.toContain('failure')
    await other.rest()
  })
})

describe('a watch through the http driver', () => {
  test('goes on by itself after the connection was lost, and misses nothing', async () => {
    const { url, app } = await served({}, join(tempDir(), 'store.kv'))
    const store = await clientOf(url)
    const watch = await store.watch({ prefix: 'k' })
    for (let i = 0; i < 3; i++) {
      await app.inject({ method: 'PUT', url: `/v1/keys/k${i}`, payload: `${i}` })
      expect((await take(watch, 1)).map(shown)).toEqual([`put k${i}=${i}`])
      const next = take(watch, 1)
      ;(app.server as Server).closeAllConnections()
      await app.inject({ method: 'PUT', url: `/v1/keys/kk${i}`, payload: 'meanwhile' })
      expect((await next).map(shown)).toEqual([`put kk${i}=meanwhile`])
    }
    await watch.close()
  })

  test('goes on after the server was started anew', async () => {
    const path = join(tempDir(), 'store.kv')
    const first = await served({}, path)
    const store = await clientOf(first.url)
    const watch = await store.watch()
    await first.app.inject({ method: 'PUT', url: '/v1/keys/a', payload: '1' })
    expect((await take(watch, 1)).map(shown)).toEqual(['put a=1'])
    const next = take(watch, 2)
    await first.app.close()
    const direct = await openStore(path)
    await direct.put('a', '2')
    await direct.close()
    const second = await server({}, path)
    await second.listen({ host: '127.0.0.1', port: first.port })
    await second.inject({ method: 'PUT', url: '/v1/keys/a', payload: '3' })
    expect((await next).map(shown)).toEqual(['put a=2', 'put a=3'])
    await watch.close()
  })

  test('a connection lost within what was there is a gap, after that it misses no delete', async () => {
    const { url, app } = await served({}, join(tempDir(), 'store.kv'))
    const value = 'v'.repeat(200_000)
    for (let i = 0; i < 100; i++) await app.inject({ method: 'PUT', url: `/v1/keys/k${i}`, payload: value })
    const store = await clientOf(url)
    const part = await store.watch({ after: '0' })
    await take(part, 1)
    ;(app.server as Server).closeAllConnections()
    expect(await failureCode(() => take(part, 200))).toBe('KV_WATCH_GAP')
    const whole = await store.watch({ after: '0', prefix: 'k1' })
    await take(whole, 11)
    const next = take(whole, 1)
    ;(app.server as Server).closeAllConnections()
    await app.inject({ method: 'DELETE', url: '/v1/keys/k1' })
    expect((await next).map(shown)).toEqual(['del k1'])
    await whole.close()
  })

  test('a gap is told with its code, and not tried again', async () => {
    const { url, app } = await served()
    const store = await clientOf(url)
    for (const after of ['unknown-3', 'unknown-0', 'partial'])
      expect(await failureCode(() => store.watch({ after }))).toBe('KV_WATCH_GAP')
    for (const after of ['x', '1', 'log-', 'log-99999999999999999999'])
      expect(await failureCode(() => store.watch({ after }))).toBe('KV_USAGE')
    const reading = await clientOf((await listening({ readOnly: true })).url)
    expect(reading.supports.watch).toBe(false)
    expect(await failureCode(() => reading.watch())).toBe('KV_NOT_SUPPORTED')
    await app.close()
  })
})
