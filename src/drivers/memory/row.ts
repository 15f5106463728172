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
