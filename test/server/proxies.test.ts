import { describe, expect, test } from 'vitest'
import { hasProxy, haproxyCheck, nginx } from '../helpers/proxies.ts'
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
})

describe.skipIf(!hasProxy('haproxy'))('checked by HAProxy', () => {
  test.for(['option httpchk', 'option httpchk GET /health', 'option httpchk GET /ready', 'option httpchk\n  http-check send meth GET uri /ready ver HTTP/1.1 hdr Host kv:8003'])('the server is up: %j', async (backend) => {
    const { port } = await listening({ token: 'sesame' })
    expect(await haproxyCheck(backend, port)).toBe('L7OK')
  })
})
