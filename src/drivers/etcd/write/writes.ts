import type { Block } from '../../../blocks/block.ts'
import { conditionFailed } from '../../../store/conditional.ts'
import type {
  Abortable,
  DriverBatchOptions,
  DriverDelOptions,
  DriverPutOptions,
  RangeQuery,
} from '../../../store/driver/driver.ts'
import type { LoadPartOptions, LoadedPart } from '../../../store/driver/load.ts'
import type { KeyCondition, Lifetime, Op, PutResult } from '../../../store/driver/entry.ts'
import { expiryOf } from '../../../store/expiry.ts'
import { unknownOutcome } from '../cluster/failures.ts'
import { isLeaseGone } from '../lease/leases.ts'
import type { Change } from './changes.ts'
import { delRange } from './del-range.ts'
import { loadPart } from './load-part.ts'
import type { Outcome } from './outcome.ts'
import type { Attempt, Target } from './target.ts'
import { transact } from './transaction.ts'

/** How long a member may take for a batch, in milliseconds. */
const BATCH_TRY_MS = 5000

/** Puts, deletes and batches of one store. */
export class Writes {
  readonly #target: Target

  constructor(target: Target) {
    this.#target = target
  }

  /** Puts an entry. */
  async put(key: Uint8Array, value: Uint8Array, options: DriverPutOptions = {}): Promise<PutResult> {
    const { condition, expires, ttl, signal } = options
    const conditions = condition === undefined ? [] : [{ key, condition }]
    const attempt = { what: 'put', until: this.#target.cluster.until(), signal }
    const { revision, failed, wasThere } = await this.#apply(
      [{ type: 'put', key, value, expires, ttl }],
      conditions,
      attempt,
    )
    if (failed !== undefined) return { applied: false, created: false, revision: failed.old?.modRevision ?? 0 }
    return { applied: true, created: wasThere !== true, revision }
  }

  /** Deletes an entry; tells whether it was there. */
  async del(key: Uint8Array, { condition, signal }: DriverDelOptions = {}): Promise<boolean> {
    const conditions = condition === undefined ? [] : [{ key, condition }]
    const before = this.#target.newest
    const attempt = { what: 'delete', until: this.#target.cluster.until(), signal }
    const { failed, wasThere } = await this.#apply([{ type: 'del', key }], conditions, attempt)
    return failed === undefined && (wasThere ?? (await this.#wasThere(key, before, attempt)))
  }

  /** Makes all changes, or none where a condition does not hold, and throws `KV_CONDITION`. */
  async batch(ops: readonly Op[], { conditions = [], signal }: DriverBatchOptions = {}): Promise<number> {
    const attempt = { what: 'batch', until: this.#target.cluster.until(), tryMs: BATCH_TRY_MS, signal }
    const { revision, failed } = await this.#apply(ops, conditions, attempt)
    if (failed !== undefined) throw conditionFailed(conditions, failed.at)
    return revision
  }

  /** Makes the changes of a block that fits in a batch. */
  loadPart(block: Block, options: LoadPartOptions): Promise<LoadedPart> {
    const { cluster } = this.#target
    const attempt = { what: 'batch', until: cluster.until(), tryMs: BATCH_TRY_MS, signal: options.signal }
    return cluster.write(() => loadPart(this.#target, block, options, attempt))
  }

  /** Deletes what is in a range, in one step; tells how many entries that were. */
  delRange(query: RangeQuery, { signal }: Abortable = {}): Promise<number> {
    const { cluster } = this.#target
    return cluster.write(() => delRange(this.#target, query, { what: 'delete', until: cluster.until(), signal }))
  }

  #apply(ops: readonly Op[], conditions: readonly KeyCondition[], attempt: Attempt): Promise<Outcome> {
    return this.#target.cluster.write(async () => {
      const outside = conditions.map(({ key, condition }) => ({ key: this.#target.keys.outside(key), condition }))
      for (;;) {
        const changes = await this.#changesOf(ops, attempt)
        try {
          return await transact(this.#target, changes, outside, attempt)
        } catch (error) {
          // It has ended between its grant and the write.
          if (!isLeaseGone(error)) throw error
          this.#target.leases.forget(changes.flatMap(({ put }) => put?.lease ?? []))
        }
      }
    })
  }

  async #changesOf(ops: readonly Op[], { until, signal }: Attempt): Promise<Change[]> {
    const { keys, leases, now } = this.#target
    const time = now()
    const granting = ops.map((op) => (op.type === 'put' ? leases.for(wholeSecond(op, time), { until, signal }) : 0n))
    const granted = await Promise.all(granting)
    return ops.map((op, i) => ({
      key: keys.outside(op.key),
      put: op.type === 'put' ? { value: op.value, lease: granted[i]! } : undefined,
    }))
  }

  /** Whether a key that was perhaps deleted by a write was there before, at a revision from then. */
  async #wasThere(key: Uint8Array, revision: number, attempt: Attempt): Promise<boolean> {
    const lost = (cause: unknown): Error => unknownOutcome(attempt.what, cause)
    if (revision === 0) throw lost(new Error('the key is not there now'))
    const { stored } = await this.#target.read([this.#target.keys.outside(key)], attempt, revision).catch((error) => {
      throw lost(error)
    })
    return this.#target.living(stored[0]) !== undefined
  }
}

/** When an entry expires: leases end at whole seconds. */
function wholeSecond(lifetime: Lifetime, now: number): number | undefined {
  const expires = expiryOf(lifetime, now)
  return expires && Math.ceil(expires / 1000) * 1000
}
