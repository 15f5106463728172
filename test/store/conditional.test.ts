import { describe, expect, onTestFinished, test } from 'vitest'
import { Store } from '../../src/index.ts'
import { MemoryDriver } from '../../src/drivers/memory/driver.ts'
import { putKeepingExpiry } from '../../src/commands/put/put-keeping-expiry.ts'
import { etcdShaped } from '../conformance/etcd-shaped.ts'
import { HTTP_SQLITE } from '../conformance/http-sqlite.ts'
import type { Place } from '../conformance/suite.ts'

const PLACES: Record<string, () => Place | Promise<Place>> = {
  memory: () => ({ open: async () => new MemoryDriver() }),
  'etcd-shaped': etcdShaped,
  'http-sqlite': HTTP_SQLITE.place,
}

const END = Date.UTC(2100, 0, 1)

async function storeAt(place: string): Promise<Store> {
  const there = await PLACES[place]!()
  const store = new Store(place, await there.open())
  onTestFinished(async () => {
    await store.close()
    await there.remove?.()
  })
  return store
}

const text = (bytes: Uint8Array | undefined): string | undefined => bytes && Buffer.from(bytes).toString()

describe.for(Object.keys(PLACES))('%s', (place) => {
  test('updates at once lose nothing', async () => {
    const store = await storeAt(place)
    const add = (): Promise<unknown> => store.update('n', (old) => String(Number(text(old) ?? 0) + 1))
    await Promise.all(Array.from({ length: 20 }, add))
    expect(await store.text().get('n')).toBe('20')
  })

  test('an update that makes nothing of an entry writes nothing', async () => {
    const store = await storeAt(place)
    await store.put('k', 'v')
    const { revision } = await store.stat()
    expect(text(await store.update('k', () => undefined))).toBe('v')
    expect((await store.stat()).revision).toBe(revision)
  })

  test('a put that keeps the expiry keeps the one that another write sets meanwhile', async () => {
    const store = await storeAt(place)
    await store.put('k', '0')
    await Promise.all([
      ...Array.from({ length: 10 }, () => putKeepingExpiry(store, 'k', '1', undefined)),
      store.update('k', (old) => old, { expires: END }),
      ...Array.from({ length: 10 }, () => putKeepingExpiry(store, 'k', '1', undefined)),
    ])
    const entry = await store.getEntry('k')
    expect([text(entry?.value), entry?.expires]).toEqual(['1', END])
  })

  test.for([
    [undefined, true],
    [{ type: 'absent' }, false],
    [{ type: 'value', value: Buffer.from('old') }, true],
    [{ type: 'value', value: Buffer.from('x') }, false],
    [{ type: 'revision', revision: 0 }, false],
    [{ type: 'revision', revision: 999 }, false],
  ] as const)('and looks at a condition: %j', async ([condition, holds]) => {
    const store = await storeAt(place)
    const { revision } = await store.put('k', 'old', { expires: END })
    const result = await putKeepingExpiry(store, 'k', 'new', condition)
    expect(result).toMatchObject({ applied: holds, created: false, ...(!holds && { revision }) })
    const entry = await store.getEntry('k')
    expect([text(entry?.value), entry?.expires]).toEqual([holds ? 'new' : 'old', END])
  })
})
