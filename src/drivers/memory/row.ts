import { compareBytes } from '../../bytes.ts'
import type { Entry } from '../../store/driver/entry.ts'

/** Whether an entry has not expired by a time. */
export function alive(row: Entry, now: number): boolean {
  return row.expires === undefined || row.expires > now
}

/** A copy for a caller, without the value where only keys are wanted. */
export function copy(row: Entry, keysOnly: boolean): Entry {
  return {
    key: new Uint8Array(row.key),
    value: keysOnly ? new Uint8Array() : new Uint8Array(row.value),
    revision: row.revision,
    expires: row.expires,
  }
}

/** The index of the first row whose key is not below `key`. */
export function firstFrom(rows: readonly Entry[], key: Uint8Array): number {
  let low = 0
  let high = rows.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compareBytes(rows[middle]!.key, key) < 0) low = middle + 1
    else high = middle
  }
  return low
}
