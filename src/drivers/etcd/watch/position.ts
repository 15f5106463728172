import type { KvError } from '../../../errors.ts'
import { BEGINNING, notAPosition } from '../../../store/watch.ts'
import { PARTIAL, watchGap } from '../../kit/log-position.ts'

/** Entries that had expired, of all that were there: those that a watch has reported as deleted, or were gone for it. */
export interface Expired {
  /** Until when, in seconds since 1970. */
  readonly until: number
  /** Only those that were written up to this revision. */
  readonly revision: number
}

/** Before any entry expired. */
export const NONE_EXPIRED: Expired = { until: 0, revision: 0 }

/** A place in the changes of a cluster. */
export interface EtcdPosition {
  /** The id of the cluster, hexadecimal: another has other revisions. */
  readonly cluster: string
  /** Everything up to here was reported. */
  readonly revision: number
  /** So many of the changes of `revision` were reported, not yet all. */
  readonly changes?: number | undefined
  /** The entries that are still in etcd at `revision` and are not to be reported when it removes them. */
  readonly expired?: Expired | undefined
  /** The next of those, and how many of them have been reported, in the order of their keys. */
  readonly next?: { readonly expired: Expired; readonly reported: number } | undefined
  /** Number of an expiry of which a position cannot tell more: those that etcd has still to remove are reported again. */
  readonly untold?: number | undefined
  /** Of the watched keys, where anything but the first two is about those alone. */
  readonly keys?: string | undefined
}

/** A position as watchers know it: `CLUSTER-REVISION[.CHANGES][xUNTIL.REVISION[xUNTIL.REVISION.REPORTED]][+UNTOLD][_KEYS]`. */
export function formatPosition({ cluster, revision, changes, expired, next, untold, keys }: EtcdPosition): string {
  let text = `${cluster}-${revision}`
  if (changes !== undefined) text += `.${changes}`
  if (expired !== undefined) text += `x${expired.until}.${expired.revision}`
  if (next !== undefined) text += `x${next.expired.until}.${next.expired.revision}.${next.reported}`
  if (untold !== undefined) text += `+${untold}`
  return keys === undefined ? text : `${text}_${keys}`
}

const FORM =
  /^([0-9a-f]{1,16})-(\d{1,16})(?:\.(\d{1,16}))?(?:x(\d{1,12})\.(\d{1,16})(?:x(\d{1,12})\.(\d{1,16})\.(\d{1,16}))?)?(?:\+\d{1,16})?(?:_([0-9a-f]{8}))?$/

/**
 * A place, `undefined` for the beginning. Throws `KV_USAGE` for what is no position, `KV_WATCH_GAP` for one in the middle of what
 * was there.
 */
export function parsePosition(text: string): EtcdPosition | undefined {
  if (text === BEGINNING) return undefined
  if (text === PARTIAL) throw watchGap('what was there had not come whole, and may have changed since')
  const [, cluster, ...rest] = FORM.exec(text) ?? []
  if (cluster === undefined) throw notAPosition()
  const keys = rest.pop()
  const numbers = rest.map((digits) => (digits === undefined ? undefined : Number(digits)))
  if (numbers.some((number) => number !== undefined && !Number.isSafeInteger(number))) throw notAPosition()
  const [revision, changes, until, upTo, nextUntil, nextUpTo, reported] = numbers
  return {
    cluster,
    revision: revision!,
    changes,
    expired: until === undefined ? undefined : { until, revision: upTo! },
    next:
      nextUntil === undefined ? undefined : { expired: { until: nextUntil, revision: nextUpTo! }, reported: reported! },
    keys,
  }
}

/** For a position of another cluster. */
export function anotherCluster(): KvError {
  return watchGap('that position is of another cluster, or of this one before it was restored')
}

/** Whether an entry is one of the expired ones. */
export function isIn(
  entry: { readonly expires: number; readonly revision: number },
  { until, revision }: Expired,
): boolean {
  return entry.expires <= until * 1000 && entry.revision <= revision
}
