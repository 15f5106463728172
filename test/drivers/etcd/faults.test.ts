import { describe, expect, test } from 'vitest'
import { openStore } from '../../../src/index.ts'
import { FAULTS, runFault } from '../../helpers/etcd-faults.ts'
import { hasEtcd, ownCluster } from '../../helpers/etcd.ts'

/** How often each fault happens, and for longer; `npm run test:faults`. In between: a few, once each. */
const ROUNDS = Number(process.env['KV_FAULT_ROUNDS'] ?? 0)
const SHORT = ['kill -9 of the leader', 'SIGSTOP of the member that is asked'] as const

describe.skipIf(!hasEtcd())('eight writers on a cluster of three', () => {
  const names = ROUNDS > 0 ? (Object.keys(FAULTS) as (keyof typeof FAULTS)[]) : SHORT
  const rounds = names.flatMap((name) => Array.from({ length: Math.max(1, ROUNDS) }, (_, n) => [name, n + 1] as const))

  test.each(rounds)('lose nothing and write nothing twice: %s, %i', async (name) => {
    const cluster = await ownCluster({ members: 3 })
    const times = ROUNDS > 0 ? { beforeMs: 1500, afterMs: name.startsWith('SIGSTOP') ? 12_000 : 6000 } : {}
    const report = await runFault(cluster, FAULTS[name], { ...times, open: openStore })
    if (ROUNDS > 0) console.log(name, report)
    expect(report).toMatchObject({ lost: 0, twice: 0, partial: 0, undead: 0, failed: 0 })
  })
})
