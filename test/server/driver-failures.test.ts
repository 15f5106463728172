import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Server, Socket, createServer } from 'node:net'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { utf8 } from '../../src/bytes.ts'
import { blockChunks } from '../../src/drivers/http/upload.ts'
import { openDriver } from '../../src/drivers/index.ts'
import { openStore } from '../../src/index.ts'
import { buildApp } from '../../src/server/app.ts'
import { FRAME, FrameReader } from '../../src/protocol/frames.ts'
import { FRAMES } from '../../src/protocol/http-api.ts'
import { type Block, blockOf } from '../../src/blocks/block.ts'
import { Store } from '../../src/store/store.ts'
import { expectRun, kv } from '../helpers/kv.ts'
import { block as blockOfRows } from '../conformance/suite.ts'
import { failure, failureCode } from '../helpers/store.ts'
import { tempDir } from '../helpers/temp-dir.ts'
import { listening, server } from './server.ts'

const INFO = JSON.stringify({
  server: 'kv',
  driver: 'memory',
  read_only: false,
  snapshot_range: true,
  persistent: false,
  max_key_bytes: 100,
  max_value_bytes: 100,
  max_batch_bytes: 100,
  max_batch_ops: 100,
})

/** A server that introduces itself as kv does and answers everything else with `answer`. */
async function pretender(answer: (socket: Socket, head: string) => void): Promise<{ url: string; heads: string[] }> {
  const heads: string[] = []
  const sockets = new Set<Socket>()
  const listener: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('data', (data) => {
      const head = data.toString('latin1')
      if (head.startsWith('GET /v1/info')) {
        socket.write(
          `HTTP/1.1 200 OK\r\nkv-server: 1\r\ncontent-type: application/json\r\ncontent-length: ${INFO.length}\r\n\r\n${INFO}`,
        )
      } else {
        heads.push(head)
        answer(socket, head)
      }
    })
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    listener.close()
  })
  return { url: `http://127.0.0.1:${(listener.address() as { port: number }).port}`, heads }
}

async function opened(url: string) {
  const store = await openStore(url)
  onTestFinished(() => store.close())
  return store
}

/** The store as JSON Lines, which the server writes. */
async function lines(store: Pick<Store, 'rangeText'>): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of store.rangeText()!) chunks.push(chunk as Uint8Array)
  return Buffer.concat(chunks).toString()
}

describe('an answer that is lost', () => {
  test.for<[string, (socket: Socket) => void]>([
    ['the connection ends', (socket) => socket.destroy()],
    ['it is cut off within its head', (socket) => socket.end('HTTP/1.1 200 OK\r\nkv-ser')],
    [
      'it is cut off within its body',
      (socket) => socket.end('HTTP/1.1 200 OK\r\nkv-server: 1\r\ncontent-length: 100\r\n\r\n{"rev'),
    ],
    [
      'a proxy answers instead',
      (socket) => socket.end('HTTP/1.1 502 Bad Gateway\r\nconnection: close\r\ncontent-length: 0\r\n\r\n'),
    ],
  ])('leaves a write unknown and is not sent again: %s', async ([, lose]) => {
    const { url, heads } = await pretender(lose)
    const store = await opened(url)
    expect(await failureCode(() => store.put('a', '1'))).toBe('KV_UNKNOWN_OUTCOME')
    expect(await failureCode(() => store.batch([{ type: 'put', key: 'a', value: '1' }]))).toBe('KV_UNKNOWN_OUTCOME')
    expect(await failureCode(() => store.del('a'))).toBe('KV_UNKNOWN_OUTCOME')
    expect(await failureCode(() => store.delRange({ prefix: 'a' }))).toBe('KV_UNKNOWN_OUTCOME')
    expect(heads.filter((head) => /^(PUT|POST|DELETE) /.test(head))).toHaveLength(4)
  })

  test('of a read is a server that cannot be reached', async () => {
    const { url } = await pretender((socket) =>
      socket.end('HTTP/1.1 200 OK\r\nkv-server: 1\r\ncontent-length: 100\r\n\r\nab'),
    )
    const store = await opened(url)
    expect(await failureCode(() => store.get('a'))).toBe('KV_UNAVAILABLE')
    expect(await failureCode(() => store.count())).toBe('KV_UNAVAILABLE')
  })

  test('of a range is an error, never the end of it', async () => {
    const { url } = await pretender((socket) =>
      socket.end('HTTP/1.1 200 OK\r\nkv-server: 1\r\nconnection: close\r\n\r\n'),
    )
    const store = await opened(url)
    expect(await failureCode(() => store.range().next())).toBe('KV_UNAVAILABLE')
  })

  test.for<[string, string]>([
    ['in the middle of a line', '{"key":"a","value":"1"}\n{"key":"b",'],
    ['after a line', '{"key":"a","value":"1"}\n'],
    ['before the first line', ''],
  ])('of lines is an error, also where the end of the connection ends the answer: %s', async ([, body]) => {
    const { url } = await pretender((socket) =>
      socket.end(`HTTP/1.0 200 OK\r\nkv-server: 1\r\ncontent-type: application/vnd.kv.lines\r\n\r\n${body}`),
    )
    const store = await opened(url)
    expect(await failureCode(() => lines(store))).toBe('KV_UNAVAILABLE')
  })

  test('lines come however they are cut, up to their end', async () => {
    const { url } = await pretender((socket) => {
      socket.write(
        'HTTP/1.1 200 OK\r\nkv-server: 1\r\ncontent-type: application/vnd.kv.lines\r\ntransfer-encoding: chunked\r\n\r\n',
      )
      for (const char of '{"key":"a"}\n{"key":"b"}\n\n') socket.write(`1\r\n${char}\r\n`)
      socket.end('0\r\n\r\n')
    })
    const store = await opened(url)
    expect(await lines(store)).toBe('{"key":"a"}\n{"key":"b"}\n')
  })

  test('of a value is an error where nothing tells its length', async () => {
    const { url } = await pretender((socket) =>
      socket.end('HTTP/1.0 200 OK\r\nkv-server: 1\r\netag: "1"\r\n\r\nhalf of a val'),
    )
    const store = await opened(url)
    expect(await failureCode(() => store.get('a'))).toBe('KV_UNAVAILABLE')
  })

  test.for<[string, string]>([
    ['a redirection', 'HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n'],
    ['a page', 'HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 14\r\n\r\n<h1>login</h1>'],
    ['nothing', 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'],
    ['no content', 'HTTP/1.1 204 No Content\r\n\r\n'],
    [
      'a page with the header of kv',
      'HTTP/1.1 200 OK\r\nkv-server: 1\r\ncontent-type: text/html\r\ncontent-length: 14\r\n\r\n<h1>login</h1>',
    ],
    ['nothing with the header of kv', 'HTTP/1.1 200 OK\r\nkv-server: 1\r\ncontent-length: 0\r\n\r\n'],
    [
      'another document with the header of kv',
      'HTTP/1.1 200 OK\r\nkv-server: 1\r\ncontent-length: 16\r\n\r\n{"revision":"1"}',
    ],
  ])('is also what comes from something else: %s', async ([, answer]) => {
    const { url } = await pretender((socket) => socket.end(answer))
    const store = await opened(url)
    for (const write of [
      () => store.put('a', '1'),
      () => store.del('a'),
      () => store.batch([{ type: 'put', key: 'a', value: '1' }]),
      () => store.load([]),
      () => store.delRange({ prefix: 'a' }),
    ]) {
      expect(await failure(write)).toMatchObject({ code: 'KV_UNKNOWN_OUTCOME', exitCode: 4, hint: expect.any(String) })
    }
    for (const read of [
      () => store.get('a'),
      () => store.getMany(['a']),
      () => store.range().next(),
      () => store.count(),
      () => store.stat(),
      () => store.check(),
      () => store.watch(),
    ]) {
      expect(await failureCode(read)).toBe('KV_UNAVAILABLE')
    }
    expect(await failureCode(() => lines(store))).toBe('KV_UNAVAILABLE')
  })

  test('a 404 that is not from kv does not mean that a key is not there', async () => {
    const { url } = await pretender((socket) => socket.end('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n'))
    expect(await failureCode(async () => (await opened(url)).get('a'))).toBe('KV_UNAVAILABLE')
  })
})

test('a server before a server that is gone tells its clients neither where that was nor what its owner could do', async () => {
  const { url, app } = await listening()
  const before = await server({}, url)
  await app.close()
  for (const [method, path] of [
    ['GET', '/v1/keys/a'],
    ['GET', '/read/a'],
    ['PUT', '/v1/keys/a'],
    ['GET', '/v1/count'],
  ] as const) {
    const { statusCode, body } = await before.inject({ method, url: path })
    expect([statusCode, body]).toEqual([
      503,
      '{"detail":"the store behind this server cannot be reached","code":"KV_UNAVAILABLE"}',
    ])
  }
})

describe('opening', () => {
  test('fails where nothing listens, with a hint', async () => {
    const { url, app } = await listening()
    await app.close()
    expect(await failure(() => openStore(url))).toMatchObject({
      code: 'KV_UNAVAILABLE',
      exitCode: 4,
      hint: expect.stringContaining('kv serve'),
    })
  })

  test('fails without the token, with a hint', async () => {
    const { url } = await listening({ token: 'sesame' })
    expect(await failure(() => openStore(url))).toMatchObject({
      code: 'KV_DENIED',
      hint: expect.stringContaining('KV_TOKEN'),
    })
    expect(await failureCode(() => openStore(url, { credentials: { token: 'wrong' } }))).toBe('KV_DENIED')
    await (await openStore(url, { credentials: { token: 'sesame' } })).close()
  })

  test('refuses an address that is more than a server, or that holds a password', async () => {
    for (const location of [
      'http://',
      'http://localhost/docs',
      'http://localhost/kv/docs/',
      'http://localhost?x=1',
      'http://user:pass@localhost',
    ]) {
      expect([location, await failureCode(() => openStore(location))]).toEqual([location, 'KV_USAGE'])
    }
  })
})

test('refusals keep their codes and what they say', async () => {
  const { url } = await listening({ readOnly: true })
  const store = await opened(url)
  expect(await failure(() => store.put('a', '1'))).toMatchObject({
    code: 'KV_READ_ONLY',
    message: 'this server only reads',
  })
})

test('a server that works longer than a connection may be silent still answers', async () => {
  const driver = await openDriver('memory:')
  const store = new Store('memory:', driver)
  const app = await buildApp(store, { idleTimeoutMs: 100 })
  onTestFinished(() => app.close().then(() => store.close()))
  const count = driver.count.bind(driver)
  const silence = new Promise((resolve) =>
    app.server.on('connection', (socket: Socket) => socket.on('timeout', resolve)),
  )
  vi.spyOn(driver, 'count').mockImplementation((query) => silence.then(() => count(query)))
  const remote = await opened(await app.listen({ host: '127.0.0.1', port: 0 }))
  expect(await remote.count()).toBe(0)
})

test('a server is waited for as long as the timeout says; one that is gone is found by TCP', async () => {
  const { url } = await listening()
  const store = await openStore(url, { timeoutMs: 12_345 })
  onTestFinished(() => store.close())
  const silence = vi.spyOn(Socket.prototype, 'setTimeout')
  const probes = vi.spyOn(Socket.prototype, 'setKeepAlive')
  onTestFinished(() => void vi.restoreAllMocks())
  await store.put('a', '1')
  expect(silence.mock.calls).toContainEqual([12_345])
  expect(probes.mock.calls).toContainEqual([true, 15_000])
})

describe('a load that pauses', () => {
  const block = (key: string): Block => blockOf([{ key: utf8(key), value: new Uint8Array(300_000) }])

  test.for(['memory', 'sqlite'])('is refused as the server says when it takes too long: %s', async (driver) => {
    const { url } = await listening(
      { bodyTimeoutMs: 100 },
      driver === 'memory' ? 'memory:' : join(tempDir(), 'store.kv'),
    )
    const store = await opened(url)
    let resume = (): void => {}
    const pause = new Promise<void>((resolve) => (resume = resolve))
    const blocks = async function* (): AsyncGenerator<Block, void, void> {
      yield block('a')
      await pause
      yield block('b')
    }
    expect(await failure(() => store.load(blocks()))).toMatchObject({
      code: 'KV_UNAVAILABLE',
      message: expect.stringContaining('nothing of the body came'),
    })
    resume()
    expect(await store.count()).toBe(0)
  })

  test.for([true, false])(
    'with a delete in it is not sent to an older server, whether all is there: %s',
    async (allThere) => {
      const { url } = await pretender(() => {})
      const store = await opened(url)
      const blocks = async function* () {
        yield blockOfRows([['a', '1'], ['b']])
      }
      const error = await failure(() => store.load(allThere ? [blockOfRows([['a', '1'], ['b']])] : blocks()))
      expect(error).toMatchObject({
        code: 'KV_NOT_SUPPORTED',
        message: 'the server runs an older version of kv, which takes no deletes in a load',
        hint: 'update kv where the server runs',
      })
    },
  )

  test('is not sent to an older server where only absent keys are to be put', async () => {
    const { url, heads } = await pretender(() => {})
    const store = await opened(url)
    expect(await failure(() => store.load([blockOfRows([['a', '1']])], { ifAbsent: true }))).toMatchObject({
      code: 'KV_NOT_SUPPORTED',
      message: 'the server runs an older version of kv, which cannot put only absent keys in a load',
      hint: 'update kv where the server runs',
    })
    expect(heads).toEqual([])
  })

  test('nor is a batch under conditions sent to one', async () => {
    const { url, heads } = await pretender(() => {})
    const store = await opened(url)
    const conditions = [{ key: 'a', condition: { type: 'absent' } }] as const
    expect(await failure(() => store.batch([{ type: 'put', key: 'a', value: '1' }], { conditions }))).toMatchObject({
      code: 'KV_NOT_SUPPORTED',
      message: 'the server runs an older version of kv, which takes no conditions in a batch',
    })
    expect(heads).toEqual([])
  })

  test('shows that it lives, and the server takes that', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    let resume = (): void => {}
    const pause = new Promise<void>((resolve) => (resume = resolve))
    const blocks = async function* (): AsyncGenerator<Block, void, void> {
      yield blockOf([{ key: utf8('a'), value: utf8('1') }])
      await pause
      yield blockOf([{ key: utf8('b'), value: utf8('2') }])
    }
    const chunks = blockChunks(blocks(), { aliveMs: 10_000, takesDeletes: false })
    const first = chunks.next()
    await vi.advanceTimersByTimeAsync(10_000)
    const sent = [(await first).value!]
    resume()
    for await (const chunk of chunks) sent.push(chunk)
    vi.useRealTimers()
    const body = Buffer.concat(sent)
    expect(new FrameReader().push(body).map(({ kind }) => kind)).toEqual([
      FRAME.entry,
      FRAME.alive,
      FRAME.entry,
      FRAME.end,
    ])
    const app = await server()
    expect(
      (await app.inject({ method: 'POST', url: '/v1/load', headers: { 'content-type': FRAMES }, payload: body }))
        .statusCode,
    ).toBe(200)
    expect((await app.inject('/v1/count')).json()).toEqual({ count: 2 })
  })
})

test.for<[string, string[], RegExp]>([
  [
    'says how many records are stored',
    [],
    /^kv: the answer of .* was lost \(.*\); the write may or may not have been done; the 1 record before that is stored \(KV_UNKNOWN_OUTCOME\)\nhint: run it again; what is stored already does no harm\n$/,
  ],
  [
    'of --atomic does not say that nothing is',
    ['--atomic'],
    /^kv: the answer of .* was lost \(.*\); the write may or may not have been done \(KV_UNKNOWN_OUTCOME\)\nhint: run it again; what is stored already does no harm\n$/,
  ],
])('a batch-put whose server is gone %s', async ([, flags, stderr]) => {
  let loads = 0
  const { url } = await pretender((socket, head) => {
    if (!head.startsWith('POST /v1/load')) return
    if (flags.length > 0 || loads++ > 0) socket.destroy()
    else socket.write('HTTP/1.1 200 OK\r\nkv-server: 1\r\ncontent-length: 14\r\n\r\n{"revision":1}')
  })
  const records = ['{"key":"a","value":"1"}\n', '{"key":"b","value":"2"}\n'].map((text, i) => {
    const path = join(tempDir(), `${i}.jsonl`)
    writeFileSync(path, text)
    return path
  })
  expectRun(await kv(['batch-put', ...flags, ...records], { store: url }), { stderr, code: 4 })
})
