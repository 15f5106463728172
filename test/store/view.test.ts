import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  DELETE,
  type Store,
  type View,
  bytesCodec,
  jsonCodec,
  orderedKey,
  orderedKeyCodec,
  textCodec,
} from '../../src/index.ts'
import { failure, failureCode, openTestStore } from '../helpers/store.ts'
import { tempDir } from '../helpers/temp-dir.ts'

const PLACES = { memory: (): string => 'memory:', sqlite: (): string => join(tempDir(), 'store.kv') }

interface User {
  readonly name: string
  readonly visits?: number
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const item of items) list.push(item)
  return list
}

describe.for(Object.entries(PLACES))('views of a %s store', ([, place]) => {
  const open = (): Promise<Store> => openTestStore(place())

  test('json reads and writes values as they are', async () => {
    const store = await open()
    const users = store.json<User>({ prefix: 'user:' })
    expect(await users.put('1', { name: 'Ada' }, { ttl: 3_600_000 })).toMatchObject({ applied: true })
    expect(await store.getText('user:1')).toBe('{"name":"Ada"}')
    expect(await users.get('1')).toEqual({ name: 'Ada' })
    expect(users.getSync('1')).toEqual({ name: 'Ada' })
    expect([await users.get('none'), users.getSync('none')]).toEqual([undefined, undefined])
    expect(await users.getEntry('1')).toMatchObject({ key: '1', value: { name: 'Ada' } })
    const visit = (user: User | undefined): User | undefined => user && { ...user, visits: (user.visits ?? 0) + 1 }
    expect(await users.update('1', visit)).toEqual({ name: 'Ada', visits: 1 })
    expect(await users.update('1', async (user) => visit(user))).toEqual({ name: 'Ada', visits: 2 })
    expect(await users.update('none', visit)).toBeUndefined()
    expect(await users.getOrSet('2', async () => ({ name: 'Grace' }))).toEqual({ name: 'Grace' })
    expect((await users.getMany(['2', 'none'])).map((entry) => entry?.value)).toEqual([{ name: 'Grace' }, undefined])
    expect(users.putSync('3', { name: 'Joan' })).toMatchObject({ created: true })
    expect(await all(users.keys())).toEqual(['1', '2', '3'])
    expect((await all(users.range({ gte: '2', reverse: true }))).map(({ key, value }) => [key, value.name])).toEqual([
      ['3', 'Joan'],
      ['2', 'Grace'],
    ])
    expect(users.delSync('3')).toBe(true)
    expect(await users.update('2', () => DELETE)).toBeUndefined()
    expect([await users.has('2'), await users.count()]).toEqual([false, 1])
    expect((await users.take()).value).toEqual({ name: 'Ada', visits: 2 })
  })

  test('null is a value of JSON, and conditions compare what is stored', async () => {
    const values = (await open()).json<{ n: number } | null>()
    await values.put('a', null)
    expect(await values.get('a')).toBeNull()
    expect(await values.put('a', { n: 1 }, { condition: { type: 'value', value: null } })).toMatchObject({
      applied: true,
    })
    expect(await values.del('a', { condition: { type: 'value', value: { n: 2 } } })).toBe(false)
    const conditions = [
      { key: 'b', condition: { type: 'absent' } },
      { key: 'a', condition: { type: 'value', value: { n: 2 } } },
    ] as const
    const ops = [
      { type: 'put', key: 'b', value: { n: 3 } },
      { type: 'del', key: 'a' },
    ] as const
    expect(await failure(() => values.batch(ops, { conditions }))).toMatchObject({ details: { condition: 1 } })
    values.batchSync(ops, { conditions: conditions.slice(0, 1) })
    expect((await all(values.range())).map(({ key, value }) => [key, value])).toEqual([['b', { n: 3 }]])
  })

  test.for<[string, string | Uint8Array]>([
    ['text', 'p:'],
    ['bytes', Buffer.from('p:')],
    ['bytes that have no end', Uint8Array.of(0xff, 0xff)],
  ])('a prefix of %s hides everything beside it, whatever is asked for', async ([, prefix]) => {
    const store = await open()
    const outside = ['', '\0', 'a', 'p', 'p9', 'p;', 'q', '~'].filter((key) => key !== '')
    for (const key of outside) await store.put(key, 'outside')
    const view = store.view({ prefix })
    for (const key of ['', 'a', 'p:', '~']) await view.put(key, 'inside')
    const names = async (options: object): Promise<string[]> => all(view.keys(options))
    expect(await names({})).toEqual(['', 'a', 'p:', '~'])
    expect(await names({ gt: 'a' })).toEqual(['p:', '~'])
    expect(await names({ lt: 'p:', reverse: true })).toEqual(['a', ''])
    expect(await names({ gte: 'a', lte: '~', limit: 2 })).toEqual(['a', 'p:'])
    expect(await names({ prefix: 'p' })).toEqual(['p:'])
    expect(await names({ prefix: '' })).toEqual(['', 'a', 'p:', '~'])
    expect(await view.count()).toBe(4)
    expect(await view.get('p9')).toBeUndefined()
    expect(await view.del('q')).toBe(false)
    expect(await view.delRange({ gt: '' })).toBe(3)
    expect(await names({})).toEqual([''])
    for (const nothing of [{}, undefined, { prefix: '' }, { prefix: undefined }])
      expect(await failureCode(() => view.delRange(nothing as never))).toBe('KV_USAGE')
    expect(await view.delRange({ all: true })).toBe(1)
    expect(await store.count()).toBe(outside.length)
  })

  test('a view of a view sees a part of it, with the same codecs or others', async () => {
    const store = await open()
    const app = store.json<User>({ prefix: 'app:' })
    const admins = app.view({ prefix: 'admin:' })
    await admins.put('1', { name: 'Ada' })
    expect(await store.getText('app:admin:1')).toBe('{"name":"Ada"}')
    expect(await app.get('admin:1')).toEqual({ name: 'Ada' })
    const raw: View<string, Uint8Array> = admins.view({ value: bytesCodec })
    expect(Buffer.from((await raw.get('1'))!).toString()).toBe('{"name":"Ada"}')
    expect(
      await all(
        store
          .text({ prefix: 'app:' })
          .view({ prefix: Buffer.from('admin:') })
          .keys(),
      ),
    ).toEqual(['1'])
  })

  test('keys of several parts sort as the parts do', async () => {
    const store = await open()
    const view = store.view({
      prefix: orderedKey('reading'),
      key: orderedKeyCodec<[Date, number]>(),
      value: jsonCodec<number>(),
    })
    const day = (n: number): Date => new Date(Date.UTC(2026, 0, n))
    for (const n of [3, 10, 1]) for (const sensor of [-1.5, -2, 7]) await view.put([day(n), sensor], n * sensor)
    expect(
      (await all(view.range({ gte: [day(3), -Infinity], limit: 4 }))).map(({ key, value }) => [...key, value]),
    ).toEqual([
      [day(3), -2, -6],
      [day(3), -1.5, -4.5],
      [day(3), 7, 21],
      [day(10), -2, -20],
    ])
    expect(await view.count({ prefix: orderedKey(day(1)) })).toBe(3)
    expect(await failure(() => view.get([day(1), Number.NaN]))).toMatchObject({ code: 'KV_INVALID_KEY' })
    await store.put(Buffer.concat([orderedKey('reading'), Buffer.from('x')]), '1')
    expect(await failure(() => all(view.keys()))).toMatchObject({ code: 'KV_NOT_TEXT' })
  })

  test('is watched, and what lies beside it is not told', async () => {
    const store = await open()
    const users = store.json<User>({ prefix: 'user:' })
    await store.put('there', 'before')
    await using watch = (await users.watch()).unref()
    await using one = (await users.watch({ key: '2' })).unref()
    await store.put('other', 'x')
    await users.put('1', { name: 'Ada' })
    await users.put('2', { name: 'Grace' })
    await users.del('1')
    const seen: unknown[] = []
    for await (const change of watch) {
      seen.push([change.type, change.key, change.type === 'put' ? change.value.name : undefined])
      if (change.type === 'del') break
    }
    expect(seen).toEqual([
      ['put', '1', 'Ada'],
      ['put', '2', 'Grace'],
      ['del', '1', undefined],
    ])
    for await (const { key } of one) {
      expect(key).toBe('2')
      break
    }
  })

  test('codecs of the caller: what they throw is passed on or explained', async () => {
    const store = await open()
    const numbers = store.view<string, number>({
      prefix: 'n:',
      value: {
        encode(value) {
          if (!Number.isFinite(value)) throw new RangeError('not finite')
          return String(value)
        },
        decode(bytes) {
          const value = Number(Buffer.from(bytes).toString())
          if (Number.isNaN(value)) throw new Error('not a number')
          return value
        },
      },
    })
    await numbers.put('a', 1.5)
    expect(await numbers.update('a', (n) => n! * 2)).toBe(3)
    await expect(numbers.put('a', Infinity)).rejects.toThrow(RangeError)
    await expect(numbers.update('a', () => Infinity)).rejects.toThrow(RangeError)
    await store.put('n:b', 'x')
    expect(await failure(() => numbers.get('b'))).toMatchObject({
      code: 'KV_NOT_TEXT',
      message: 'the value of "n:b" cannot be decoded: not a number',
      cause: expect.any(Error),
    })
    expect(await numbers.incr('c', 5)).toBe(5n)
    const wrong = store.view({ value: { encode: () => 5 as never, decode: textCodec.decode } })
    expect(await failureCode(() => wrong.put('a', 'x'))).toBe('KV_USAGE')
  })

  test('refuses what it does not understand', async () => {
    const store = await open()
    const view = store.json({ prefix: 'p:' })
    for (const call of [
      () => store.view({ prefix: undefined } as never),
      () => store.text({ key: textCodec } as never),
      () => store.json(5 as never),
      () => view.view({ nonsense: 1 } as never),
      () => view.put('a', undefined),
      () => view.put('a', 1, { nonsense: 1 } as never),
      () => view.put('a', 1, { condition: 'absent' } as never),
      () => view.range({ keysOnly: true } as never),
      () => view.count(null as never),
      () => view.update('a', 5 as never),
      () => view.getOrSet('a', 5 as never),
      () => view.take({ limit: 1 } as never),
      () => view.watch({ key: 'a', gt: 'b' }),
      () => view.batch([null] as never),
      () => view.batch([{ type: 'del', key: 'a', value: 1 }] as never),
    ])
      expect(await failureCode(call), String(call)).toBe('KV_USAGE')
    for (const call of [() => store.view({ prefix: 5 as never }), () => view.get(5 as never), () => view.get('\ud800')])
      expect(await failureCode(call), String(call)).toBe('KV_INVALID_KEY')
    expect(await store.count()).toBe(0)
  })
})
