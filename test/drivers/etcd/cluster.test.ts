import { describe, expect, test } from 'vitest'
import { hasEtcd, ownCluster, sharedCluster } from '../../helpers/etcd.ts'
import { openTestStore } from '../../helpers/store.ts'

describe.skipIf(!hasEtcd())('a cluster', () => {
  describe('of one member', () => {
    const cluster = sharedCluster()

    test('what is put can be read, and lies in etcd as it was put', async () => {
      const place = cluster().place()
      const store = await openTestStore(place)
      await store.put('k', 'v')
      expect(await store.getText('k')).toBe('v')
      expect(await cluster().ctl('get', '--print-value-only', `${new URL(place).pathname.slice(1)}/k`)).toBe('v\n')
    })
  })

  test('of three goes on without its leader, which comes back', async () => {
    const cluster = await ownCluster({ members: 3 })
    const store = await openTestStore(cluster.location())
    await store.put('k', 'v')
    const leader = await cluster.leader()
    await leader.kill()
    expect(await store.getText('k')).toBe('v')
    await leader.restart()
    expect(await leader.isLeader()).toBe(false)
  })
})
