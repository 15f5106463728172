import { describe, expect, onTestFinished, test } from 'vitest'
import { EtcdDriver } from '../../../src/drivers/etcd/driver.ts'
import { Store } from '../../../src/index.ts'
import { hasEtcd, ownCluster, sharedCluster } from '../../helpers/etcd.ts'

/** A store whose clock goes so many milliseconds before the real one. */
async function open(place: string, aheadMs = (): number => 0): Promise<Store> {
  const store = new Store(place, await EtcdDriver.open(place, { clock: () => Date.now() + aheadMs() }))
  onTestFinished(() => store.close())
  return store
}

/** A whole second this many seconds ahead. */
const second = (after: number): number => (Math.floor(Date.now() / 1000) + after) * 1000

describe.skipIf(!hasEtcd())('expiry in etcd', () => {
  const cluster = sharedCluster()

  /** The leases of the entries of a place, in the order of their keys; `0`: none. */
  async function leasesAt(place: string): Promise<string[]> {
    const fields = await cluster().ctl('get', '--prefix', `${new URL(place).pathname.slice(1)}/`, '-w', 'fields')
    return [...fields.matchAll(/^"Lease" : (-?\d+)$/gm)].map(([, id]) => id!)
  }

  const hex = (id: string): string => BigInt(id).toString(16)

  test('entries of one second share a lease, whoever writes them', async () => {
    const place = cluster().place()
    const stores = [await open(place), await open(place)]
    const expires = second(1000)
    await Promise.all(Array.from({ length: 20 }, (_, i) => stores[i % 2]!.put(`k${i}`, 'v', { expires })))
    await stores[0]!.batch([
      { type: 'put', key: 'x1', value: 'v', expires },
      { type: 'put', key: 'x2', value: 'v', expires: expires + 1000 },
    ])
    expect(new Set(await leasesAt(place)).size).toBe(2)
  })

  test('a put without an expiry takes the entry off its lease, as does a load', async () => {
    const place = cluster().place()
    const store = await open(place)
    for (const key of ['a', 'b']) await store.put(key, 'v', { ttl: 100_000 })
    await store.put('a', 'v')
    await store.batch([{ type: 'put', key: 'b', value: 'v' }])
    expect(await leasesAt(place)).toEqual(['0', '0'])
  })

  test('a lease that is gone is granted anew', async () => {
    const place = cluster().place()
    const store = await open(place)
    const expires = second(500)
    await store.put('a', 'v', { expires })
    await cluster().ctl('lease', 'revoke', hex((await leasesAt(place))[0]!))
    expect(await store.put('a', 'again', { expires })).toMatchObject({ applied: true, created: true })
    await cluster().ctl('lease', 'revoke', hex((await leasesAt(place))[0]!))
    await store.batch(['b', 'c'].map((key) => ({ type: 'put', key, value: 'v', expires })))
    expect(await store.count()).toBe(2)
    expect((await store.getEntry('b'))!.expires).toBe(expires)
  })

  test('an entry does not end with a lease of a machine whose clock is ahead', async () => {
    const place = cluster().place()
    const ahead = await open(place, () => 200_000)
    const right = await open(place)
    const expires = second(210)
    await ahead.put('a', 'v', { expires })
    await right.put('b', 'v', { expires })
    const [short, long] = await leasesAt(place)
    expect(long).not.toBe(short)
    expect(await cluster().ctl('lease', 'timetolive', hex(long!))).toMatch(/granted with TTL\((209|210)s\)/)
    expect((await right.getEntry('b'))!.expires).toBe(expires)
  })

  describe('what has expired and is there for etcd', () => {
    let ahead = 0
    /** Entries that have expired, and entries that have not. */
    async function expired(count: number, living: number): Promise<Store> {
      ahead = 0
      const store = await open(cluster().place(), () => ahead)
      const names = (name: string, length: number) => Array.from({ length }, (_, i) => `${name}${1000 + i}`)
      for (let at = 0; at < count; at += 100) {
        const some = names('e', count).slice(at, at + 100)
        await store.batch(some.map((key) => ({ type: 'put', key, value: 'v', ttl: 60_000 })))
      }
      if (living > 0) await store.batch(names('l', living).map((key) => ({ type: 'put', key, value: 'v' })))
      ahead = 120_000
      return store
    }

    test.for([0, 1, 5, 127, 128, 300])('is not counted by a delete of a range: %d', async (count) => {
      const store = await expired(count, 3)
      expect(await store.delRange({ gte: 'e', lt: 'l1002' })).toBe(2)
      expect(await store.delRange({ all: true })).toBe(1)
    })

    test('is as good as absent for every write', async () => {
      const store = await expired(6, 0)
      const absent = { condition: { type: 'absent' } } as const
      const old = { condition: { type: 'value', value: 'v' } } as const
      expect(await store.put('e1000', 'new', old)).toEqual({ applied: false, created: false, revision: 0 })
      expect(await store.put('e1000', 'new', absent)).toMatchObject({ applied: true, created: true })
      expect(await store.put('e1001', 'new')).toMatchObject({ applied: true, created: true })
      expect(await store.del('e1002')).toBe(false)
      expect(await store.del('e1003', old)).toBe(false)
      const batch = (condition: 'absent' | 'there') =>
        store.batch([{ type: 'put', key: 'x', value: 'v' }], {
          conditions: [{ key: 'e1004', condition: condition === 'absent' ? absent.condition : old.condition }],
        })
      await expect(batch('there')).rejects.toMatchObject({ code: 'KV_CONDITION', details: { condition: 0 } })
      await batch('absent')
      const left = await store.getMany(['e1000', 'e1001', 'e1002', 'e1003', 'e1004', 'e1005', 'x'])
      expect(left.map((entry) => entry !== undefined)).toEqual([true, true, false, false, false, false, true])
    })
  })

  test(
    'an entry is hidden in its second also where a new leader has begun its lease again',
    { timeout: 30_000 },
    async () => {
      const three = await ownCluster({ members: 3 })
      const store = await open(three.location('p'))
      const expires = second(3)
      await store.put('k', 'v', { expires })
      await (await three.leader()).kill()
      expect((await store.getEntry('k'))?.expires).toBe(Date.now() < expires ? expires : undefined)
      while (Date.now() < expires) await store.get('k')
      expect(await store.get('k')).toBeUndefined()
      expect(await store.put('k', 'w', { condition: { type: 'absent' } })).toMatchObject({
        applied: true,
        created: true,
      })
      expect(await store.getText('k')).toBe('w')
    },
  )
})
