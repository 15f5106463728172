import { compareBytes } from '../bytes.ts'
import { KvError } from '../errors.ts'
import { displayKey } from '../safe-text.ts'
import type { Condition, Entry, KeyCondition } from './driver/entry.ts'

/**
 * Whether a condition holds for an entry (`undefined`: the key is not there). `hasValue` compares its value, and is
 * called only where the condition is about it.
 */
export function holds(
  condition: Condition | undefined,
  old: { readonly revision: number } | undefined,
  hasValue: (value: Uint8Array) => boolean,
): boolean {
  switch (condition?.type) {
    case undefined:
      return true
    case 'absent':
      return old === undefined
    case 'value':
      return old !== undefined && hasValue(condition.value)
    case 'revision':
      // An entry that another tool wrote into an old store has no revision either.
      return condition.revision === 0 ? old === undefined : old?.revision === condition.revision
  }
}

/** Whether a condition holds for an entry that was read whole (`undefined`: not there). */
export function holdsFor(condition: Condition | undefined, old: Entry | undefined): boolean {
  return holds(condition, old, (value) => compareBytes(old!.value, value) === 0)
}

/** Throws `KV_CONDITION` for the first of the conditions of a batch that does not hold. */
export function checkConditions(
  conditions: readonly KeyCondition[] | undefined,
  isHeld: (condition: KeyCondition) => boolean,
): void {
  const failed = conditions?.findIndex((condition) => !isHeld(condition)) ?? -1
  if (failed >= 0) throw conditionFailed(conditions!, failed)
}

/** For the first of the conditions of a batch that does not hold, by its place. */
export function conditionFailed(conditions: readonly KeyCondition[], failed: number): KvError {
  const message = `nothing was written: the condition on ${displayKey(conditions[failed]!.key)} does not hold`
  return new KvError('KV_CONDITION', message, { details: { condition: failed } })
}

/** The condition that an entry is still as it was read (`undefined`: still not there). */
export function unchanged(old: Pick<Entry, 'revision' | 'value'> | undefined): Condition {
  if (old === undefined) return { type: 'absent' }
  // Another tool may have written it, into an old store.
  return old.revision > 0 ? { type: 'revision', revision: old.revision } : { type: 'value', value: old.value }
}
