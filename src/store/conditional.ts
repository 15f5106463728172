import { compareBytes } from '../bytes.ts'
import { KvError } from '../errors.ts'
import { displayKey } from '../safe-text.ts'
import type { Abortable } from './driver/driver.ts'
import type { Condition, Entry, KeyCondition, PutResult } from './driver/entry.ts'
import type { KeyInput } from './input.ts'
import type { Store } from './store.ts'
import type { PutOptions } from './write-options.ts'

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
  const failed = conditions?.find((condition) => !isHeld(condition))
  if (failed !== undefined)
    throw new KvError('KV_CONDITION', `nothing was written: the condition on ${displayKey(failed.key)} does not hold`)
}

/** The condition that an entry is still as it was read (`undefined`: still not there). */
export function unchanged(old: Pick<Entry, 'revision' | 'value'> | undefined): Condition {
  if (old === undefined) return { type: 'absent' }
  // Another tool may have written it, into an old store.
  return old.revision > 0 ? { type: 'revision', revision: old.revision } : { type: 'value', value: old.value }
}

/** What an entry becomes. Without a lifetime it does not expire. */
export interface Update extends Pick<PutOptions, 'expires' | 'ttl'> {
  readonly value: KeyInput
}

/**
 * Stores what `change` makes of the entry of a key (`undefined`: not there), unless that is `undefined`, and resolves to
 * it. When another write comes between, `change` is called again: no write is lost, by whatever process.
 */
export async function update<T extends Update>(
  store: Store,
  key: KeyInput,
  change: (old: Entry | undefined) => T | undefined,
  options?: Abortable,
): Promise<T | undefined> {
  for (;;) {
    const old = await store.getEntry(key, options)
    const updated = change(old)
    if (updated === undefined) return undefined
    const { value, expires, ttl } = updated
    const { applied } = await store.put(key, value, { expires, ttl, condition: unchanged(old), ...options })
    if (applied) return updated
  }
}

/** Puts a value if a condition holds, and leaves the time when the entry expires as it is. */
export async function putKeepingExpiry(
  store: Store,
  key: KeyInput,
  value: KeyInput,
  condition: Condition | undefined,
  options?: Abortable,
): Promise<PutResult> {
  let comparesValue = condition?.type === 'value'
  for (;;) {
    const entry = comparesValue ? await store.getEntry(key, options) : undefined
    const old = comparesValue ? entry : await store.head(key, options)
    if (!holds(condition, old, (wanted) => compareBytes(entry!.value, wanted) === 0))
      return { applied: false, created: false, revision: old?.revision ?? 0 }
    // Without a revision, only the value tells whether it was changed.
    if (old?.revision === 0 && !comparesValue) {
      comparesValue = true
      continue
    }
    const same = unchanged(old && { revision: old.revision, value: entry?.value ?? NOTHING })
    const result = await store.put(key, value, { expires: old?.expires, condition: same, ...options })
    if (result.applied) return result
  }
}

const NOTHING = new Uint8Array()
