import { describe, expect, test } from 'vitest'
import { toText } from '../../helpers/bytes.ts'
import { hasEtcd, ownCluster } from '../../helpers/etcd.ts'
import { entries, openTestStore } from '../../helpers/store.ts'
import { type BlockRow, block } from '../../conformance/suite.ts'

describe.skipIf(!hasEtcd())('a load into a cluster of three', () => {
  test.for([false, true])(
    'goes on when its leader is killed, and is whole; of what is absent: %s',
    { timeout: 60_000 },
    async (ifAbsent) => {
      const cluster = await ownCluster({ members: 3 })
      const store = await openTestStore(cluster.location('p'))
      const name = (i: number): string => `k${100_000 + i}`
      const rows = Array.from({ length: 20_000 }, (_, i): BlockRow => {
        if (i % 100 === 7 && !ifAbsent) return [name(i)]
        return [name(i), `value of ${i}`, i % 50 === 0 ? Date.UTC(2100, 0, 1, 0, 0, i % 3) : undefined]
      })
      await store.batch(Array.from({ length: 20 }, (_, i) => ({ type: 'put', key: name(i * 1000 + 7), value: 'old' })))
      const leader = await cluster.leader()
      let killed: Promise<void> | undefined
      let existing = 0
      let stored = 0
      await store.load([block(rows)], {
        atomic: false,
        ifAbsent,
        onExisting: (entries) => void (existing = entries),
        onProgress(entries) {
          stored = entries
          if (stored > 5000) killed ??= leader.kill()
        },
      })
      await killed
      expect(leader.isRunning).toBe(false)
      expect({ stored, existing }).toEqual({ stored: rows.length, existing: ifAbsent ? 20 : 0 })
      const found = (await entries(store)).map(({ key, value, expires }) => [toText(key), toText(value), expires])
      const wanted = rows.flatMap(([key, value, expires], i) => {
        if (ifAbsent && i % 1000 === 7) return [[key, 'old', undefined]]
        return value === undefined ? [] : [[key, value, expires]]
      })
      expect(found).toEqual(wanted)
    },
  )
})
