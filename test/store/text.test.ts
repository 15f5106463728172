import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Store, TextView } from '../../src/index.ts'
import { failure, openTestStore } from '../helpers/store.ts'
import { tempDir } from '../helpers/temp-dir.ts'

const PLACES = { memory: (): string => 'memory:', sqlite: (): string => join(tempDir(), 'store.kv') }
const NO_TEXT = Uint8Array.of(0xc3, 0x28)

/** Any argument may be given. */
type Loose<T> = {
  [Name in keyof T]: T[Name] extends (...args: never) => infer R ? (...args: unknown[]) => R : T[Name]
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const item of items) list.push(item)
  return list
}

describe.for(Object.entries(PLACES))('text of a %s store', ([, place]) => {
  const open = (): Promise<Store> => openTestStore(place())

  test('is read as it was written', async () => {
    const store = await open()
    const text = store.text()
    const values = ['', 'Ada', '\ufeffÄ\0€ \u{1f600}', '{"a":1}']
    await text.batch(values.map((value, i) => ({ type: 'put', key: `k${i}`, value })))
    for (const [i, value] of values.entries()) {
      expect(await text.get(`k${i}`)).toBe(value)
      expect(text.getSync(`k${i}`)).toBe(value)
      expect(await store.getText(Buffer.from(`k${i}`))).toBe(value)
      expect(await text.getEntry(`k${i}`)).toEqual({ key: `k${i}`, value, revision: 1, expires: undefined })
    }
    expect((await all(text.range({ prefix: 'k', reverse: true, limit: 2 }))).map(({ key }) => key)).toEqual([
      'k3',
      'k2',
    ])
    expect((await text.getMany(['k1', 'none'])).map((entry) => entry?.value)).toEqual(['Ada', undefined])
    expect(await text.put('k1', 'x', { condition: { type: 'value', value: 'Ada' } })).toMatchObject({ applied: true })
    expect(await text.del('k1')).toBe(true)
    expect([await text.get('k1'), text.getSync('k1'), await store.getText('k1')]).toEqual([
      undefined,
      undefined,
      undefined,
    ])
    expect(await text.getEntry('k1')).toBeUndefined()
  })

  test('is watched as text, and a watch goes on where another ended', async () => {
    const text = (await open()).text()
    await text.put('there', 'before')
    const watch = (await text.watch({ prefix: 'u:', resumable: true })).unref()
    await text.put('u:1', 'Ada')
    await text.del('u:1')
    const seen: unknown[] = []
    for await (const { type, key } of watch) {
      seen.push([type, key])
      if (type === 'del') break
    }
    expect(seen).toEqual([
      ['put', 'u:1'],
      ['del', 'u:1'],
    ])
    await text.put('u:2', 'Grace')
    await using later = await text.watch({ prefix: 'u:', after: watch.position })
    for await (const change of later) {
      expect(change).toMatchObject({ type: 'put', key: 'u:2', value: 'Grace' })
      break
    }
  })

  test('is JSON where that is asked for', async () => {
    const store = await open()
    await store.putJson('u', { name: 'Ada', born: 1815 }, { ttl: 60_000 })
    const user = await store.getJson<{ name: string; born: number }>('u')
    expect(user!.born).toBe(1815)
    expect((await store.getEntry('u'))!.expires).toBeGreaterThan(Date.now())
    expect(await store.getText('u')).toBe('{"name":"Ada","born":1815}')
    await store.text().putJson('n', null)
    expect(await store.text().getJson('n')).toBeNull()
    expect([await store.getJson('none'), await store.text().getJson('none')]).toEqual([undefined, undefined])
    const cycle: Record<string, unknown> = {}
    cycle['self'] = cycle
    for (const what of [undefined, () => {}, Symbol('s'), 1n, cycle])
      expect(await failure(() => store.putJson('u', what))).toMatchObject({
        code: 'KV_USAGE',
        message: expect.stringMatching(/^[^\n]+$/),
      })
    await store.put('u', '{"name":')
    expect(await failure(() => store.getJson('u'))).toMatchObject({
      code: 'KV_NOT_TEXT',
      message: 'the value of "u" is not JSON',
      cause: expect.any(SyntaxError),
    })
  })

  test('is refused where bytes are not UTF-8', async () => {
    const store = await open()
    const text = store.text()
    await store.put('v', NO_TEXT)
    const calls = [
      () => store.getText('v'),
      () => store.getJson('v'),
      () => text.get('v'),
      () => text.getSync('v'),
      () => store.getTextSync('v'),
      () => text.getEntry('v'),
      () => text.getMany(['v']),
      () => text.getJson('v'),
      () => all(text.range()),
    ]
    for (const call of calls)
      expect(await failure(call), String(call)).toMatchObject({
        code: 'KV_NOT_TEXT',
        message: 'the value of "v" is not UTF-8',
      })
    expect(await all(text.range({ keysOnly: true }))).toMatchObject([{ key: 'v', value: '' }])
    await store.put(NO_TEXT, 'x')
    expect(await failure(() => all(text.range({ gt: 'v' })))).toMatchObject({
      code: 'KV_NOT_TEXT',
      message: 'the key 0xc328 is not UTF-8',
    })
    const watch = await text.watch()
    await store.put('a', 'b')
    await store.put('v', NO_TEXT)
    const seen: string[] = []
    const read = async (): Promise<void> => {
      for await (const { key } of watch) seen.push(key)
    }
    expect(await failure(read)).toMatchObject({ code: 'KV_NOT_TEXT' })
    expect(seen).toEqual(['a'])
    await watch.close()
  })

  test('is not taken for bytes', async () => {
    const store = await open()
    const text = store.text() as unknown as Loose<TextView>
    for (const bytes of [NO_TEXT, Buffer.from('k'), new ArrayBuffer(1), new DataView(new ArrayBuffer(1))]) {
      const calls = [
        () => text.get(bytes),
        () => text.getSync(bytes),
        () => (store as unknown as Loose<Store>).getTextSync(bytes),
        () => text.getJson(bytes),
        () => text.getEntry(bytes),
        () => text.getMany([bytes]),
        () => text.put(bytes, 'v'),
        () => text.putJson(bytes, 1),
        () => text.del(bytes),
        () => text.batch([{ type: 'del', key: bytes }]),
      ]
      for (const call of calls) expect(await failure(call), String(call)).toMatchObject({ code: 'KV_INVALID_KEY' })
      expect(await failure(() => text.put('k', bytes))).toMatchObject({ code: 'KV_USAGE' })
      expect(await failure(() => text.batch([{ type: 'put', key: 'k', value: bytes }]))).toMatchObject({
        code: 'KV_USAGE',
      })
    }
    for (const call of [
      () => text.get(5),
      () => text.put('k', 5),
      () => text.batch(5),
      () => text.batch([null]),
      () => text.getMany(5),
      () => text.get('k', { nonsense: 1 }),
      () => text.put('\ud800', 'v'),
      () => all(text.range({ nonsense: 1 })),
      () => text.watch({ nonsense: 1 }),
    ])
      expect(['KV_USAGE', 'KV_INVALID_KEY'], String(call)).toContain((await failure(call)).code)
    expect(await store.count()).toBe(0)
    await store.close()
    expect(await failure(() => text.get('k'))).toMatchObject({ code: 'KV_CLOSED' })
  })
})
