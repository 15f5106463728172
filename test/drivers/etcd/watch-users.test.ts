import { expect, test } from 'vitest'
import { hasEtcd, ownCluster } from '../../helpers/etcd.ts'
import { locationFor, withUsers } from '../../helpers/etcd-users.ts'
import { failureCode, openTestStore } from '../../helpers/store.ts'
import { shown, take, watching } from '../../helpers/watch.ts'

test.skipIf(!hasEtcd())(
  'a watch of a user goes on when the member has lost what it knew of him, and sees his keys alone',
  async () => {
    const cluster = await ownCluster({ args: ['--bcrypt-cost=4'] })
    await withUsers(cluster)
    const store = await openTestStore(locationFor(cluster, 'bob'))
    const watch = await watching(await openTestStore(locationFor(cluster, 'eve')))
    await store.put('a', '1', { ttl: 3_600_000 })
    expect((await take(watch, 1)).map(shown)).toEqual(['put a=1'])
    await cluster.members[0]!.restart()
    await store.put('a', '2')
    expect((await take(watch, 1)).map(shown)).toEqual(['put a=2'])
    const other = await openTestStore(locationFor(cluster, 'bob', 'other'))
    expect(await failureCode(() => other.watch())).toBe('KV_DENIED')
    const { position } = watch
    await watch.close()
    const again = await watching(await openTestStore(locationFor(cluster, 'eve')), { after: position })
    await store.del('a')
    expect((await take(again, 1)).map(shown)).toEqual(['del a'])
  },
)
