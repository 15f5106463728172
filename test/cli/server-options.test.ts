import { expect, test } from 'vitest'
import { contents, errorText, expectRun, givenStore, kv } from '../helpers/kv.ts'
import { openTestStore } from '../helpers/store.ts'
import { listening } from '../server/server.ts'

/** What commands send to a server besides what they are about. */

test('the token goes with every command, also within a session and a benchmark', async () => {
  const { url } = await listening({ token: 'secret' })
  const env = { KV_TOKEN: 'secret' }
  expectRun(await kv(['put', 'a', '1'], { store: url, env }), {})
  expectRun(await kv(['repl'], { store: url, env, input: 'get a\nget a --timeout 20s\n' }), { stdout: '11' })
  const bench = await kv(['bench', '--in-place', '--records', '10', '--ops', '5', '--warmup', '0', '--json'], {
    store: url,
    env,
  })
  expect(bench.stderr).toBe('')
  expect(bench.code).toBe(0)
  const hint = 'set KV_TOKEN, or KV_TOKEN_FILE'
  expectRun(await kv(['get', 'a'], { store: url }), {
    stderr: errorText(`${url}: this server needs a token`, 'KV_DENIED', hint),
    code: 4,
  })
})

test('an address with a path that is none of the server is an error, never a key that is not there', async () => {
  const { url } = await listening()
  const stderr = errorText(
    `${url} is a kv server, but not at this path`,
    'KV_UNAVAILABLE',
    'check the path of the address, and what a proxy makes of it',
  )
  for (const args of [['get', 'a', '--default', 'x'], ['count'], ['put', 'a', '1']])
    expectRun(await kv(args, { store: `${url}/kv` }), { stderr, code: 4 })
})

test('a timeout longer than any timer is the longest one', async () => {
  const { url } = await listening()
  expectRun(await kv(['put', 'a', '1', '--timeout', '9999d'], { store: url }), {})
  expectRun(await kv(['get', 'a', '--timeout', '9999d'], { store: url }), { stdout: '1' })
})

test.for([['put', 'a', '1'], ['del', 'a'], ['batch-put'], ['bench', '--in-place']])(
  '%j --no-sync is refused: it is the server that syncs',
  async (args) => {
    const { url } = await listening()
    const stderr = errorText(
      'a server decides for itself whether its writes wait for the disk',
      'KV_NOT_SUPPORTED',
      'that is set where the server is started: kv serve --no-sync',
    )
    expectRun(await kv([...args, '--no-sync'], { store: url, input: '{"key":"a","value":"1"}\n' }), { stderr, code: 2 })
  },
)

test('KV_DEBUG=0 shows no stack, wherever the error comes from', async () => {
  for (const args of [
    ['get', 'a', '--format', 'nope'],
    ['get', 'none'],
  ]) {
    const { stderr } = await kv(args, { env: { KV_DEBUG: '0' }, store: await givenStore() })
    expect(stderr).not.toContain('    at ')
    expect((await kv(args, { env: { KV_DEBUG: '1' }, store: await givenStore() })).stderr).toContain('    at ')
  }
})

test('the files of a store are told by the library', async () => {
  const path = await givenStore([['a', '1']])
  expect((await openTestStore(`file://${path}`)).files).toEqual(
    ['', '-wal', '-shm', '-journal'].map((suffix) => path + suffix),
  )
  expect((await openTestStore('memory:')).files).toEqual([])
  expect(await contents(path)).toEqual([['a', '1']])
})
