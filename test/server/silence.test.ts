import { once } from 'node:events'
import { type AddressInfo, type Socket, createServer } from 'node:net'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { type Store, openStore } from '../../src/index.ts'
import { buildApp } from '../../src/server/app.ts'
import { HEADERS, LATE } from '../../src/protocol/http-api.ts'
import { blockOf } from '../../src/blocks/block.ts'
import { utf8 } from '../../src/bytes.ts'
import { ended, errorText, expectRun, givenStore, kv, startKv } from '../helpers/kv.ts'
import { holdLock } from '../helpers/lock.ts'
import { failure, openTestStore } from '../helpers/store.ts'
import { listening } from './server.ts'

const INFO = JSON.stringify({
  server: 'kv',
  driver: 'memory',
  read_only: false,
  snapshot_range: true,
  persistent: false,
  watch: true,
  history: true,
  max_key_bytes: 100,
  max_value_bytes: 1e6,
  max_batch_bytes: 1e6,
  max_batch_ops: 100,
})
const KV = 'HTTP/1.1 200 OK\r\nkv-server: 1\r\n'

interface Mute {
  readonly url: string
  readonly heads: string[]
  /** Settles when a request has come that it does not answer. */
  asked(): Promise<void>
}

/** A server that takes connections, says of itself what kv says, and sends of every other answer only `beginning`. */
async function mute({ beginning = '', greets = true } = {}): Promise<Mute> {
  const sockets = new Set<Socket>()
  const heads: string[] = []
  let tell = (): void => {}
  let asked = new Promise<void>((resolve) => (tell = resolve))
  const listener = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('data', (data) => {
      const head = data.toString('latin1')
      if (greets && head.startsWith('GET /v1/info')) {
        socket.write(`${KV}content-type: application/json\r\ncontent-length: ${INFO.length}\r\n\r\n${INFO}`)
        return
      }
      heads.push(head)
      if (beginning !== '') socket.write(beginning)
      tell()
    })
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    listener.close()
  })
  return {
    url: `http://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    heads,
    async asked() {
      await asked
      asked = new Promise<void>((resolve) => (tell = resolve))
    },
  }
}

const READS: Record<string, (store: Store, signal?: AbortSignal) => unknown> = {
  get: (store, signal) => store.get('a', { signal }),
  getEntry: (store, signal) => store.getEntry('a', { signal }),
  head: (store, signal) => store.head('a', { signal }),
  getMany: (store, signal) => store.getMany(['a'], { signal }),
  range: (store, signal) => store.range({ signal }).next(),
  rangeText: (store, signal) => store.rangeText({ signal })![Symbol.asyncIterator]().next(),
  count: (store, signal) => store.count({ signal }),
  usage: (store, signal) => store.usage({ signal }).next(),
  versions: (store, signal) => store.history.versions('a', { signal }).next(),
  'the entry of a moment': (store, signal) => store.history.at('a', { revision: 1 }, { signal }),
  'the state of a history': (store, signal) => store.history.status({ signal }),
  stat: (store, signal) => store.stat({ signal }),
  check: (store, signal) => store.check({ signal }),
  watch: (store, signal) => store.watch({ signal }),
}

const WRITES: Record<string, (store: Store, signal?: AbortSignal) => unknown> = {
  put: (store, signal) => store.put('a', '1', { signal }),
  del: (store, signal) => store.del('a', { signal }),
  batch: (store, signal) => store.batch([{ type: 'del', key: 'a' }], { signal }),
  load: (store, signal) => store.load([blockOf([{ key: utf8('a'), value: utf8('1') }])], { signal }),
  delRange: (store, signal) => store.delRange({ prefix: 'a', signal }),
  'history.on': (store, signal) => store.history.on({ keep: 3, signal }),
  'history.off': (store, signal) => store.history.off({ signal }),
}

async function opened(url: string, timeoutMs?: number): Promise<Store> {
  return openTestStore(url, { timeoutMs })
}

describe('a server that says nothing', () => {
  const STAGES = {
    'before its answer': '',
    'within its answer': `${KV}content-type: application/vnd.kv.frames\r\ncontent-length: 1000\r\netag: "1"\r\n\r\nx`,
  }

  describe.for(Object.entries(STAGES))('%s', ([, beginning]) => {
    test.for(Object.entries(READS))('is given up by %s, as one that cannot be reached', async ([name, read]) => {
      // HEAD has no body to wait for, and a watch or lines that are frames are not waited for.
      if (beginning !== '' && ['head', 'watch', 'rangeText'].includes(name)) return
      const store = await opened((await mute({ beginning })).url, 200)
      const error = await failure(() => read(store))
      expect(error).toMatchObject({ code: 'KV_UNAVAILABLE', hint: 'more time gives --timeout 1s' })
      expect(error.message).toMatch(/^the answer of http:\S+ was lost: nothing came for 0\.2 s$/)
    })

    test.for(Object.entries(WRITES))('is given up by %s, whose outcome is unknown', async ([, write]) => {
      const store = await opened((await mute({ beginning })).url, 200)
      expect(await failure(() => write(store))).toMatchObject({ code: 'KV_UNKNOWN_OUTCOME' })
    })

    test.for(Object.entries(READS))('is left by %s when that is aborted', async ([name, read]) => {
      if (beginning !== '' && ['head', 'watch', 'rangeText'].includes(name)) return
      const { url, asked } = await mute({ beginning })
      const store = await opened(url)
      const stop = new AbortController()
      const reason = new Error('enough')
      const ending = failure(() => read(store, stop.signal))
      await asked()
      stop.abort(reason)
      expect(await ending).toMatchObject({ code: 'KV_INTERRUPTED', cause: reason })
    })

    test.for(Object.entries(WRITES))(
      'is left by %s when that is aborted, with an unknown outcome',
      async ([, write]) => {
        const { url, asked } = await mute({ beginning })
        const store = await opened(url)
        const stop = new AbortController()
        const ending = failure(() => write(store, stop.signal))
        await asked()
        stop.abort()
        expect(await ending).toMatchObject({ code: 'KV_UNKNOWN_OUTCOME' })
      },
    )
  })

  test('is given up when the store is opened, and left when that is aborted', async () => {
    const { url, asked } = await mute({ greets: false })
    expect(await failure(() => openStore(url, { timeoutMs: 100 }))).toMatchObject({ code: 'KV_UNAVAILABLE' })
    const stop = new AbortController()
    const ending = failure(() => openStore(url, { signal: stop.signal }))
    await asked()
    stop.abort()
    expect(await ending).toMatchObject({ code: 'KV_INTERRUPTED' })
    expect((await failure(() => openStore(url, { signal: AbortSignal.abort() }))).code).toBe('KV_INTERRUPTED')
  })

  test('ends a command after --timeout or KV_TIMEOUT, exit 4', async () => {
    const { url } = await mute()
    const lost = `the answer of ${url} was lost: nothing came for 0.3 s`
    expectRun(await kv(['get', 'a', '--timeout', '300ms'], { store: url }), {
      stderr: errorText(lost, 'KV_UNAVAILABLE', 'more time gives --timeout 1s'),
      code: 4,
    })
    expectRun(await kv(['get', 'a'], { store: url, env: { KV_TIMEOUT: '300ms' } }), {
      stderr: errorText(lost, 'KV_UNAVAILABLE', 'more time gives --timeout 1s'),
      code: 4,
    })
    expectRun(await kv(['put', 'a', '1', '--timeout=300ms'], { store: url }), {
      stderr: /\(KV_UNKNOWN_OUTCOME\)\nhint: read the key to see/,
      code: 4,
    })
    const stderr = errorText(
      'not a timeout: 0',
      'KV_USAGE',
      'write a time as 500ms, 90s, 10m, 2h or 7d; a plain number is seconds',
    )
    expectRun(await kv(['get', 'a', '--timeout', '0'], { store: url }), { stderr, code: 2 })
  })

  test('is left by a command at Ctrl-C', async () => {
    const { url, asked } = await mute()
    const child = startKv(['get', 'a'], { store: url })
    const run = ended(child)
    await asked()
    child.kill('SIGINT')
    expect((await run).signal).toBe('SIGINT')
  })
})

test('a reader that pauses is not a server that is silent', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  const { url, app } = await listening()
  const store = await opened(url, 1000)
  await store.batch(
    Array.from({ length: 200 }, (_, i) => ({ type: 'put', key: `k${i}`, value: new Uint8Array(50_000) })),
  )
  let entries = 0
  for await (const page of store.rangePages()) {
    entries += page.length
    await vi.advanceTimersByTimeAsync(5000)
  }
  expect(entries).toBe(200)
  await store.close()
  await app.close()
})

describe('a server that works for long', () => {
  test('shows that it lives while a write waits for the lock of another process', async () => {
    const path = await givenStore([['a', '1']])
    const release = await holdLock(path)
    const { url } = await listening({}, path)
    const store = await opened(url, 300)
    const writes = Promise.all([
      store.put('b', '2'),
      store.put('a', '2', { condition: { type: 'value', value: utf8('other') } }),
      store.del('none'),
      store.batch([{ type: 'put', key: 'c', value: '3' }]),
      store.load([blockOf([{ key: utf8('d'), value: utf8('4') }])]),
      store.delRange({ prefix: 'a' }),
    ])
    // Signs of life for longer than the client's patience.
    const late = await fetch(`${url}/v1/keys/e`, { method: 'PUT', body: 'v', headers: { [HEADERS.timeout]: '300' } })
    let signs = 0
    for await (const chunk of late.body!) {
      signs += chunk.length
      if (signs === 6) await release()
    }
    const [put, refused, gone, revision, load, deleted] = await writes
    expect({ created: put.created, applied: refused.applied, gone, deleted }).toEqual({
      created: true,
      applied: false,
      gone: false,
      deleted: 1,
    })
    expect(load).toBeGreaterThan(0)
    expect(revision).toBeGreaterThan(0)
    expect(
      (await failure(() => store.put('a', '1', { condition: { type: 'absent' }, signal: AbortSignal.abort() }))).code,
    ).toBe('KV_INTERRUPTED')
  })

  test('tells a failure as it would have without', async () => {
    const path = await givenStore([['a', '1']])
    await holdLock(path)
    const app = await buildApp(await openTestStore(path, { timeoutMs: 500 }))
    onTestFinished(() => app.close())
    const store = await opened(await app.listen({ host: '127.0.0.1', port: 0 }), 300)
    expect(await failure(() => store.put('b', '2'))).toMatchObject({
      code: 'KV_LOCKED',
      hint: 'the server waits as long as its own --lock-timeout says: kv serve --lock-timeout 60s',
    })
  })

  test('tells how far a usage is, and not who does not ask as kv does', async () => {
    const slow = await openTestStore('memory:')
    let finish = (): void => {}
    const told = new Promise<void>((resolve) => (finish = resolve))
    const total = { type: 'total', name: new Uint8Array(), keys: 7, bytes: 9 } as const
    slow.usage = async function* ({ onProgress } = {}) {
      onProgress?.(5)
      await told
      yield [total]
    }
    const app = await buildApp(slow)
    onTestFinished(() => app.close())
    const url = await app.listen({ host: '127.0.0.1', port: 0 })
    const store = await opened(url, 300)
    const plain = fetch(`${url}/v1/usage`)
    const counted: number[] = []
    const onProgress = (keys: number): void => void (counted.push(keys) === 5 && finish())
    for await (const page of store.usage({ onProgress })) expect(page).toEqual([{ ...total, name: Buffer.from('') }])
    expect(counted.slice(0, 5)).toEqual([5, 5, 5, 5, 5])
    expect(await (await plain).text()).toBe('{"prefix":"","keys":7,"bytes":9,"total":true}\n')
  })

  test('begins no answer for a client that does not say when it gives up', async () => {
    const path = await givenStore([['a', '1']])
    const release = await holdLock(path)
    const { url } = await listening({}, path)
    const ask = (headers: Record<string, string>) => fetch(`${url}/v1/keys/b`, { method: 'PUT', body: 'v', headers })
    const late = await ask({ [HEADERS.timeout]: '300' })
    const plain = ask({})
    await release()
    expect(late.headers.get('content-type')).toBe(LATE)
    expect(await late.text()).toMatch(/^\n+\{"status":201,/)
    expect((await plain).status).toBe(200)
  })
})
