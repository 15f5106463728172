import type { KeyCondition } from '../../../store/driver/entry.ts'
import { keyId } from '../../../store/operations.ts'
import { Unclear, unknownOutcome } from '../cluster/failures.ts'
import type { Stored } from '../wire/messages.ts'
import { type Change, isMade, revisionOfAll, stepOf } from './changes.ts'
import { isAt, isHeld, isOfAbsence } from './conditions.ts'
import type { Outcome } from './outcome.ts'
import type { Attempt, Target } from './target.ts'

/** A transaction whose answer was lost. */
export interface Lost {
  readonly changes: readonly Change[]
  readonly conditions: readonly KeyCondition[]
  /** A revision from before it was sent; 0: none is known. */
  readonly since: number
}

/**
 * Finds out what became of a transaction whose answer was lost, by reading; where it was not done, does it then, if nothing has
 * changed since it was read. Throws `KV_UNKNOWN_OUTCOME` where reading cannot tell, and when time is up.
 */
export async function settle(target: Target, lost: Lost, attempt: Attempt, cause: unknown): Promise<Outcome> {
  const { changes, conditions } = lost
  const keys = [...new Map([...changes, ...conditions].map(({ key }) => [keyId(key), key])).values()]
  const unknown = (): Error => unknownOutcome(attempt.what, (cause as Unclear).cause)
  for (;;) {
    if (attempt.signal?.aborted === true) throw unknown()
    const seen = await target.read(keys, attempt).catch(() => {
      throw unknown()
    })
    const byId = new Map(keys.map((key, i) => [keyId(key), seen.stored[i]]))
    const found = await judge(target, lost, attempt, { revision: seen.revision, of: (key) => byId.get(keyId(key)) })
    if (found === 'unknown') throw unknown()
    if (found !== 'not done') return found
    try {
      const compare = keys.map((key) => isAt(key, byId.get(keyId(key))?.modRevision ?? 0))
      const again = await target.send({ compare, success: changes.map(stepOf) }, 'write', attempt)
      if (again.succeeded) {
        const wasThere = target.living(byId.get(keyId(changes[0]!.key))) !== undefined
        return { revision: again.header!.revision, wasThere }
      }
    } catch (error) {
      if (!(error instanceof Unclear)) throw unknown()
      cause = error
    }
  }
}

/** What was read of the keys of a transaction. */
interface Read {
  readonly revision: number
  of(key: Uint8Array): Stored | undefined
}

async function judge(
  target: Target,
  lost: Lost,
  attempt: Attempt,
  read: Read,
): Promise<Outcome | 'not done' | 'unknown'> {
  const { changes, conditions, since } = lost
  const done = revisionOfAll(changes, read.of, since)
  if (conditions.length === 0) {
    if (done !== undefined) {
      const first = read.of(changes[0]!.key)
      return { revision: done, wasThere: first && first.createRevision < first.modRevision }
    }
    const isGone = changes.every(({ key, put }) => put === undefined && read.of(key) === undefined)
    return isGone ? { revision: read.revision, wasThere: undefined } : 'not done'
  }
  // Another may have written the same under the same conditions.
  if (done !== undefined) return 'unknown'
  const living = conditions.map(({ key }) => target.living(read.of(key)))
  const at = conditions.findIndex(({ condition }, i) => !isHeld(condition, living[i]))
  if (at < 0) return isUndone(lost, read) ? 'not done' : 'unknown'
  if (!(await hadFailed(target, lost, conditions[at]!, read, attempt))) return 'unknown'
  return { revision: read.revision, failed: { at, old: living[at] }, wasThere: undefined }
}

/** Whether what was read shows that nothing was done, while all conditions hold. */
function isUndone({ changes, conditions, since }: Lost, read: Read): boolean {
  const puts = new Map(changes.map(({ key, put }) => [keyId(key), put !== undefined]))
  // A change of its own key ends a condition.
  const hasEnded = conditions.some(({ key, condition }) => {
    const isPut = puts.get(keyId(key))
    return isPut === true || (isPut === false && !isOfAbsence(condition))
  })
  return hasEnded || changes.some(({ key, put }) => put !== undefined && (read.of(key)?.modRevision ?? 0) <= since)
}

/**
 * Whether a condition that does not hold now did not hold either when the transaction came: the entry is older, or it took the
 * place of one for which the condition held, and is not ours.
 */
async function hadFailed(
  target: Target,
  { changes, since }: Lost,
  { key, condition }: KeyCondition,
  read: Read,
  attempt: Attempt,
): Promise<boolean> {
  const now = read.of(key)
  if (now === undefined) return false
  if (now.modRevision <= since) return true
  const change = changes.find((one) => keyId(one.key) === keyId(key))
  if (change?.put === undefined || isMade(change, now)) return false
  try {
    const before = await target.read([key], attempt, now.modRevision - 1)
    return isHeld(condition, target.living(before.stored[0]))
  } catch {
    return false
  }
}
