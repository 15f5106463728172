import { type Block, blockKey, blockPart, blockValue, lifetimeOf } from '../../../blocks/block.ts'
import type { LoadPartOptions, LoadedPart } from '../../../store/driver/load.ts'
import { expiryOf } from '../../../store/expiry.ts'
import { Unclear, unknownOutcome } from '../cluster/failures.ts'
import { isLeaseGone } from '../lease/leases.ts'
import { METHODS, type Method, type Stored } from '../wire/messages.ts'
import { StepWriter } from '../wire/step-writer.ts'
import { type Change, isMade } from './changes.ts'
import { settle } from './settle.ts'
import type { Attempt, Target } from './target.ts'
import { transact } from './transaction.ts'

/** Bytes of an operation that are no key and no value, about. */
const STEP_BYTES = 40

/** Applies the entries of a block in one transaction; with `ifAbsent`, in one or two, each put only where its key is not there. */
export async function loadPart(
  target: Target,
  block: Block,
  options: LoadPartOptions,
  attempt: Attempt,
): Promise<LoadedPart> {
  const { ifAbsent } = options
  // A step that is a transaction has what is left of the operations that a transaction may have.
  if (ifAbsent && block.count >= target.maxTxnOps && block.count > 1) {
    const half = block.count >> 1
    const first = await loadPart(target, blockPart(block, 0, half), options, attempt)
    const second = await loadPart(target, blockPart(block, half, block.count), options, attempt)
    return { revision: second.revision, existing: first.existing + second.existing }
  }
  for (;;) {
    const part = new Part(target, block, await leasesOf(target, block, attempt))
    try {
      return await (ifAbsent ? part.loadAbsent(attempt) : part.load(attempt))
    } catch (error) {
      if (!isLeaseGone(error)) throw error
      target.leases.forget(part.leases)
    }
  }
}

/** The lease of each entry; empty where none expires. */
async function leasesOf(
  { leases, now }: Target,
  { count, expires }: Block,
  { until, signal }: Attempt,
): Promise<bigint[]> {
  if (expires === undefined) return []
  const time = now()
  const ends = Array.from(expires.subarray(0, count), (one) => expiryOf(lifetimeOf(one), time))
  return Promise.all(ends.map((end) => leases.for(end && Math.ceil(end / 1000) * 1000, { until, signal })))
}

/** A block on its way. */
class Part {
  readonly leases: readonly bigint[]
  readonly #target: Target
  readonly #block: Block

  constructor(target: Target, block: Block, leases: readonly bigint[]) {
    this.#target = target
    this.#block = block
    this.leases = leases
  }

  async load(attempt: Attempt): Promise<LoadedPart> {
    const since = this.#target.newest
    try {
      const { header } = await this.#send(METHODS.steps, this.#written(false), attempt)
      return { revision: header!.revision, existing: 0 }
    } catch (error) {
      if (!(error instanceof Unclear)) throw error
      const lost = { changes: this.#changes(), conditions: [], since }
      return { revision: (await settle(this.#target, lost, attempt, error)).revision, existing: 0 }
    }
  }

  async loadAbsent(attempt: Attempt): Promise<LoadedPart> {
    const steps = this.#written(true)
    const since = this.#target.newest
    for (;;) {
      try {
        const { header, responses } = await this.#send(METHODS.stepsIfAbsent, steps, attempt)
        const old = responses.map(({ txn }) =>
          txn === undefined || txn.succeeded ? undefined : txn.responses[0]?.range?.kvs[0],
        )
        return await this.#putExpired(header!.revision, old, attempt)
      } catch (error) {
        if (!(error instanceof Unclear)) throw error
        const changes = this.#changes()
        const unknown = (): never => {
          throw unknownOutcome(attempt.what, error.cause)
        }
        const { revision, stored } = await this.#target
          .read(
            changes.map(({ key }) => key),
            attempt,
          )
          .catch(unknown)
        // All were done together: while a put key is not there, none was.
        if (changes.some(({ put }, i) => put !== undefined && stored[i] === undefined)) continue
        const old = stored.map((one, i) => (isOurs(one, changes[i]!, since) ? undefined : one))
        return this.#putExpired(revision, old, attempt)
      }
    }
  }

  /** Puts those over which there was an entry that has expired, one by one; tells how many of the others there were. */
  async #putExpired(newest: number, old: readonly (Stored | undefined)[], attempt: Attempt): Promise<LoadedPart> {
    const changes = this.#changes()
    let revision = newest
    let existing = 0
    for (const [i, stored] of old.entries()) {
      const change = changes[i]!
      if (stored === undefined || change.put === undefined) continue
      const isOver = this.#target.living(stored) === undefined
      const absent = [{ key: change.key, condition: { type: 'absent' } }] as const
      const outcome = isOver ? await transact(this.#target, [change], absent, attempt) : undefined
      if (outcome === undefined || outcome.failed !== undefined) existing++
      else revision = outcome.revision
    }
    return { revision, existing }
  }

  async #send<R extends { readonly header?: { readonly revision: number } | undefined }>(
    method: Method<Uint8Array, R>,
    steps: Uint8Array,
    { until, tryMs, signal }: Attempt,
  ): Promise<R> {
    const tries = { kind: 'write', until, signal, ...(tryMs !== undefined && { tryMs }) } as const
    const answer = await this.#target.cluster.call(method, steps, tries)
    this.#target.newest = Math.max(this.#target.newest, answer.header!.revision)
    return answer
  }

  #written(ifAbsent: boolean): Uint8Array {
    const { keys } = this.#target
    const { count, keyLength, valueLength, deleted } = this.#block
    let size = 0
    for (let i = 0; i < count; i++) size += keys.prefix.length + keyLength[i]! + valueLength[i]! + STEP_BYTES
    const steps = new StepWriter(size)
    for (let i = 0; i < count; i++) {
      const key = keys.outside(blockKey(this.#block, i))
      const lease = this.leases[i] ?? 0n
      if (deleted?.[i] === 1) steps.del(key)
      else if (ifAbsent) steps.putIfAbsent(key, blockValue(this.#block, i), lease)
      else steps.put(key, blockValue(this.#block, i), lease)
    }
    return steps.finish()
  }

  #changes(): Change[] {
    return Array.from({ length: this.#block.count }, (_, i) => ({
      key: this.#target.keys.outside(blockKey(this.#block, i)),
      put:
        this.#block.deleted?.[i] === 1 ? undefined : { value: blockValue(this.#block, i), lease: this.leases[i] ?? 0n },
    }))
  }
}

/** Whether an entry is as a change leaves it, and newer than a revision. */
function isOurs(stored: Stored | undefined, change: Change, since: number): boolean {
  return stored !== undefined && stored.modRevision > since && isMade(change, stored)
}
