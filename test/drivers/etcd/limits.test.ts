import { describe, expect, test } from 'vitest'
import { hasEtcd, ownCluster, sharedCluster } from '../../helpers/etcd.ts'
import { failure, openTestStore } from '../../helpers/store.ts'

const puts = (count: number, bytes = 1) =>
  Array.from({ length: count }, (_, i) => ({ type: 'put' as const, key: `k${1000 + i}`, value: 'v'.repeat(bytes) }))

describe.skipIf(!hasEtcd())('limits of a batch in etcd', () => {
  const cluster = sharedCluster()

  test.for([
    ['operations', puts(129), "a batch of 129 operations is over this store's limit of 128"],
    ['bytes', puts(100, 16_000), 'limit of 1571840'],
  ] as const)('%s: the numbers are told, and the way out', async ([, ops, message]) => {
    const store = await openTestStore(cluster().place())
    const error = await failure(() => store.batch(ops))
    expect(error).toMatchObject({ code: 'KV_TOO_LARGE', hint: expect.stringContaining('?max-txn-ops=N') })
    expect(error.message).toContain(message)
    expect(await store.get('k1000')).toBeUndefined()
  })

  test('as many operations as that, of as many bytes, are one batch; so is the most that has conditions', async () => {
    const store = await openTestStore(cluster().place())
    await store.batch(puts(128, 12_000))
    const conditions = puts(128).map(({ key }) => ({
      key,
      condition: { type: 'value', value: 'v'.repeat(10) } as const,
    }))
    await store.batch(puts(128, 10))
    await store.batch(puts(128, 2), { conditions })
    expect(await store.getText('k1127')).toBe('vv')
  })

  test('parameters of the location raise them with those of the members', async () => {
    const large = await ownCluster({ args: ['--max-txn-ops=1000', '--max-request-bytes=8000000'] })
    const store = await openTestStore(large.location('p', 'max-txn-ops=1000&max-request-bytes=8000000'))
    await store.batch(puts(1000, 5000))
    expect(await store.count()).toBe(1000)
    const low = await openTestStore(cluster().place('max-txn-ops=1000'))
    expect(await failure(() => low.batch(puts(1000)))).toMatchObject({ code: 'KV_TOO_LARGE' })
  })
})
