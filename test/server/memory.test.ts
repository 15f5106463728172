import { once } from 'node:events'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openTestStore } from '../helpers/store.ts'
import { tempDir } from '../helpers/temp-dir.ts'
import { client, eventually, head, listening } from './server.ts'

/** Puts as many bytes as the server may hold at once. */
async function putOf(app: FastifyInstance, bytes: number): Promise<number> {
  return (await app.inject({ method: 'PUT', url: '/v1/keys/probe', payload: Buffer.alloc(bytes) })).statusCode
}

/** The status line of what a socket gets first. */
async function status(socket: Socket): Promise<string> {
  const [data] = (await once(socket, 'data')) as [Buffer]
  return data.toString('latin1').slice(9, 12)
}

describe('memory that requests hold together', () => {
  test('is counted as bodies come, not as they are announced', async () => {
    const { port, app } = await listening({ maxBodyBytes: 1000, maxMemoryBytes: 2000 })
    for (let n = 0; n < 4; n++) {
      client(port, `${head('PUT /v1/keys/a', 'content-length: 1000\r\n')}x`)
      await once(app.server, 'request')
    }
    expect(await putOf(app, 500)).toBe(201)
  })

  test('is refused with 503 and Retry-After when bodies have taken it, and is free when they are over', async () => {
    const { port, app } = await listening({ maxBodyBytes: 1000, maxMemoryBytes: 2000 })
    const sockets = [1, 2].map(() =>
      client(port, `${head('PUT /v1/keys/a', 'content-length: 1000\r\n')}${'x'.repeat(700)}`),
    )
    await eventually(async () => expect(await putOf(app, 700)).toBe(503))
    const refused = await app.inject({ method: 'PUT', url: '/v1/keys/probe', payload: Buffer.alloc(700) })
    expect(refused.headers['retry-after']).toBe('1')
    for (const socket of sockets) socket.destroy()
    await eventually(async () => expect(await putOf(app, 700)).not.toBe(503))
  })

  test('that runs out within a body leaves the connection for the next request', async () => {
    const { port, app } = await listening({ maxBodyBytes: 3_000_000, maxMemoryBytes: 1_000_000 })
    const socket = client(
      port,
      Buffer.concat([
        Buffer.from(head('PUT /v1/keys/a', 'content-length: 3000000\r\n')),
        Buffer.alloc(3_000_000),
        Buffer.from(head('GET /v1/count', 'connection: close\r\n')),
      ]),
    )
    let text = ''
    for await (const chunk of socket) text += String(chunk)
    expect(text.match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 503', 'HTTP/1.1 200'])
    expect((await app.inject('/v1/count')).json()).toEqual({ count: 0 })
  })

  test('is free again when a client leaves while its range is read', async () => {
    const location = `${tempDir()}/store.kv`
    const store = await openTestStore(location)
    await store.batch(
      Array.from({ length: 6000 }, (_, i) => ({ type: 'put' as const, key: `k${i}`, value: 'v'.repeat(1000) })),
    )
    const { port, app } = await listening({ maxMemoryBytes: 8_000_000 }, location)
    for (let n = 0; n < 4; n++) {
      const socket = client(port, head('GET /read_key_range/?start_key=a&end_key=z'))
      await once(app.server, 'request')
      socket.destroy()
      await once(socket, 'close')
    }
    await eventually(async () => expect(await putOf(app, 7_900_000)).not.toBe(503))
  })

  test('is free again when a client leaves before its pipelined requests are answered', async () => {
    const { port, app } = await listening({ maxRequests: 3 })
    const socket = client(
      port,
      head('PUT /v1/keys/a', 'content-length: 0\r\n') +
        head('GET /v1/watch') +
        head('GET /v1/count') +
        head('GET /v1/count'),
    )
    await once(app.server, 'request')
    socket.destroy()
    await once(socket, 'close')
    await eventually(async () =>
      expect(await Promise.all([1, 2, 3].map(async () => (await app.inject('/v1/count')).statusCode))).toEqual([
        200, 200, 200,
      ]),
    )
  })
})

describe('answers that nobody takes', () => {
  test.for(['/v1/keys/a', '/read/a'])('are counted until their clients are gone: %s', async (url) => {
    const { port, app } = await listening({ maxMemoryBytes: 25_000_000 })
    await app.inject({ method: 'PUT', url: '/v1/keys/a', payload: 'x'.repeat(10_000_000) })
    const first = client(port, head(`GET ${url}`))
    first.pause()
    await once(app.server, 'request')
    const others = Array.from({ length: 3 }, () => app.inject(url))
    const statuses = (await Promise.all(others)).map(({ statusCode }) => statusCode)
    expect(statuses).toContain(503)
    first.destroy()
    await eventually(async () => expect((await app.inject(url)).statusCode).toBe(200))
  })

  test('of many large values asked for at once are read one after the other', async () => {
    const { app } = await listening({ maxMemoryBytes: 12_000_000 }, `${tempDir()}/store.kv`)
    const keys = Array.from({ length: 10 }, (_, i) => `/v1/keys/k${i}`)
    for (const url of keys) await app.inject({ method: 'PUT', url, payload: 'x'.repeat(3_000_000) })
    const statuses = (await Promise.all(keys.map((url) => app.inject(url)))).map(({ statusCode }) => statusCode)
    expect(statuses.every((code) => code === 200 || code === 503)).toBe(true)
    expect(statuses).toContain(200)
  })
})

describe('an upload', () => {
  test('that trickles for longer than its bytes may take is 408', async () => {
    const { port } = await listening({ uploadGraceMs: 100, bodyTimeoutMs: 10_000 })
    const socket = client(port, head('PUT /v1/keys/a', 'transfer-encoding: chunked\r\n'))
    const trickle = setInterval(() => socket.write('1\r\nx\r\n'), 10)
    onTestFinished(() => clearInterval(trickle))
    expect(await status(socket)).toBe('408')
  })
})
