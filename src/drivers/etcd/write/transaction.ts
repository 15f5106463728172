import type { KeyCondition } from '../../../store/driver/entry.ts'
import { keyId } from '../../../store/operations.ts'
import { Unclear } from '../cluster/failures.ts'
import type { Step, Stored, TxnAnswer } from '../wire/messages.ts'
import { type Change, stepOf } from './changes.ts'
import { comparisonsOf, isAt, isHeld, isOfAbsence } from './conditions.ts'
import { settle } from './settle.ts'
import type { Outcome } from './outcome.ts'
import type { Attempt, Target } from './target.ts'

/**
 * Makes changes of different keys together if all conditions hold, once: when the answer is lost, it finds out whether they were
 * made. Keys are those of the cluster. Throws `KV_UNKNOWN_OUTCOME` where that cannot be told.
 */
export async function transact(
  target: Target,
  changes: readonly Change[],
  conditions: readonly KeyCondition[],
  attempt: Attempt,
): Promise<Outcome> {
  const write = new Transaction(target, changes, conditions, attempt)
  try {
    return await (conditions.length === 0 ? write.once() : write.ifHeld())
  } catch (error) {
    if (!(error instanceof Unclear)) throw error
    return settle(target, { changes, conditions, since: write.since }, attempt, error)
  }
}

class Transaction {
  readonly #target: Target
  readonly #changes: readonly Change[]
  readonly #conditions: readonly KeyCondition[]
  readonly #attempt: Attempt
  readonly #steps: readonly Step[]
  /** A revision from before what was sent last. */
  since = 0

  constructor(target: Target, changes: readonly Change[], conditions: readonly KeyCondition[], attempt: Attempt) {
    this.#target = target
    this.#changes = changes
    this.#conditions = conditions
    this.#attempt = attempt
    this.#steps = changes.map(stepOf)
  }

  /** Without conditions, in one call. */
  async once(): Promise<Outcome> {
    const [first] = this.#changes
    const before: Step[] = this.#changes.length === 1 ? [{ range: { key: first!.key, keysOnly: true } }] : []
    const { header, responses } = await this.#send({ success: [...before, ...this.#steps] })
    const old = this.#target.living(responses[0]?.range?.kvs[0])
    return { revision: header!.revision, wasThere: old !== undefined }
  }

  /**
   * With conditions: etcd compares what it can, and where that does not hold, the entries are read and the changes made if they
   * are still the same.
   */
  async ifHeld(): Promise<Outcome> {
    const compare = this.#conditions.flatMap(comparisonsOf)
    const areFew = compare.length <= this.#target.maxTxnOps
    const answer = areFew ? await this.#send({ compare, success: this.#steps, failure: this.#reads() }) : undefined
    if (answer?.succeeded === true) {
      return { revision: answer.header!.revision, wasThere: !isOfAbsence(this.#conditions[0]!.condition) }
    }
    let stored = answer === undefined ? await this.#read() : answer.responses.map(({ range }) => range!.kvs[0])
    for (;;) {
      const living = stored.map((one) => this.#target.living(one))
      const at = this.#conditions.findIndex(({ condition }, i) => !isHeld(condition, living[i]))
      if (at >= 0) return { revision: this.#target.newest, failed: { at, old: living[at] }, wasThere: undefined }
      const unchanged = distinct(this.#conditions.map(({ key }, i) => [key, stored[i]]))
      const again = await this.#send({
        compare: unchanged.map(([key, old]) => isAt(key, old?.modRevision ?? 0)),
        success: this.#steps,
        failure: this.#reads(),
      })
      if (again.succeeded) return { revision: again.header!.revision, wasThere: living[0] !== undefined }
      stored = again.responses.map(({ range }) => range!.kvs[0])
    }
  }

  #send(txn: Parameters<Target['send']>[0]): Promise<TxnAnswer> {
    this.since = this.#target.newest
    return this.#target.send(txn, this.#steps.length === 0 ? 'read' : 'write', this.#attempt)
  }

  /** The steps that read what the conditions are about. */
  #reads(): Step[] {
    return this.#conditions.map(({ key, condition }) => ({ range: { key, keysOnly: condition.type !== 'value' } }))
  }

  async #read(): Promise<(Stored | undefined)[]> {
    const { stored } = await this.#target.read(
      this.#conditions.map(({ key }) => key),
      this.#attempt,
    )
    return [...stored]
  }
}

/** The first of those with the same key. */
export function distinct<T>(all: readonly (readonly [key: Uint8Array, T])[]): (readonly [key: Uint8Array, T])[] {
  return [...new Map(all.map((one) => [keyId(one[0]), one])).values()]
}
