import { describe, expect, test, vi } from 'vitest'
import type { Change, Store, Watch } from '../../../src/index.ts'
import { type EtcdCluster, type EtcdMember, hasEtcd, ownCluster } from '../../helpers/etcd.ts'
import { openTestStore } from '../../helpers/store.ts'
import { shown, take, watching } from '../../helpers/watch.ts'
import { Writers, playedBack, surely } from './watched-writers.ts'

/** How often a leader is killed. */
const KILLS = Number(process.env['KV_FAULT_ROUNDS'] ?? 2)

/** Elections are quick, and so is giving up on a member. */
const QUICK = { members: 3, args: ['--heartbeat-interval=50', '--election-timeout=500'] }
const PARAMETERS = 'try-timeout=500ms'

describe.skipIf(!hasEtcd())('a watch of three members', () => {
  /** A store, and a watch that is on the given member. */
  const watched = async (cluster: EtcdCluster, first: EtcdMember): Promise<{ store: Store; watch: Watch }> => {
    const others = cluster.members.filter((member) => member !== first)
    const location = `etcd://${[first, ...others].map(({ endpoint }) => endpoint).join(',')}/app?${PARAMETERS}`
    const random = vi.spyOn(Math, 'random').mockReturnValue(0)
    const store = await openTestStore(location)
    random.mockRestore()
    return { store: await openTestStore(cluster.location('app', PARAMETERS)), watch: await watching(store) }
  }

  test(
    'misses nothing and repeats nothing while leaders are killed',
    { timeout: 60_000 + KILLS * 30_000 },
    async () => {
      const cluster = await ownCluster(QUICK)
      const { store, watch } = await watched(cluster, await cluster.leader())
      const writers = new Writers(store, 4)
      const seen = playedBack(watch, writers)
      for (let kills = 0; kills < KILLS; kills++) {
        await writers.done(100)
        const leader = await cluster.leader()
        await leader.kill()
        await writers.done(100)
        await leader.restart()
      }
      await writers.end()
      expect(await seen).toEqual(await writers.state())
    },
  )

  test('goes on when the member it is on hangs', async () => {
    const cluster = await ownCluster(QUICK)
    const [follower] = await cluster.followers()
    const { store, watch } = await watched(cluster, follower!)
    follower!.signal('SIGSTOP')
    await surely(() => store.put('a', '1'))
    expect((await take(watch, 1)).map(shown)).toEqual(['put a=1'])
    follower!.signal('SIGCONT')
  })

  test('reports an expiry when it is due, although a new leader gives leases their whole time again', async () => {
    const cluster = await ownCluster(QUICK)
    const leader = await cluster.leader()
    const { store, watch } = await watched(cluster, leader)
    await store.put('k', '1', { ttl: 3000 })
    const [{ expires }] = (await take(watch, 1)) as [Extract<Change, { type: 'put' }>]
    await leader.kill()
    expect((await take(watch, 1)).map(shown)).toEqual(['del k'])
    expect(Date.now()).toBeGreaterThanOrEqual(expires!)
    expect(await cluster.ctl('get', 'app/k', '--keys-only')).toContain('app/k')
  })
})
