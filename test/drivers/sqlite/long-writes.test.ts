import { once } from 'node:events'
import { expect, test } from 'vitest'
import { block } from '../../conformance/suite.ts'
import { toText } from '../../helpers/bytes.ts'
import { ended, expectRun, givenStore, kvProcess, startKv } from '../../helpers/kv.ts'
import { failure, openTestStore } from '../../helpers/store.ts'
import { tempDir } from '../../helpers/temp-dir.ts'

/** Blocks that end when told to. */
function unendedLoad(): { blocks: AsyncIterable<ReturnType<typeof block>>; begun: Promise<unknown>; end(): void } {
  const [began, ended] = [new AbortController(), new AbortController()]
  const begun = once(began.signal, 'abort')
  const blocks = (async function* () {
    yield block([['loaded', '1']])
    const end = once(ended.signal, 'abort')
    began.abort()
    await end
  })()
  return { blocks, begun, end: () => ended.abort() }
}

test('writes wait for a load of this process no longer than the lock timeout, and reads not at all', async () => {
  const store = await openTestStore(`${tempDir()}/store.kv`, { timeoutMs: 50 })
  await store.put('a', '1')
  const { blocks, begun, end } = unendedLoad()
  const load = store.load(blocks)
  await begun
  const late = Promise.all(
    [store.put('a', '2'), store.del('a'), store.load((async function* () {})())].map((write) => failure(() => write)),
  )
  expect(toText((await store.get('a'))!)).toBe('1')
  for (const error of await late)
    expect(error).toMatchObject({ code: 'KV_LOCKED', message: 'the store is locked by a long write of this process' })
  end()
  await load
  expect(await store.count()).toBe(2)
  await store.put('a', '3')
})

test('a write behind a load that ends in time is done', async () => {
  const store = await openTestStore(`${tempDir()}/store.kv`)
  const { blocks, begun, end } = unendedLoad()
  const load = store.load(blocks)
  await begun
  const put = store.put('loaded', '2')
  end()
  await Promise.all([load, put])
  expect(toText((await store.get('loaded'))!)).toBe('2')
})

test('a write behind a load is given up when it is aborted', async () => {
  const store = await openTestStore(`${tempDir()}/store.kv`)
  const { blocks, begun, end } = unendedLoad()
  const load = store.load(blocks)
  await begun
  const stop = new AbortController()
  const put = store.put('a', '1', { signal: stop.signal })
  stop.abort()
  expect((await failure(() => put)).code).toBe('KV_INTERRUPTED')
  end()
  await load
})

test('a load whose input has not come yet keeps nobody from writing', async () => {
  const path = `${tempDir()}/store.kv`
  const store = await openTestStore(path)
  await store.put('a', '1')
  let come: () => void = () => {}
  const input = new Promise<void>((resolve) => (come = resolve))
  const load = store.load(
    (async function* () {
      await input
      yield block([['loaded', '1']])
    })(),
  )
  await new Promise(setImmediate)
  expect((await store.put('a', '2')).applied).toBe(true)
  const other = await openTestStore(path, { timeoutMs: 0 })
  expect((await other.put('a', '3')).applied).toBe(true)
  come()
  await load
  expect(toText((await store.get('loaded'))!)).toBe('1')
})

test('kv batch-put --atomic keeps nobody from writing while its input comes', async () => {
  const path = await givenStore([['a', '1']])
  const load = startKv(['batch-put', '--atomic'], { store: path })
  const run = ended(load)
  for (const n of [1, 2, 3]) {
    load.stdin!.write(`{"key":"loaded${n}","value":"1"}\n`)
    expectRun(await kvProcess(['put', 'a', '2', '--lock-timeout', '0'], { store: path }), {})
  }
  load.stdin!.end()
  expect(await run).toMatchObject({ code: 0 })
  expectRun(await kvProcess(['count'], { store: path }), { stdout: '4\n' })
})
