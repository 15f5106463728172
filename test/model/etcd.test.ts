import fc from 'fast-check'
import { describe, test } from 'vitest'
import { EtcdDriver } from '../../src/drivers/etcd/driver.ts'
import { hasEtcd, sharedCluster } from '../helpers/etcd.ts'
import { RUNS, play, runs } from './model.ts'

/** So long that etcd removes nothing while the clock of a run stands still. */
const UNIT_MS = 60_000

describe.skipIf(!hasEtcd())('with a real cluster', () => {
  const cluster = sharedCluster()

  test('the etcd driver behaves like a sorted map', { timeout: 60_000 + RUNS * 100 }, async () => {
    await fc.assert(
      fc.asyncProperty(runs({ handles: 2, reopen: true, inTurn: false, small: true }), async (steps) => {
        const place = cluster().place()
        await play(steps, 2, (clock) => EtcdDriver.open(place, { clock }), { unitMs: UNIT_MS, checksums: false })
      }),
      { numRuns: Math.ceil(RUNS / 10) },
    )
  })
})
