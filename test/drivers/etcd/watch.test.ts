import { describe, expect, test } from 'vitest'
import type { Change, Watch } from '../../../src/index.ts'
import { block } from '../../conformance/suite.ts'
import { toText } from '../../helpers/bytes.ts'
import { type EtcdCluster, hasEtcd, sharedCluster } from '../../helpers/etcd.ts'
import { failureCode, openTestStore } from '../../helpers/store.ts'
import { shown, take, watching } from '../../helpers/watch.ts'

/** Puts through etcdctl; a key is one of the cluster. */
const prefixOf = (place: string): string => `${new URL(place).pathname.slice(1)}/`

/** The revision that a key was put with. */
const compact = async (cluster: EtcdCluster, { revision }: { revision: number }): Promise<void> => {
  await cluster.ctl('compact', `${revision}`)
}

/** Settles when the watch has come as far as that; puts of other stores move it. */
const past = async (watch: Watch, position: string): Promise<void> => {
  const pending = watch.pages()[Symbol.asyncIterator]().next()
  pending.catch(() => {})
  while (watch.position === position) await new Promise(setImmediate)
}

describe.skipIf(!hasEtcd())('a watch of a store in etcd', () => {
  const cluster = sharedCluster()

  test('sees the keys of its prefix alone, whoever puts them', async () => {
    const place = cluster().place()
    const prefix = prefixOf(place)
    const store = await openTestStore(place)
    const watch = await watching(store)
    for (const key of ['before', prefix.slice(0, -1), `${prefix.slice(0, -1)}0`, `${prefix}in`, 'zz'])
      await cluster().ctl('put', key, 'v')
    await cluster().ctl('del', `${prefix}in`)
    await store.put('end', '')
    expect((await take(watch, 3)).map(shown)).toEqual(['put in=v', 'del in', 'put end='])
  })

  test('tells what is no position, and which is of another cluster', async () => {
    const store = await openTestStore(cluster().place())
    const { position } = await watching(store)
    const [id, revision] = position.split('-')
    for (const [after, code] of [
      ['x', 'KV_USAGE'],
      [`${id}`, 'KV_USAGE'],
      [`${position}x`, 'KV_USAGE'],
      [`${position}.99999999999999999`, 'KV_USAGE'],
      ['partial', 'KV_WATCH_GAP'],
      [`${id}-${Number(revision) + 1}`, 'KV_WATCH_GAP'],
      [`${'1'.repeat(17)}-${revision}`, 'KV_USAGE'],
      [`abc-${revision}`, 'KV_WATCH_GAP'],
      [`${position}.1_00000000`, 'KV_WATCH_GAP'],
    ] as const)
      expect([after, await failureCode(() => store.watch({ after }))]).toEqual([after, code])
  })

  test('cannot go on after what was compacted away, and can where nothing of it was its own', async () => {
    const store = await openTestStore(cluster().place())
    const { position } = await watching(store)
    await store.put('a', '1')
    await store.put('quiet', '0')
    const quiet = await watching(store, { key: 'quiet' })
    const before = quiet.position
    const last = await store.put('a', '2')
    await past(quiet, before)
    await compact(cluster(), last)
    expect(await failureCode(() => store.watch({ after: position }))).toBe('KV_WATCH_GAP')
    const again = await watching(store, { after: quiet.position, key: 'quiet' })
    await store.put('quiet', '1')
    expect((await take(again, 1)).map(shown)).toEqual(['put quiet=1'])
  })

  test('can go on after each of many changes of one write', async () => {
    const store = await openTestStore(cluster().place())
    const watch = await watching(store)
    const keys = Array.from({ length: 6000 }, (_, i) => `${String(i).padStart(6, '0')}${'k'.repeat(80)}`)
    await store.load([block(keys.map((key) => [key, '']))], { atomic: false })
    await store.delRange({ all: true })
    await store.put('end', '')
    const changes = (await take(watch, 12_001)).slice(6000)
    expect(changes.map(shown)).toEqual([...keys.map((key) => `del ${key}`), 'put end='])
    expect(new Set(changes.map(({ position }) => position)).size).toBe(6001)
    for (const at of [0, 1, 2222, 5998, 5999]) {
      const again = await watching(store, { after: changes[at]!.position })
      expect(again.position).toBe(changes[at]!.position)
      expect((await take(again, 6000 - at)).map(shown)).toEqual(changes.slice(at + 1).map(shown))
    }
    const others = { after: changes[2222]!.position, prefix: '0' }
    expect(await failureCode(() => store.watch(others))).toBe('KV_WATCH_GAP')
  })

  test('takes what is too long for one message in parts, and goes on in the middle of them', async () => {
    const store = await openTestStore(cluster().place())
    const { position } = await watching(store)
    // etcd puts up to 1000 revisions into a message.
    const value = Buffer.alloc(1_000_000, 'v')
    for (let i = 0; i < 70; i++) await store.put(`k${i}`, value)
    await store.put('end', '')
    const keys = [...Array.from({ length: 70 }, (_, i) => `k${i}`), 'end']
    const changes = await take(await watching(store, { after: position }), 71)
    expect(changes.map(({ key }) => toText(key))).toEqual(keys)
    const again = await watching(store, { after: changes[30]!.position })
    expect((await take(again, 40)).map(({ key }) => toText(key))).toEqual(keys.slice(31))
  })

  describe('whose entries expire', () => {
    /** Settles when etcd has removed a key. */
    const removed = async (place: string, key: string): Promise<void> => {
      while ((await cluster().ctl('get', `${prefixOf(place)}${key}`)) !== '') await new Promise(setImmediate)
    }

    test('reports each once, when it expires, and not when etcd removes it', async () => {
      const place = cluster().place()
      const store = await openTestStore(place)
      await store.put('early', '1', { ttl: 1000 })
      await store.put('renewed', '1', { ttl: 1000 })
      const watch = await watching(store)
      await store.batch(['a', 'b', 'c'].map((key) => ({ type: 'put', key, value: '1', ttl: 1000 })))
      await store.put('renewed', '2', { ttl: 3_600_000 })
      const changes = await take(watch, 8)
      const dels = changes.slice(4).map(shown)
      expect(changes.slice(0, 4).map(shown)).toEqual(['put a=1', 'put b=1', 'put c=1', 'put renewed=2'])
      expect(dels.toSorted()).toEqual(['del a', 'del b', 'del c', 'del early'])
      // It is still there for etcd, or has not been for long.
      await removed(place, 'a')
      await store.put('end', '')
      expect((await take(watch, 1)).map(shown)).toEqual(['put end='])
      // From every change on, all that follow, each once.
      for (const [i, { position }] of changes.entries()) {
        const again = await watching(store, { after: position })
        const rest = (await take(again, 8 - i)).map(shown)
        expect([rest.at(-1), rest.slice(0, -1).toSorted()]).toEqual([
          'put end=',
          changes
            .slice(i + 1)
            .map(shown)
            .toSorted(),
        ])
      }
    })

    test('goes on in the middle of those before etcd has removed them', async () => {
      const place = cluster().place()
      const store = await openTestStore(place)
      const watch = await watching(store)
      await store.batch(['a', 'b', 'c', 'd'].map((key) => ({ type: 'put', key, value: '1', ttl: 1000 })))
      const changes = await take(watch, 8)
      const again = await Promise.all(
        changes.slice(3).map(async ({ position }) => {
          const other = await watching(await openTestStore(place), { after: position })
          expect(other.position).toBe(position)
          return other
        }),
      )
      await removed(place, 'd')
      await store.put('end', '')
      for (const [i, other] of again.entries()) {
        expect((await take(other, 5 - i)).map(shown)).toEqual([
          ...['a', 'b', 'c', 'd'].slice(i).map((key) => `del ${key}`),
          'put end=',
        ])
      }
    })

    test('does not report what had expired before, nor what is there at its beginning and has', async () => {
      const place = cluster().place()
      const store = await openTestStore(place)
      await store.put('gone', '1', { ttl: 1000 })
      await store.put('there', '1')
      while ((await store.get('gone')) !== undefined) await new Promise(setImmediate)
      const watch = await watching(store)
      const all = await watching(store, { after: '0' })
      const { position } = watch
      await removed(place, 'gone')
      await store.put('end', '')
      expect((await take(watch, 1)).map(shown)).toEqual(['put end='])
      expect((await take(all, 2)).map(shown)).toEqual(['put there=1', 'put end='])
      expect((await take(await watching(store, { after: position }), 1)).map(shown)).toEqual(['put end='])
    })

    test('under a lease of another program are deleted when etcd does that', async () => {
      const place = cluster().place()
      const store = await openTestStore(place)
      const lease = /lease (\S+)/.exec(await cluster().ctl('lease', 'grant', '3600'))![1]!
      const watch = await watching(store)
      await cluster().ctl('put', `--lease=${lease}`, `${prefixOf(place)}k`, 'v')
      const [put] = (await take(watch, 1)) as [Extract<Change, { type: 'put' }>]
      expect(shown(put)).toBe('put k=v')
      expect(put.expires).toBeGreaterThan(Date.now() + 3_000_000)
      await cluster().ctl('lease', 'revoke', lease)
      expect((await take(watch, 1)).map(shown)).toEqual(['del k'])
    })
  })
})
