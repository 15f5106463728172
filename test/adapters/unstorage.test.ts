import { join } from 'node:path'
import { type Driver, type Storage, createStorage } from 'unstorage'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { kvDriver } from '../../src/adapters/unstorage.ts'
import { openStore } from '../../src/index.ts'
import { tempDir } from '../helpers/temp-dir.ts'

/** What the storage shows of a driver, over a file and over a part of an open store. unstorage does not publish its own tests. */
describe.each(['a file', 'a part of a store'])('a driver for unstorage over %s', (where) => {
  async function storage(): Promise<Storage> {
    const driver: Driver =
      where === 'a file'
        ? kvDriver({ store: join(tempDir(), 'app.kv') })
        : kvDriver({ store: await outer(), base: 'app:' })
    const made = createStorage({ driver })
    onTestFinished(() => made.dispose())
    return made
  }

  async function outer() {
    const store = await openStore('memory:')
    await store.put('other:s1:a', 'not part of it')
    await store.put('apple', 'neither')
    onTestFinished(async () => {
      expect(await store.count()).toBeGreaterThanOrEqual(2)
      await store.close()
    })
    return store
  }

  test('is empty at first', async () => {
    const items = await storage()
    expect([await items.hasItem('s1:a'), await items.getItem('s1:a'), await items.getKeys()]).toEqual([false, null, []])
    await items.clear()
  })

  test.each([
    ['text', 'hello'],
    ['an object', { json: 'works', list: [1, null] }],
    ['true', true],
    ['false', false],
    ['zero', 0],
    ['null', null],
  ])('keeps %s', async (_, value) => {
    const items = await storage()
    await items.setItem('/data/item.json', value)
    expect(await items.getItem('data:item.json')).toEqual(value)
    await items.removeItem('data/item.json')
    expect(await items.hasItem('data:item.json')).toBe(false)
  })

  test('keeps bytes as they are', async () => {
    const items = await storage()
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
    await items.setItemRaw('raw.bin', bytes)
    expect(Buffer.from((await items.getItemRaw<Uint8Array>('raw.bin'))!)).toEqual(Buffer.from(bytes))
    await items.setItemRaw('buffer', bytes.buffer)
    expect(Buffer.from((await items.getItemRaw<Uint8Array>('buffer'))!)).toEqual(Buffer.from(bytes))
  })

  test('lists keys, of a part and to a depth', async () => {
    const items = await storage()
    await items.setItems(['a', 'd:b', 'd:e:c', 'dx'].map((key) => ({ key, value: key })))
    expect((await items.getKeys()).sort()).toEqual(['a', 'd:b', 'd:e:c', 'dx'])
    expect((await items.getKeys('d')).sort()).toEqual(['d:b', 'd:e:c'])
    expect((await items.getKeys(undefined, { maxDepth: 1 })).sort()).toEqual(['a', 'd:b', 'dx'])
  })

  test('reads and writes several at once', async () => {
    const items = await storage()
    await items.setItems([
      { key: 't:1', value: 'one' },
      { key: 't:2', value: '{"two":2}' },
    ])
    expect(await items.getItems(['t:2', 't:none', 't:1'])).toEqual([
      { key: 't:2', value: { two: 2 } },
      { key: 't:none', value: null },
      { key: 't:1', value: 'one' },
    ])
  })

  test('clears a part, and everything of its own', async () => {
    const items = await storage()
    await items.setItems(['d:1', 'd:2', 'e'].map((key) => ({ key, value: 'x' })))
    // The storage itself clears whole mounts only.
    await items.getMount('').driver.clear!('d:', {})
    expect(await items.getKeys()).toEqual(['e'])
    await items.clear()
    expect(await items.getKeys()).toEqual([])
  })

  test('tells size and time to live, and lets items expire', async () => {
    const items = await storage()
    await items.setItem('a', 'four', { ttl: 100 })
    await items.setItem('b', 'four')
    expect(await items.getMeta('a')).toMatchObject({ size: 4, ttl: 100 })
    expect(await items.getMeta('b')).toMatchObject({ size: 4 })
  })

  test('reports changes until it is told to stop', async () => {
    const items = await storage()
    await items.setItem('before', 'v')
    const seen: unknown[] = []
    const stop = await items.watch((event, key) => seen.push([event, key]))
    await items.setItem('k:1', 'v')
    await items.removeItem('k:1')
    await vi.waitFor(
      () =>
        expect(seen).toEqual(
          expect.arrayContaining([
            ['update', 'k:1'],
            ['remove', 'k:1'],
          ]),
        ),
      { timeout: 20_000 },
    )
    await stop()
  })
})
