import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { buildApp } from '../../../src/server/app.ts'
import { FRAME, FrameWriter } from '../../../src/protocol/frames.ts'
import { FRAMES } from '../../../src/protocol/http-api.ts'
import { holdLock } from '../../helpers/lock.ts'
import { openTestStore } from '../../helpers/store.ts'
import { tempDir } from '../../helpers/temp-dir.ts'
import { client, eventually, head, listening, raw, server } from '../server.ts'

/** The beginning of a load, with more than one block of entries. */
function loadBegun(): Buffer {
  const frames = new FrameWriter()
  for (let i = 0; i < 5000; i++) frames.add(FRAME.entry, Buffer.from(`loaded${i}`), Buffer.alloc(10))
  const body = frames.take()
  return Buffer.concat([
    Buffer.from(
      `${head('POST /v1/load', `content-type: ${FRAMES}\r\ntransfer-encoding: chunked\r\n`)}${body.length.toString(16)}\r\n`,
    ),
    body,
    Buffer.from('\r\n'),
  ])
}

describe('a load', () => {
  test('that stops is 408 and rolled back, and no bug', async () => {
    const onBug = vi.fn()
    const { port, app } = await listening({ bodyTimeoutMs: 100, onBug }, `${tempDir()}/store.kv`)
    expect(await raw(port, loadBegun())).toMatch(/^HTTP\/1.1 408 /)
    expect((await app.inject('/v1/count')).json()).toEqual({ count: 0 })
    expect(onBug).not.toHaveBeenCalled()
  })

  test('that says only that it lives is 408 and rolled back, and others write again', async () => {
    const { port, app } = await listening({ bodyTimeoutMs: 200 }, `${tempDir()}/store.kv`)
    const alive = new FrameWriter()
    alive.add(FRAME.alive)
    const frame = alive.take()
    const socket = client(port, loadBegun())
    const beat = setInterval(
      () => socket.write(Buffer.concat([Buffer.from(`${frame.length.toString(16)}\r\n`), frame, Buffer.from('\r\n')])),
      10,
    )
    onTestFinished(() => clearInterval(beat))
    const [answer] = (await once(socket, 'data')) as [Buffer]
    expect(String(answer)).toMatch(/^HTTP\/1.1 408 .*"hint":"collect the input in a file first/s)
    expect((await app.inject({ method: 'PUT', url: '/v1/keys/a' })).statusCode).toBe(201)
    expect((await app.inject('/v1/count')).json()).toEqual({ count: 1 })
  })

  test('of which little has come keeps nobody waiting', async () => {
    const app = await buildApp(await openTestStore(`${tempDir()}/store.kv`, { timeoutMs: 0 }))
    onTestFinished(() => app.close())
    const port = Number(new URL(await app.listen({ host: '127.0.0.1', port: 0 })).port)
    const frames = new FrameWriter()
    frames.add(FRAME.entry, Buffer.from('loaded'), Buffer.alloc(10))
    const frame = frames.take()
    client(
      port,
      Buffer.concat([
        Buffer.from(
          `${head('POST /v1/load', `content-type: ${FRAMES}\r\ntransfer-encoding: chunked\r\n`)}${frame.length.toString(16)}\r\n`,
        ),
        frame,
        Buffer.from('\r\n'),
      ]),
    )
    await once(app.server, 'request')
    for (let n = 0; n < 20; n++)
      expect((await app.inject({ method: 'PUT', url: `/v1/keys/${n}` })).statusCode).toBe(201)
  })

  test('whose client leaves is rolled back, and no bug', async () => {
    const onBug = vi.fn()
    const { port, app } = await listening({ onBug }, `${tempDir()}/store.kv`)
    const socket = client(port, loadBegun())
    await once(app.server, 'request')
    socket.destroy()
    await eventually(async () => expect((await app.inject({ method: 'PUT', url: '/v1/keys/a' })).statusCode).toBe(201))
    expect((await app.inject('/v1/count')).json()).toEqual({ count: 1 })
    expect(onBug).not.toHaveBeenCalled()
  })

  test('keeps other writes waiting for the lock timeout at most, and reads not at all', async () => {
    const app = await buildApp(await openTestStore(`${tempDir()}/store.kv`, { timeoutMs: 50 }))
    onTestFinished(() => app.close())
    const url = new URL(await app.listen({ host: '127.0.0.1', port: 0 }))
    client(Number(url.port), loadBegun())
    await eventually(async () => {
      const answer = await app.inject({ method: 'PUT', url: '/v1/keys/a' })
      expect(answer.statusCode).toBe(503)
      expect(answer.headers['retry-after']).toBe('1')
      expect(answer.json()).toMatchObject({ code: 'KV_LOCKED' })
    })
    expect((await app.inject('/v1/keys/a')).statusCode).not.toBe(503)
  })
})

test('a connection is not closed for its silence while the server works', async () => {
  const path = `${tempDir()}/store.kv`
  const { port, app } = await listening({ idleTimeoutMs: 100 }, path)
  await app.inject({ method: 'PUT', url: '/v1/keys/a' })
  const release = await holdLock(path)
  const answer = raw(port, `${head('PUT /v1/keys/b', 'content-length: 1\r\nconnection: close\r\n')}x`)
  await once(app.server, 'timeout')
  await release()
  expect(await answer).toMatch(/^HTTP\/1.1 201 /)
})

test('a client that takes nothing of its answer is cut off', async () => {
  const { port, app } = await listening({ idleTimeoutMs: 100 })
  await app.inject({ method: 'PUT', url: '/v1/keys/a', payload: Buffer.alloc(20_000_000) })
  const socket = client(port, head('GET /v1/keys/a'))
  socket.pause()
  const [request] = (await once(app.server, 'request')) as [IncomingMessage]
  await once(request.socket, 'close')
})

test('more ranges at a time than allowed are 503 with Retry-After, and go on later', async () => {
  const { port, app } = await listening({ maxStreams: 1 })
  await app.inject({ method: 'PUT', url: '/v1/keys/a', payload: Buffer.alloc(20_000_000) })
  const socket = client(port, head('GET /v1/range'))
  socket.pause()
  await once(app.server, 'request')
  for (const url of ['/v1/range', '/read_key_range/?start_key=a&end_key=b']) {
    const refused = await app.inject(url)
    expect([url, refused.statusCode, refused.headers['retry-after']]).toEqual([url, 503, '1'])
  }
  expect((await app.inject('/v1/count')).statusCode).toBe(200)
  socket.destroy()
  await eventually(async () => expect((await app.inject('/v1/range?limit=0')).statusCode).toBe(200))
})

describe('one request has at most', () => {
  const framed = (count: number): Buffer => {
    const frames = new FrameWriter()
    for (let i = 0; i < count; i++) frames.add(FRAME.entry, Buffer.from('a'))
    return frames.take()
  }
  const lists = (count: number): string =>
    JSON.stringify({ keys: Array(count).fill('a,"['), values: Array(count).fill('') })

  test.for<[string, string, number, (count: number) => string | Buffer, Record<string, string>]>([
    ['operations', '/v1/batch', 100_000, (count) => '["a",""]\n'.repeat(count), {}],
    ['operations', '/v1/batch', 100_000, (count) => '{"del":"a"}\n'.repeat(count), {}],
    ['operations', '/v1/batch', 100_000, framed, { 'content-type': FRAMES }],
    ['keys', '/batch_put/', 100_000, lists, {}],
    ['keys', '/v1/get', 10_000, (count) => '"a"\n'.repeat(count), {}],
    ['keys', '/v1/get', 10_000, framed, { 'content-type': FRAMES }],
  ])('so many %s: %s, %i', async ([what, url, limit, body, headers]) => {
    const app = await server()
    expect((await app.inject({ method: 'POST', url, payload: body(limit), headers })).statusCode).toBe(200)
    const refused = await app.inject({ method: 'POST', url, payload: body(limit + 1), headers })
    expect([refused.statusCode, refused.json()]).toEqual([
      413,
      { detail: `more than ${limit} ${what} in one request`, code: 'KV_TOO_LARGE', hint: 'ask in several requests' },
    ])
  })

  test('a list that is too long is refused before anything is made of it', async () => {
    const app = await server()
    for (const payload of ['['.repeat(1_000_000), `{"keys":[${'[],'.repeat(500_000)}`]) {
      expect((await app.inject({ method: 'POST', url: '/batch_put/', payload })).statusCode).toBe(413)
    }
  })
})

test('puts and deletes of a batch are done in the order of their lines', async () => {
  const app = await server()
  const batch = (payload: string) => app.inject({ method: 'POST', url: '/v1/batch', payload })
  expect(
    (
      await batch(
        '\ufeff{"key":"a","value":"1"}\r\n{"del":"a"}\n\n["a\\n","2"]\n{"del":"b"}\n{"key":"b","value":{"x":1},"ttl":90}\n{"key":"c","value":""}\n{"del":"c"}',
      )
    ).json(),
  ).toMatchObject({ operations: 7 })
  expect((await app.inject('/v1/range?keys=true')).body).toBe('"a\\n"\n"b"\n')
  expect((await batch('["a","1"]\n\n{"del":1}\n')).json()).toMatchObject({
    detail: 'line 3: a delete is {"del":KEY} and nothing else',
  })
  expect((await batch('["a","1"]\n{"dele":1}\n')).json()).toMatchObject({
    detail: expect.stringMatching(/^line 2: unknown field/) as string,
  })
})
