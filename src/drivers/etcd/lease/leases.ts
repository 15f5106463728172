import { KvError } from '../../../errors.ts'
import type { Clock } from '../../../store/driver/driver.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { METHODS } from '../wire/messages.ts'
import { expiryOfLease, leaseId } from './lease-id.ts'

/** The leases that let entries expire. */
export class Leases {
  readonly #cluster: Cluster
  readonly #now: Clock
  /** Those of other programs that were asked for, with their ends in milliseconds since 1970. */
  readonly #foreign = new Map<bigint, number>()
  /** Those that were granted in this process. */
  readonly #granted = new Map<bigint, Promise<unknown>>()

  constructor(cluster: Cluster, now: Clock) {
    this.#cluster = cluster
    this.#now = now
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
    if (id === 0n) return undefined
    const own = expiryOfLease(id) ?? this.#foreign.get(id)
    if (own !== undefined) return own
    const { ttlSeconds } = await this.#cluster.call(METHODS.leaseTimeToLive, { id }, { kind: 'read', signal })
    const end = this.#now() + Math.max(0, ttlSeconds) * 1000
    this.#foreign.set(id, end)
    return end
  }

  /** Whether an entry with a lease has expired, and is not there for anybody. */
  async isOver(id: bigint, signal?: AbortSignal): Promise<boolean> {
    const expires = await this.expiryOf(id, signal)
    return expires !== undefined && expires <= this.#now()
  }
}
