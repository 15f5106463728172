import { KvError } from '../../../errors.ts'
import type { Clock } from '../../../store/driver/driver.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { METHODS } from '../wire/messages.ts'
import { ForeignLeases } from './foreign-leases.ts'
import { expiryOfLease, leaseId } from './lease-id.ts'

/** The leases that let entries expire. */
export class Leases {
  readonly #cluster: Cluster
  readonly #now: Clock
  /** Those of other programs. */
  readonly foreign: ForeignLeases
  /** Those that were granted in this process. */
  readonly #granted = new Map<bigint, Promise<unknown>>()

  constructor(cluster: Cluster, now: Clock) {
    this.#cluster = cluster
    this.#now = now
    this.foreign = new ForeignLeases(cluster, now)
  }

  /** The lease for entries that expire at a moment (`undefined`: 0), granted if need be. */
  async for(expires: number | undefined, signal?: AbortSignal): Promise<bigint> {
    if (expires === undefined) return 0n
    const id = leaseId(expires)
    const granted = this.#granted.get(id)
    if (granted !== undefined) {
      await granted
      return id
    }
    // An entry that has expired already is put all the same: it is not there for anybody.
    const ttlSeconds = Math.max(1, Math.ceil((expires - this.#now()) / 1000))
    const granting = this.#cluster
      .call(METHODS.leaseGrant, { id, ttlSeconds }, { kind: 'read', signal })
      .catch((error: unknown) => {
        if (error instanceof KvError && error.message.includes('lease already exists')) return
        this.#granted.delete(id)
        throw error
      })
    this.#granted.set(id, granting)
    await granting
    return id
  }

  /** When an entry with a lease expires, in milliseconds since 1970; `undefined`: never. */
  async expiryOf(id: bigint, signal?: AbortSignal): Promise<number | undefined> {
    return id === 0n ? undefined : (expiryOfLease(id) ?? this.foreign.expiryOf(id, signal))
  }

  /**
   * Whether an entry with a lease has expired, and is not there for anybody. Under a lease of another program it is there until
   * etcd removes it.
   */
  isOver(id: bigint): boolean {
    return (expiryOfLease(id) ?? Infinity) <= this.#now()
  }
}
