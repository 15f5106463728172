import { KvError } from '../../../errors.ts'
import type {
  Abortable,
  Clock,
  DriverBatchOptions,
  DriverDelOptions,
  DriverPutOptions,
  RangeQuery,
} from '../../../store/driver/driver.ts'
import type { Lifetime, Op, PutResult } from '../../../store/driver/entry.ts'
import { expiryOf } from '../../../store/expiry.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { Unclear, unknownOutcome } from '../cluster/failures.ts'
import type { Keys } from '../keys.ts'
import type { Leases } from '../lease/leases.ts'
import { METHODS, type Step } from '../wire/messages.ts'

/** Puts, deletes and batches of one store. */
export class Writes {
  readonly #cluster: Cluster
  readonly #keys: Keys
  readonly #leases: Leases
  readonly #now: Clock

  constructor(cluster: Cluster, keys: Keys, leases: Leases, now: Clock) {
    this.#cluster = cluster
    this.#keys = keys
    this.#leases = leases
    this.#now = now
  }

  async put(key: Uint8Array, value: Uint8Array, options: DriverPutOptions = {}): Promise<PutResult> {
    const { condition, signal } = options
    if (condition !== undefined) throw notYet('conditions')
    const outside = this.#keys.outside(key)
    const put: Step = { put: { key: outside, value, lease: await this.#leases.for(this.#expiry(options), signal) } }
    const before: Step = { range: { key: outside, keysOnly: true } }
    const { header, responses } = await this.#write('put', { success: [before, put] }, signal)
    const [old] = responses[0]!.range!.kvs
    const created = old === undefined || this.#leases.isOver(old.lease)
    return { applied: true, created, revision: header!.revision }
  }

  async del(key: Uint8Array, { condition, signal }: DriverDelOptions = {}): Promise<boolean> {
    if (condition !== undefined) throw notYet('conditions')
    const outside = this.#keys.outside(key)
    const success: Step[] = [{ range: { key: outside, keysOnly: true } }, { deleteRange: { key: outside } }]
    const { responses } = await this.#write('delete', { success }, signal)
    const [old] = responses[0]!.range!.kvs
    return old !== undefined && !this.#leases.isOver(old.lease)
  }

  async batch(ops: readonly Op[], { conditions, signal }: DriverBatchOptions = {}): Promise<number> {
    if (conditions !== undefined && conditions.length > 0) throw notYet('conditions')
    const success: Step[] = []
    for (const op of ops) {
      const key = this.#keys.outside(op.key)
      if (op.type === 'del') success.push({ deleteRange: { key } })
      else success.push({ put: { key, value: op.value, lease: await this.#leases.for(this.#expiry(op), signal) } })
    }
    const { header } = await this.#write('batch', { success }, signal)
    return header!.revision
  }

  async delRange(query: RangeQuery, { signal }: Abortable = {}): Promise<number> {
    const { responses } = await this.#write('delete', { success: [{ deleteRange: this.#keys.range(query) }] }, signal)
    return responses[0]!.deleteRange!.deleted
  }

  async #write(what: string, request: Parameters<typeof METHODS.txn.encode>[0], signal: AbortSignal | undefined) {
    try {
      return await this.#cluster.call(METHODS.txn, request, { kind: 'write', signal })
    } catch (error) {
      if (error instanceof Unclear) throw unknownOutcome(what, error.cause)
      throw error
    }
  }

  #expiry(lifetime: Lifetime): number | undefined {
    const expires = expiryOf(lifetime, this.#now())
    return expires && Math.ceil(expires / 1000) * 1000
  }
}

function notYet(what: string): KvError {
  return new KvError('KV_NOT_SUPPORTED', `a store in etcd has no ${what} yet`)
}
