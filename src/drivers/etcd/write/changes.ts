import { compareBytes } from '../../../bytes.ts'
import type { Step, Stored } from '../wire/messages.ts'

/** An operation as it is sent: what a key of the cluster becomes. */
export interface Change {
  readonly key: Uint8Array
  /** Its new value and lease; `undefined`: it is deleted. */
  readonly put: { readonly value: Uint8Array; readonly lease: bigint } | undefined
}

/** The step of a transaction that makes a change. */
export function stepOf({ key, put }: Change): Step {
  return put === undefined ? { deleteRange: { key } } : { put: { key, ...put } }
}

/**
 * The revision at which what is there now (by `stored`) shows that all of the changes were made, after the revision `since`;
 * `undefined` where it does not. A key that another write has changed later is no hindrance, as long as one of the puts is
 * still there.
 */
export function revisionOfAll(
  changes: readonly Change[],
  stored: (key: Uint8Array) => Stored | undefined,
  since: number,
): number | undefined {
  return changes
    .map((change) => shows(change, stored(change.key), since))
    .find((revision) => {
      if (revision === undefined) return false
      return changes.every((change) => {
        const now = stored(change.key)
        if (now === undefined || now.modRevision > revision) return true
        return now.modRevision === revision && isMade(change, now)
      })
    })
}

function shows(change: Change, now: Stored | undefined, since: number): number | undefined {
  return now !== undefined && now.modRevision > since && isMade(change, now) ? now.modRevision : undefined
}

/** Whether a key that is there is as a change leaves it. */
export function isMade({ put }: Change, { value, lease }: Stored): boolean {
  return put !== undefined && put.lease === lease && compareBytes(put.value, value) === 0
}
