import type { Condition } from '../../store/entry.ts'

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
