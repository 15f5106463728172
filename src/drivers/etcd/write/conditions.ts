import { compareBytes } from '../../../bytes.ts'
import { holds } from '../../../store/conditional.ts'
import type { Condition, KeyCondition } from '../../../store/driver/entry.ts'
import { COMPARED, type Comparison, EQUAL, type Stored } from '../wire/messages.ts'

/** Whether a condition says that a key is not there. */
export function isOfAbsence(condition: Condition): boolean {
  return condition.type === 'absent' || (condition.type === 'revision' && condition.revision === 0)
}

/**
 * What etcd compares of a condition: where that holds, so does the condition. It may hold in other cases too: etcd cannot tell
 * whether an entry with a lease has expired.
 */
export function comparisonsOf({ key, condition }: KeyCondition): Comparison[] {
  if (isOfAbsence(condition)) return [isAt(key, 0)]
  const doesNotExpire: Comparison = { result: EQUAL, target: COMPARED.lease, key, lease: 0n }
  if (condition.type === 'revision') return [isAt(key, condition.revision), doesNotExpire]
  const { value } = condition as Extract<Condition, { type: 'value' }>
  return [{ result: EQUAL, target: COMPARED.value, key, value }, doesNotExpire]
}

/** That a key has an entry with this revision; 0: none. */
export function isAt(key: Uint8Array, modRevision: number): Comparison {
  return { result: EQUAL, target: COMPARED.modRevision, key, modRevision }
}

/** Whether a condition holds for what was read, of which nothing has expired. */
export function isHeld(condition: Condition, living: Stored | undefined): boolean {
  const old = living && { revision: living.modRevision }
  return holds(condition, old, (value) => compareBytes(living!.value, value) === 0)
}
