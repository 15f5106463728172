import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { type Driver, type Entry, KvError, Store, openStore } from '../../src/index.ts'
import { toText } from '../helpers/bytes.ts'
import { failure, openTestStore } from '../helpers/store.ts'
import { tempDir } from '../helpers/temp-dir.ts'

/** A store as JavaScript sees it: anything may be given. */
type Loose = {
  [Name in keyof Store]: Store[Name] extends (...args: never) => infer R ? (...args: unknown[]) => R : Store[Name]
}

const PLACES = { memory: (): string => 'memory:', sqlite: (): string => join(tempDir(), 'store.kv') }

/** What is neither text nor bytes, and how a message names it. */
const RUBBISH: readonly (readonly [unknown, string])[] = [
  [{ name: 'Ada' }, 'an object'],
  [42, 'a number'],
  [1n, 'a bigint'],
  [true, 'a boolean'],
  [null, 'null'],
  [undefined, 'undefined'],
  [new Date(0), 'a Date'],
  [new Map([[1, 2]]), 'a Map'],
  [(): void => {}, 'a function'],
  [{ length: 4 }, 'an object'],
  [[1, 2, 300], 'an Array'],
  [Symbol('s'), 'a symbol'],
]

describe.for(Object.entries(PLACES))('a %s store', ([, place]) => {
  const open = async (): Promise<Loose> => (await openTestStore(place())) as unknown as Loose

  test('refuses values and keys that are neither text nor bytes, and stores nothing', async () => {
    const store = await open()
    for (const [what, kind] of RUBBISH) {
      expect(await failure(() => store.put('k', what))).toMatchObject({
        code: 'KV_USAGE',
        message: `a value is a string or bytes, not ${kind}`,
      })
      expect(await failure(() => store.batch([{ type: 'put', key: 'k', value: what }]))).toMatchObject({
        code: 'KV_USAGE',
      })
      const calls = [
        () => store.put(what, 'v'),
        () => store.get(what),
        () => store.getSync(what),
        () => store.getEntry(what),
        () => store.head(what),
        () => store.has(what),
        () => store.getMany([what]),
        () => store.del(what),
        () => store.batch([{ type: 'del', key: what }]),
      ]
      for (const call of calls) {
        expect(await failure(call)).toMatchObject({
          code: 'KV_INVALID_KEY',
          message: `a key is a string or bytes, not ${kind}`,
        })
      }
      if (what === undefined) continue
      for (const bound of ['gt', 'gte', 'lt', 'lte', 'prefix']) {
        for (const call of [
          () => store.count({ [bound]: what }),
          () => store.delRange({ [bound]: what }),
          () => store.watch({ [bound]: what }),
          () => store.range({ [bound]: what }).next(),
        ]) {
          expect(await failure(call)).toMatchObject({
            code: 'KV_INVALID_KEY',
            message: `a bound is a string or bytes, not ${kind}`,
          })
        }
      }
    }
    expect(await store.count()).toBe(0)
  })

  test('refuses options of the wrong kind by a message of its own', async () => {
    const store = await open()
    const bare: unknown = Object.create(null)
    for (const what of [null, Symbol('s'), bare, () => {}, 'x', Number.NaN, -1]) {
      const calls = [
        () => store.put('k', 'v', { ttl: what }),
        () => store.batch([{ type: 'put', key: 'k', value: 'v', ttl: what }]),
        () => store.count({ limit: what }),
        () => store.range({ limit: what }).next(),
        () => store.getMany(['k'], { maxBytes: what }),
        () => store.watch({ after: what }),
        () => store.watch({ resumable: what }),
        () => store.hasExpiring({ reverse: what }),
        () => store.hasExpiring({ nope: what }),
        () => store.usage({ depth: what }).next(),
        () => store.usage({ top: what }).next(),
        () => store.usage({ keys: what }).next(),
        () => store.usage({ delimiter: what === 'x' ? '' : what }).next(),
        () => store.rangeText(what === bare ? 5 : what),
        () => store.rangeText({ parallel: what }),
        () => store.load([], { signal: what }),
        () => (typeof what === 'string' ? store.load(5) : store.load(what)),
        () => (typeof what === 'function' ? store.check(what) : store.check({ onProgress: what })),
        () => openStore(place(), { durable: what } as object),
        () => openStore(place(), { makeFolder: what } as object),
        () => openStore(place(), { timeoutMs: what } as object),
        () => openStore(place(), { credentials: what === bare ? 5 : what } as object),
        () => openStore(place(), { credentials: { token: typeof what === 'string' ? 5 : what } } as object),
        () => (typeof what === 'function' ? store.del('k', 5) : openStore(place(), { clock: what } as object)),
      ]
      for (const call of calls)
        expect(await failure(call), `${String(call)}: ${typeof what}`).toMatchObject({ code: 'KV_USAGE' })
    }
    expect(await store.count()).toBe(0)
  })

  test('is not opened for who was interrupted before', async () => {
    const reason = new Error('shut down')
    expect(await failure(() => openStore(place(), { signal: AbortSignal.abort(reason) }))).toMatchObject({
      code: 'KV_INTERRUPTED',
      cause: reason,
    })
  })

  test('takes the bytes of every view', async () => {
    const store = await open()
    const memory = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)
    const given: readonly (readonly [unknown, number[]])[] = [
      [memory.buffer, [...memory]],
      [new DataView(memory.buffer, 2, 3), [3, 4, 5]],
      [new Uint16Array(memory.buffer, 2, 2), [3, 4, 5, 6]],
      [new Uint8ClampedArray(memory.buffer, 1, 1), [2]],
      [new Float64Array(memory.buffer), [...memory]],
      [Buffer.from('Ada'), [...Buffer.from('Ada')]],
    ]
    for (const [value, bytes] of given) {
      await store.put('k', value)
      expect([...(await store.get('k'))!]).toEqual(bytes)
      await store.put(value, 'by these bytes')
      expect(toText((await store.get(Uint8Array.from(bytes)))!)).toBe('by these bytes')
    }
  })

  test('refuses conditions that it does not understand, and writes nothing', async () => {
    const store = await open()
    await store.put('lock', 'A')
    const rubbish = [
      'absent',
      { absent: true },
      { type: 'missing' },
      {},
      null,
      1,
      true,
      ['absent'],
      { type: 'revision' },
      { type: 'revision', revision: '1' },
      { type: 'revision', revision: -1 },
      { type: 'value' },
      { type: 'value', value: 5 },
      { type: 'absent', value: 'x' },
    ]
    for (const condition of rubbish) {
      for (const call of [() => store.put('lock', 'B', { condition }), () => store.del('lock', { condition })]) {
        expect(await failure(call), JSON.stringify(condition)).toMatchObject({ code: 'KV_USAGE' })
      }
    }
    for (const one of [
      null,
      5,
      {},
      { key: 'lock' },
      { key: 'lock', type: 'absent' },
      { key: 'lock', condition: 'absent' },
    ]) {
      expect(await failure(() => store.batch([], { conditions: [one] })), JSON.stringify(one)).toMatchObject({
        code: expect.stringMatching(/^KV_(USAGE|INVALID_KEY)$/),
      })
    }
    for (const condition of ['absent', { type: 'absent' }]) {
      expect(await failure(() => store.batch([{ type: 'put', key: 'lock', value: 'B', condition }]))).toMatchObject({
        code: 'KV_USAGE',
        message: 'a put of a batch knows no condition',
      })
    }
    expect(toText((await store.get('lock'))!)).toBe('A')
  })

  test('compares a value that is given as text', async () => {
    const store = await open()
    await store.put('k', 'A')
    expect(await store.put('k', 'B', { condition: { type: 'value', value: 'x' } })).toMatchObject({ applied: false })
    expect(await store.put('k', 'B', { condition: { type: 'value', value: 'A' } })).toMatchObject({ applied: true })
    expect(await store.del('k', { condition: { type: 'value', value: 'B' } })).toBe(true)
  })

  test('deletes everything only when that is said', async () => {
    const store = await open()
    await store.batch(['a', 'b', 'c', 'd'].map((key) => ({ type: 'put', key, value: key })))
    const everything = { code: 'KV_USAGE', message: 'this range means every key of the store' }
    for (const options of [
      undefined,
      {},
      { prefix: undefined },
      { prefix: '' },
      { gte: '' },
      { all: false },
      { all: undefined, gte: undefined },
    ]) {
      expect(await failure(() => store.delRange(options)), JSON.stringify(options)).toMatchObject(everything)
    }
    for (const options of [
      { start: 'a', end: 'b' },
      { prefx: 'a' },
      { prefix: 'a', limit: 1 },
      { gte: 'a', reverse: true },
      'a',
      null,
      5,
    ]) {
      expect(await failure(() => store.delRange(options)), JSON.stringify(options)).toMatchObject({ code: 'KV_USAGE' })
    }
    expect(await store.count()).toBe(4)
    expect(await store.delRange({ gte: 'a', lte: 'b' })).toBe(2)
    expect(await store.delRange({ all: true })).toBe(2)
  })

  test('refuses options that it does not know, and what is no signal', async () => {
    const store = await open()
    const calls: readonly ((options: unknown) => unknown)[] = [
      (options) => store.get('k', options),
      (options) => store.getEntry('k', options),
      (options) => store.head('k', options),
      (options) => store.has('k', options),
      (options) => store.getMany(['k'], options),
      (options) => store.put('k', 'v', options),
      (options) => store.del('k', options),
      (options) => store.batch([], options),
      (options) => store.range(options).next(),
      (options) => store.rangePages(options),
      (options) => store.rangeBlocks(options),
      (options) => store.count(options),
      (options) => store.delRange(options),
      (options) => store.watch(options),
      (options) => store.stat(options),
      (options) => store.check(options),
    ]
    for (const call of calls) {
      for (const options of [{ nonsense: 1 }, { signal: 5 }, { signal: {} }, 'text', null, 5]) {
        expect(await failure(() => call(options)), `${call.toString()} ${JSON.stringify(options)}`).toMatchObject({
          code: 'KV_USAGE',
        })
      }
    }
    for (const options of [{ limit: '5' }, { limit: -1 }, { reverse: 'yes' }, { keysOnly: 1 }]) {
      expect(await failure(() => store.count(options))).toMatchObject({ code: 'KV_USAGE' })
    }
    expect(await store.count()).toBe(0)
  })

  test('refuses operations of a batch that it does not know, and does none of them', async () => {
    const store = await open()
    for (const op of [
      { type: 'delete', key: 'a' },
      { key: 'a', value: '1' },
      null,
      undefined,
      'put',
      5,
      { type: 'put', key: 'a', value: '1', ttl: '5' },
      { type: 'put', key: 'a', value: '1', expire: 5 },
      { type: 'del', key: 'a', value: '1' },
    ]) {
      expect(
        await failure(() => store.batch([{ type: 'put', key: 'first', value: '1' }, op])),
        JSON.stringify(op),
      ).toMatchObject({ code: 'KV_USAGE' })
    }
    for (const ops of [undefined, null, { type: 'put', key: 'a', value: '1' }, 'put']) {
      expect(await failure(() => store.batch(ops))).toMatchObject({ code: 'KV_USAGE' })
    }
    expect(await store.count()).toBe(0)
  })

  test('takes a Date for a moment', async () => {
    const store = await open()
    const at = new Date(Date.now() + 60_000)
    await store.put('k', 'v', { expires: at })
    await store.batch([{ type: 'put', key: 'l', value: 'v', expires: at }])
    for (const key of ['k', 'l']) expect((await store.getEntry(key))!.expires).toBe(at.getTime())
    expect(await failure(() => store.put('k', 'v', { expires: new Date(NaN) }))).toMatchObject({ code: 'KV_USAGE' })
  })
})

test('a range that was left without return() is ended when its iterator is collected', async () => {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  const ended: number[] = []
  async function* endless(): AsyncGenerator<Entry[], void, void> {
    try {
      for (;;) yield [{ key: Uint8Array.of(1), value: Uint8Array.of(2), revision: 1, expires: undefined }]
    } finally {
      ended.push(1)
    }
  }
  const store = new Store('test', { range: endless } as unknown as Driver)
  const late = new Store('test', { range: endless, firstPageIsFree: true } as unknown as Driver)
  const abandon = async (): Promise<void> => {
    await store.rangePages().next()
    await store.range().next()
    const pages = late.rangePages()
    await pages.next()
    await pages.next()
  }
  await abandon()
  for (let turn = 0; turn < 100 && ended.length < 3; turn++) {
    gc()
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(ended).toHaveLength(3)
})

describe('a KvError', () => {
  test('keeps its message in JSON, and shows nothing that is not there', () => {
    const error = new KvError('KV_LOCKED', 'it is locked', { hint: 'wait' })
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      name: 'KvError',
      code: 'KV_LOCKED',
      message: 'it is locked',
      hint: 'wait',
    })
    expect(JSON.stringify(new KvError('KV_IO', 'x'))).toBe('{"name":"KvError","code":"KV_IO","message":"x"}')
    expect(Object.keys(new KvError('KV_IO', 'x'))).toEqual(['code'])
    expect(String(error)).toBe('KvError: it is locked')
    expect(error.stack).toMatch(/^KvError: it is locked/)
  })
})

describe('openStore', () => {
  test('takes the URL of a file', async () => {
    const path = join(tempDir(), 'a store.kv')
    const store = await openTestStore(pathToFileURL(path))
    await store.put('k', 'v')
    expect(existsSync(path)).toBe(true)
    expect(store.location).toBe(pathToFileURL(path).href)
  })

  test.for([
    [undefined],
    [null],
    [5],
    [{}],
    ['memory:', { nonsense: 1 }],
    ['memory:', { signal: 5 }],
    ['memory:', 'text'],
    ['memory:', { lockTimeout: 5 }],
  ])('refuses %j', async (given) => {
    expect(await failure(() => (openStore as (...args: unknown[]) => unknown)(...given))).toMatchObject({
      code: 'KV_USAGE',
    })
  })
})
