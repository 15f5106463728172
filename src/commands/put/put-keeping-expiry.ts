import { compareBytes } from '../../bytes.ts'
import { holds, unchanged } from '../../store/conditional.ts'
import type { Abortable } from '../../store/driver/driver.ts'
import type { Condition, PutResult } from '../../store/driver/entry.ts'
import type { KeyInput } from '../../store/input.ts'
import type { Store } from '../../store/store.ts'

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
