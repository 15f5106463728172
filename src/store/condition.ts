import { compareBytes } from '../bytes.ts'
import type { Condition, Entry } from './driver.ts'

/** Whether a condition allows a write over `old` (`undefined`: the key is not there). */
export function holds(condition: Condition | undefined, old: Pick<Entry, 'value' | 'revision'> | undefined): boolean {
  switch (condition?.type) {
    case undefined:
      return true
    case 'absent':
      return old === undefined
    case 'value':
      return old !== undefined && compareBytes(old.value, condition.value) === 0
    case 'revision':
      return (old?.revision ?? 0) === condition.revision
  }
}
