import type { Clock } from '../../../store/driver/driver.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { Keys } from '../keys.ts'
import type { Leases } from '../lease/leases.ts'
import { METHODS, type Stored, type TxnAnswer, type Txn } from '../wire/messages.ts'

/** How one write is tried: all its calls together end at a moment of the clock of `monotonicMs`. */
export interface Attempt {
  /** What it is called in errors: `put`, `delete`, `batch`. */
  readonly what: string
  readonly until: number
  /** How long one member may take, in milliseconds; `undefined`: as for any short call. */
  readonly tryMs?: number
  readonly signal?: AbortSignal | undefined
}

/** The store that is written to. */
export class Target {
  readonly cluster: Cluster
  readonly keys: Keys
  readonly leases: Leases
  readonly now: Clock
  /** How many steps a transaction may have. */
  readonly maxTxnOps: number
  /** The newest revision that a member has told of; 0 at first. Writes that have not begun come after it. */
  newest = 0

  constructor(cluster: Cluster, keys: Keys, leases: Leases, now: Clock, maxTxnOps: number) {
    this.cluster = cluster
    this.keys = keys
    this.leases = leases
    this.now = now
    this.maxTxnOps = maxTxnOps
  }

  /** Sends a transaction once. Throws `Unclear` where it may or may not have been done. */
  async send(txn: Txn, kind: 'read' | 'write', { until, tryMs, signal }: Attempt): Promise<TxnAnswer> {
    const answer = await this.cluster.call(METHODS.txn, txn, {
      kind,
      partOfWrite: true,
      until,
      signal,
      ...(tryMs && { tryMs }),
    })
    this.newest = Math.max(this.newest, answer.header!.revision)
    return answer
  }

  /** What is stored under keys of the cluster, of one moment: now, or right after the write with a `revision`. */
  async read(keys: readonly Uint8Array[], attempt: Attempt, revision = 0): Promise<Seen> {
    const stored: (Stored | undefined)[] = []
    for (let at = 0; at < keys.length; at += this.maxTxnOps) {
      const success = keys.slice(at, at + this.maxTxnOps).map((key) => ({ range: { key, revision } }))
      const { header, responses } = await this.send({ success }, 'read', attempt)
      revision ||= header!.revision
      stored.push(...responses.map(({ range }) => range!.kvs[0]))
    }
    return { revision, stored }
  }

  /** An entry unless it has expired. */
  living(stored: Stored | undefined): Stored | undefined {
    return stored === undefined || this.leases.isOver(stored.lease) ? undefined : stored
  }
}

/** What was read of several keys. */
export interface Seen {
  readonly revision: number
  /** In the order asked, also those that have expired. */
  readonly stored: readonly (Stored | undefined)[]
}
