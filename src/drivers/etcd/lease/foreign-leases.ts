import type { Clock } from '../../../store/driver/driver.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { METHODS } from '../wire/messages.ts'

/** How long an answer is good for, in milliseconds: whoever holds a lease may keep it alive. */
const FRESH_MS = 1000
/** Leases asked for at the same time. */
const AT_ONCE = 16
/** Answers that are remembered. */
const MOST = 10_000

/**
 * When entries expire that another program put under leases of its own. They are there until etcd removes them, whatever the
 * clock of this machine says.
 */
export class ForeignLeases {
  readonly #cluster: Cluster
  readonly #now: Clock
  readonly #known = new Map<bigint, { readonly asked: number; readonly expires: number }>()

  constructor(cluster: Cluster, now: Clock) {
    this.#cluster = cluster
    this.#now = now
  }

  /** When the entries of a lease expire unless it is kept alive, a whole second in milliseconds since 1970, after now. */
  async expiryOf(id: bigint, signal?: AbortSignal): Promise<number> {
    const known = this.#known.get(id)
    const asked = this.#now()
    if (known !== undefined && Math.abs(asked - known.asked) < FRESH_MS && known.expires > asked) return known.expires
    const { ttlSeconds } = await this.#cluster.call(METHODS.leaseTimeToLive, { id }, { kind: 'read', signal })
    const expires = Math.ceil(asked / 1000 + Math.max(1, ttlSeconds)) * 1000
    if (this.#known.size >= MOST) this.#known.clear()
    this.#known.set(id, { asked, expires })
    return expires
  }

  /** The same of several leases. */
  async expiriesOf(ids: ReadonlySet<bigint>, signal?: AbortSignal): Promise<Map<bigint, number>> {
    const expiries = new Map<bigint, number>()
    const left = ids.values()
    const ask = async (): Promise<void> => {
      for (const id of left) expiries.set(id, await this.expiryOf(id, signal))
    }
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, ids.size) }, ask))
    return expiries
  }
}
