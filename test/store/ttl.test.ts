import { describe, expect, onTestFinished, test } from 'vitest'
import type { Store } from '../../src/index.ts'
import { buildApp } from '../../src/server/app.ts'
import { block, stoppedClock } from '../conformance/suite.ts'
import { contents, ended, expectRun, givenStore, kv, startKv } from '../helpers/kv.ts'
import { holdLock } from '../helpers/lock.ts'
import { openTestStore } from '../helpers/store.ts'

const HOUR = 3_600_000

const WRITES: Record<string, (store: Store) => Promise<unknown>> = {
  put: (store) => store.put('a', '1', { ttl: 5 }),
  'put with a condition': (store) => store.put('a', '1', { ttl: 5, condition: { type: 'absent' } }),
  batch: (store) => store.batch([{ type: 'put', key: 'a', value: '1', ttl: 5 }]),
  'batch of many': (store) =>
    store.batch(
      ['a', ...Array.from({ length: 50 }, (_, i) => `b${i}`)].map((key) => ({ type: 'put', key, value: '1', ttl: 5 })),
    ),
  load: (store) => store.load([block([['a', '1', -5]])]),
  'load as it comes': (store) => store.load(oneByOne([['a', '1', -5]])),
}

async function* oneByOne(
  entries: readonly (readonly [string, string, number?])[],
): AsyncGenerator<ReturnType<typeof block>, void, void> {
  for (const entry of entries) yield block([entry])
}

describe.for(['file', 'http'])('%s: a time to live counts from when the lock is had', (where) => {
  test.for(Object.entries(WRITES))('%s', async ([, write]) => {
    const path = await givenStore([['z', '0']])
    const clock = stoppedClock()
    const began = clock.time
    const file = await openTestStore(path, { clock: clock.now })
    let store = file
    if (where === 'http') {
      const app = await buildApp(file)
      onTestFinished(() => app.close())
      store = await openTestStore(await app.listen({ host: '127.0.0.1', port: 0 }))
    }
    const release = await holdLock(path)
    const writing = write(store)
    // The write has asked by then, wherever it asked for the time before.
    await store.get('z')
    clock.time = began + HOUR
    await release()
    await writing
    expect((await store.getEntry('a'))?.expires).toBe(began + HOUR + 5)
    expect(await store.check()).toMatchObject({ damagedKeys: [], problems: [] })
  })
})

test('put --ttl counts from the write, not from when the value began to come', async () => {
  const store = await givenStore()
  const child = startKv(['put', 'k', '--ttl', '1h'], { store })
  const run = ended(child)
  child.stdin!.write('v')
  // Time passes for certain: the program has to start, in which this one only waits.
  expectRun(await kv(['count'], { store }), { stdout: '0\n' })
  const before = Date.now()
  child.stdin!.end('w')
  expectRun(await run, {})
  const { expires } = (await (await openTestStore(store)).getEntry('k'))!
  expect(expires).toBeGreaterThanOrEqual(before + HOUR)
  expect(expires).toBeLessThanOrEqual(Date.now() + HOUR)
})

test.for([[], ['--atomic']])('batch-put %j: the ttl of a record counts from when it is stored', async (flags) => {
  const store = await givenStore([['z', '0']])
  const release = await holdLock(store)
  const child = startKv(['batch-put', ...flags, '--lock-timeout', '60s'], { store })
  const run = ended(child)
  child.stdin!.end(
    '{"key":"a","value":"1","ttl":3600}\n{"key":"b","value":"2","expires":"1999-12-31T23:59:59Z"}\n{"key":"a2","value":"3"}\n',
  )
  expectRun(await kv(['count'], { store }), { stdout: '1\n' })
  const before = Date.now()
  await release()
  expect((await run).code).toBe(0)
  const { expires } = (await (await openTestStore(store)).getEntry('a'))!
  expect(expires).toBeGreaterThanOrEqual(before + HOUR)
  // An old export holds what has expired since; it is taken, and has.
  expect(await contents(store)).toEqual([
    ['a', '1'],
    ['a2', '3'],
    ['z', '0'],
  ])
  expect((await kv(['check'], { store })).code).toBe(0)
})

describe('over HTTP', () => {
  test.for([
    'expires=0',
    'expires=1',
    'expires=-5',
    'expires=1795790572',
    'ttl=0',
    'ttl=-1',
    'ttl=0s',
    'ttl=1s&expires=4102444800000',
  ])('?%s is refused', async (query) => {
    const app = await buildApp(await openTestStore('memory:'))
    onTestFinished(() => app.close())
    const answer = await app.inject({ method: 'PUT', url: `/v1/keys/a?${query}`, payload: 'v' })
    expect(answer.json()).toMatchObject({ code: 'KV_USAGE' })
    if (query.startsWith('expires')) expect(answer.json()).toMatchObject({ hint: 'milliseconds since 1970' })
    expect((await app.inject('/v1/count')).json()).toEqual({ count: 0 })
  })

  test.for(['{"key":"a","value":"1","ttl":0}', '{"key":"a","value":"1","ttl":-1}'])(
    '/v1/batch refuses %s',
    async (payload) => {
      const app = await buildApp(await openTestStore('memory:'))
      onTestFinished(() => app.close())
      expect((await app.inject({ method: 'POST', url: '/v1/batch', payload })).json()).toMatchObject({
        code: 'KV_INVALID_INPUT',
      })
    },
  )

  test('/v1/batch takes a ttl and an old timestamp', async () => {
    const clock = stoppedClock()
    const store = await openTestStore('memory:', { clock: clock.now })
    const app = await buildApp(store)
    onTestFinished(() => app.close())
    const payload = '{"key":"a","value":"1","ttl":"1h"}\n{"key":"b","value":"1","expires":"1999-01-01T00:00:00Z"}\n'
    expect((await app.inject({ method: 'POST', url: '/v1/batch', payload })).json()).toMatchObject({ operations: 2 })
    expect((await store.getEntry('a'))!.expires).toBe(clock.time + HOUR)
    expect(await store.count()).toBe(1)
  })
})
