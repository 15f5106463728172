import type { Cluster } from '../cluster/cluster.ts'
import type { EtcdRange } from '../keys.ts'
import type { Leases } from '../lease/leases.ts'
import { METHODS } from '../wire/messages.ts'
import { forwardPages } from './forward.ts'
import type { Snapshot } from './snapshot.ts'

/** So few entries are read to be counted. */
const FEW = 256
const NOT_MANY = 10_000

/**
 * How many entries a range has, at most `limit`, without those that have expired. etcd counts without reading, but also what has
 * expired and is still to be removed. So it is asked for its leases too: where one has expired, the keys are read.
 */
export async function countOf(
  { cluster, leases, snapshot }: { cluster: Cluster; leases: Leases; snapshot: Snapshot },
  range: EtcdRange,
  limit: number,
  signal: AbortSignal | undefined,
): Promise<number> {
  const first = await snapshot.ask(range, { limit: Math.min(limit, FEW), keysOnly: true }, signal)
  if (!first.more) return first.page.count
  if (limit > NOT_MANY && !(await leases.mayBeOver({ signal }))) {
    // Again, since an expired entry that was counted before may be gone together with its lease.
    const { count: total } = await cluster.call(METHODS.range, { ...range, countOnly: true }, { kind: 'read', signal })
    return Math.min(total, limit)
  }
  let sum = 0
  for await (const page of forwardPages(snapshot, range, { limit, keysOnly: true }, signal)) sum += page.count
  return sum
}
