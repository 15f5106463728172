import { once } from 'node:events'
import { type IncomingMessage, get } from 'node:http'
import { describe, expect, onTestFinished, test } from 'vitest'
import { buildApp } from '../../../src/server/app.ts'
import type { Store } from '../../../src/store/store.ts'
import { openTestStore } from '../../helpers/store.ts'
import { client, head, listening, raw, server } from '../server.ts'

/** Characters of one to four bytes and all that JSON escapes, of no length that divides a chunk. */
const TEXT = 'é€😀"\\\n\u0001a'.repeat(5003)

const RANGE = '/read_key_range/?start_key=a&end_key=z'

async function filled(store: Store, count: number, value: string): Promise<{ key: string; value: string }[]> {
  const entries = Array.from({ length: count }, (_, i) => ({
    key: `k"${String(i).padStart(5, '0')}`,
    value: `${i}${value}`,
  }))
  await store.batch(entries.map((entry) => ({ type: 'put' as const, ...entry })))
  return entries
}

describe('a large answer', () => {
  test('of a range as text is sent while it is made: byte for byte, in less memory than it takes', async () => {
    const store = await openTestStore('memory:')
    const data = await filled(store, 3000, 'v"é'.repeat(300))
    const app = await buildApp(store, { maxMemoryBytes: 500_000 })
    onTestFinished(() => app.close())
    const answer = await app.inject(RANGE)
    expect(answer.body).toBe(JSON.stringify({ message: 'Data range fetched successfully.', data }))
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8')
  })

  test.for([[TEXT], ['x'.repeat(65_535) + TEXT], ['']])(
    'of one value as text is what JSON.stringify makes (%#)',
    async ([value]) => {
      const app = await server()
      await app.inject({ method: 'PUT', url: '/v1/keys/a%22', payload: value })
      const data = { key: 'a"', value }
      expect((await app.inject('/read/a%22')).body).toBe(
        JSON.stringify({ message: 'Key data fetched successfully.', data }),
      )
      expect((await app.inject('/read_key_range/?start_key=a&end_key=b')).body).toBe(
        JSON.stringify({ message: 'Data range fetched successfully.', data: [data] }),
      )
    },
  )

  test.for([0, 1, 5000])('of a batch of %i repeats it', async (count) => {
    const app = await server()
    const data = {
      keys: Array.from({ length: count }, (_, i) => `k${i}`),
      values: Array.from({ length: count }, () => TEXT.slice(0, count === 1 ? undefined : 50)),
    }
    const answer = await app.inject({ method: 'POST', url: '/batch_put/', payload: data })
    expect([answer.statusCode, answer.body]).toEqual([200, JSON.stringify({ message: 'Batch put successful.', data })])
  })

  test('of many keys is in the order asked', async () => {
    const store = await openTestStore('memory:')
    const data = await filled(store, 300, 'v'.repeat(1000))
    const app = await buildApp(store)
    onTestFinished(() => app.close())
    const asked = data.toReversed().flatMap((entry) => [entry, undefined])
    const answer = await app.inject({
      method: 'POST',
      url: '/v1/get',
      payload: asked.map((entry) => JSON.stringify(entry?.key ?? 'none')).join('\n'),
    })
    expect(answer.body).toBe(asked.map((entry) => `${JSON.stringify(entry ?? null)}\n`).join(''))
  })

  test('is refused by its status for bytes that are not text, wherever they stand', async () => {
    const store = await openTestStore('memory:')
    await filled(store, 1000, 'v'.repeat(300))
    await store.put('y', Buffer.from([0xff]))
    const app = await buildApp(store)
    onTestFinished(() => app.close())
    expect((await app.inject(RANGE)).statusCode).toBe(406)
  })
})

describe('a client that pauses while it takes a range', () => {
  test('is waited for, and gets all of it', async () => {
    const { port, app } = await listening({ idleTimeoutMs: 50 })
    const value = 'v'.repeat(20_000_000)
    await app.inject({ method: 'PUT', url: '/v1/keys/a', payload: value })
    const [answer] = (await once(get({ port, path: '/v1/range', agent: false }), 'response')) as [IncomingMessage]
    await once(app.server, 'timeout')
    let text = ''
    for await (const chunk of answer) text += String(chunk)
    expect(text === `{"key":"a","value":"${value}"}\n`).toBe(true)
    expect(answer.complete).toBe(true)
  })

  test('for too long is cut off', async () => {
    const { port, app } = await listening({ idleTimeoutMs: 50, sendTimeoutMs: 100 })
    await app.inject({ method: 'PUT', url: '/v1/keys/a', payload: Buffer.alloc(20_000_000) })
    const closed = once(app.server, 'connection').then(([socket]) => once(socket as ReturnType<typeof client>, 'close'))
    client(port, head('GET /v1/range')).pause()
    await closed
    expect(await raw(port, head('GET /v1/count', 'connection: close\r\n'))).toContain('{"count":1}')
  })
})
