import { describe, expect, onTestFinished, test } from 'vitest'
import { buildApp } from '../../src/server/app.ts'
import { openStore } from '../../src/index.ts'
import { hasProxy, haproxyCheck, nginx } from '../helpers/proxies.ts'
import { openTestStore } from '../helpers/store.ts'
import { EventStream } from './event-stream.ts'
import { listening } from './server.ts'

describe.skipIf(!hasProxy('nginx'))('behind nginx as it comes', () => {
  test('a watch shows each change when it is made', async () => {
    const { url, app } = await listening()
    const events = await EventStream.open(await nginx(`location / { proxy_pass ${url}; }`), '/v1/watch')
    expect(await events.event()).toMatchObject({ event: 'ready' })
    await app.inject({ method: 'PUT', url: '/v1/keys/a', payload: '1' })
    expect(await events.event()).toMatchObject({ event: 'put' })
  })

  test('a store below a path is a store, whatever the proxy makes of its keys', async () => {
    const { url } = await listening()
    const store = await openStore(`${await nginx(`location /some/kv/ { proxy_pass ${url}/; }`)}/some/kv/`)
    onTestFinished(() => store.close())
    const keys = [
      'user',
      'dir/../user',
      '../user',
      '.',
      '..',
      'a%2Fb',
      'a/b',
      'a//b',
      '/',
      '%',
      'a b',
      '\\',
      'é?#;&=+',
      'a\0b',
    ].map((key) => Buffer.from(key))
    for (const [i, key] of keys.entries()) await store.put(key, String(i))
    for (const [i, key] of keys.entries())
      expect([key, Buffer.from((await store.get(key))!).toString()]).toEqual([key, String(i)])
    expect(await store.count({ prefix: 'a/' })).toBe(2)
    for (const key of keys.slice(1)) expect([key, await store.del(key)]).toEqual([key, true])
    expect(await store.count()).toBe(1)
  })

  test('a range whose rest cannot be read is cut off, not ended', async () => {
    const store = await openTestStore('memory:')
    await store.batch(
      Array.from({ length: 3000 }, (_, i) => ({ type: 'put' as const, key: `k${i}`, value: 'v'.repeat(1000) })),
    )
    const pages = store.rangePages.bind(store)
    store.rangeText = () => undefined
    store.rangePages = async function* (options) {
      yield* pages({ ...options, limit: 2000 })
      throw new Error('the disk is gone')
    }
    const app = await buildApp(store)
    onTestFinished(() => app.close())
    // nginx asks in HTTP/1.0, where the end of an answer is that of the connection.
    const answer = await fetch(
      `${await nginx(`location / { proxy_pass ${await app.listen({ host: '127.0.0.1', port: 0 })}; }`)}/v1/range`,
    )
    expect(answer.status).toBe(200)
    await expect(answer.text()).rejects.toThrow()
  })
})

describe.skipIf(!hasProxy('haproxy'))('checked by HAProxy', () => {
  test.for([
    'option httpchk',
    'option httpchk GET /health',
    'option httpchk GET /ready',
    'option httpchk\n  http-check send meth GET uri /ready ver HTTP/1.1 hdr Host kv:8003',
  ])('the server is up: %j', async (backend) => {
    const { port } = await listening({ token: 'sesame' })
    expect(await haproxyCheck(backend, port)).toBe('L7OK')
  })
})
