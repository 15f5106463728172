import { untilAborted } from '../../../async.ts'
import { KvError } from '../../../errors.ts'
import type { Clock } from '../../../store/driver/driver.ts'
import type { Cluster, Tries } from '../cluster/cluster.ts'
import { CallError } from '../cluster/transport.ts'
import { METHODS } from '../wire/messages.ts'
import { ForeignLeases } from './foreign-leases.ts'
import { LAST_NUMBER, expiryOfLease, leaseId } from './lease-id.ts'

/** The longest time to live that etcd grants: 285 years. */
const LONGEST_TTL_SECONDS = 9_000_000_000
/** Leases that are remembered. */
const MOST = 10_000

/** The leases that let entries expire. */
export class Leases {
  readonly #cluster: Cluster
  readonly #now: Clock
  /** Those of other programs. */
  readonly foreign: ForeignLeases
  /** Those that were granted in this process, by when their entries expire. */
  readonly #granted = new Map<number, Promise<bigint>>()

  constructor(cluster: Cluster, now: Clock) {
    this.#cluster = cluster
    this.#now = now
    this.foreign = new ForeignLeases(cluster, now)
  }

  /**
   * The lease for entries that expire at a whole second, in milliseconds since 1970 (`undefined`: none, 0), granted if need be.
   */
  async for(expires: number | undefined, { until, signal }: Pick<Tries, 'until' | 'signal'> = {}): Promise<bigint> {
    if (expires === undefined) return 0n
    let granting = this.#granted.get(expires)
    if (granting === undefined) {
      if (this.#granted.size >= MOST) this.#granted.clear()
      granting = this.#grant(expires, until)
      this.#granted.set(expires, granting)
      granting.catch(() => this.#granted.delete(expires))
    }
    // Others may wait for the same lease.
    return untilAborted(granting, signal)
  }

  /** Grants leases anew that turned out to be gone, when they are next asked for. */
  forget(ids: readonly bigint[]): void {
    for (const id of ids) this.#granted.delete(expiryOfLease(id) ?? 0)
  }

  /** Whether there may be entries that have expired and are still there for etcd. */
  mayBeOver(tries: Omit<Tries, 'kind'>): Promise<boolean> {
    return this.#some((id) => this.isOver(id), tries)
  }

  /** Whether there may be entries that expire. */
  anyThere(tries: Omit<Tries, 'kind'>): Promise<boolean> {
    return this.#some(() => true, tries)
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

  async #some(is: (id: bigint) => boolean, tries: Omit<Tries, 'kind'>): Promise<boolean> {
    try {
      const { leases } = await this.#cluster.call(METHODS.leaseLeases, {}, { ...tries, kind: 'read' })
      return leases.some(({ id }) => is(id))
    } catch (error) {
      // A user who has rights on some keys only may not be told.
      if (error instanceof KvError && error.code === 'KV_DENIED') return true
      throw error
    }
  }

  async #grant(expires: number, until: number | undefined): Promise<bigint> {
    const tries = { kind: 'read', partOfWrite: true, ...(until !== undefined && { until }) } as const
    // An entry that has expired already is put all the same: it is not there for anybody.
    const seconds = Math.ceil((expires - this.#now()) / 1000)
    const ttlSeconds = Math.min(Math.max(1, seconds), LONGEST_TTL_SECONDS)
    for (let number = 0; ; number++) {
      const id = leaseId(expires, number)
      try {
        await this.#cluster.call(METHODS.leaseGrant, { id, ttlSeconds }, tries)
        return id
      } catch (error) {
        if (!saysThat(error, 'lease already exists')) throw error
      }
      if (seconds <= 0 || number === LAST_NUMBER) return id
      // One that was granted by a machine with another clock may end too early.
      const { ttlSeconds: left } = await this.#cluster.call(METHODS.leaseTimeToLive, { id }, tries)
      if (left >= Math.min(seconds, LONGEST_TTL_SECONDS) - 1) return id
    }
  }
}

/** Whether a write failed because a lease that it names has ended. */
export function isLeaseGone(error: unknown): boolean {
  return saysThat(error, 'requested lease not found')
}

function saysThat(error: unknown, text: string): boolean {
  return error instanceof KvError && error.cause instanceof CallError && error.cause.message.includes(text)
}
