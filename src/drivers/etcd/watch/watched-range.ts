import type { Clock } from '../../../store/driver/driver.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { EtcdRange, Keys } from '../keys.ts'
import type { Leases } from '../lease/leases.ts'

/** What all watches of a store have in common. */
export interface WatchedStore {
  readonly cluster: Cluster
  readonly keys: Keys
  readonly leases: Leases
  readonly now: Clock
  /** Operations of a transaction at most. */
  readonly maxTxnOps: number
}

/** The keys of one watch. */
export interface WatchedRange extends WatchedStore {
  readonly range: EtcdRange
  /** Of these keys, for positions that are about them alone. */
  readonly name: string
  /** Ends what is under way for the watch. */
  readonly signal: AbortSignal
}
