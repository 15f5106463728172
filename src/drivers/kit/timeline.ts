/**
 * What the versions of a key that have ended say of its past. A driver notes each version when it ends, also the time
 * when the key was not there, so a version begins when the one before it ended.
 */
import { KvError, usageError } from '../../errors.ts'
import { displayKey } from '../../safe-text.ts'
import type { HistoryStatus, Moment } from '../../store/driver/history.ts'
import { LATEST_EXPIRY } from '../../store/expiry.ts'

/** A version that has ended. Times are milliseconds since 1970. */
export interface EndedVersion {
  /** Whether the key was there; the next two are of its entry. */
  readonly isThere: boolean
  readonly revision: number
  readonly expires: number | undefined
  /** When it began; `undefined`: before the history did. */
  readonly began: number | undefined
  /** When it ended: not before it began, and an entry that has expired, not after that. */
  readonly ended: number
  /** Of the write that ended it. */
  readonly endedRevision: number
}

/** An entry that is there now, expired or not. */
export interface CurrentVersion {
  readonly revision: number
  readonly expires: number | undefined
}

/** All that is known of a key. */
export interface Timeline<T extends EndedVersion> {
  readonly key: Uint8Array
  readonly since: NonNullable<HistoryStatus['since']>
  /** The oldest first. */
  readonly ended: readonly T[]
  readonly current: CurrentVersion | undefined
  readonly now: number
  /** The newest revision of the store. */
  readonly revision: number
}

/** Where an entry is: among the versions that have ended, or the current one. */
export type Place<T> = T | 'current'

/** A version, without the entry that is in its place. */
export type PlacedVersion<T> =
  | { readonly type: 'put'; readonly time: number | undefined; readonly place: Place<T> }
  | { readonly type: 'del'; readonly time: number; readonly revision: number }
  | { readonly type: 'expired'; readonly time: number }

/** The versions of a key, the newest first. */
export function versionsOf<T extends EndedVersion>({ ended, current, now }: Timeline<T>): PlacedVersion<T>[] {
  const versions: PlacedVersion<T>[] = []
  let there: T | undefined
  for (const version of ended) {
    if (version.isThere) {
      versions.push({ type: 'put', time: version.began, place: version })
      there = version
      // It is gone; unless that ended at once, which nobody saw.
    } else if (there !== undefined && versions.at(-1)?.type === 'put' && !endTogether(there, version))
      versions.push(goneAfter(there))
  }
  if (current !== undefined) {
    versions.push({ type: 'put', time: ended.at(-1)?.ended, place: 'current' })
    if (hasExpired(current.expires, now)) versions.push({ type: 'expired', time: current.expires! })
  } else if (there !== undefined && versions.at(-1)?.type === 'put') versions.push(goneAfter(there))
  return versions.toReversed()
}

/** Whether what a key was not, after it was something, ended as soon as it began. */
function endTogether(there: EndedVersion, { ended, endedRevision }: EndedVersion): boolean {
  return there.ended === ended && (there.endedRevision === endedRevision || hasExpired(there.expires, ended))
}

function goneAfter({ expires, ended, endedRevision }: EndedVersion): PlacedVersion<never> {
  return hasExpired(expires, ended)
    ? { type: 'expired', time: ended }
    : { type: 'del', time: ended, revision: endedRevision }
}

function hasExpired(expires: number | undefined, at: number): boolean {
  return expires !== undefined && expires <= at
}

/** Where the entry is that a key had at a moment; `undefined`: it was not there. Throws as `History.at`. */
export function placeAt<T extends EndedVersion>(timeline: Timeline<T>, moment: Moment): Place<T> | undefined {
  return 'revision' in moment ? atRevision(timeline, moment.revision) : atTime(timeline, moment.time)
}

function atTime<T extends EndedVersion>(
  { key, since, ended, current, now }: Timeline<T>,
  time: number,
): Place<T> | undefined {
  if (time > now) throw usageError(`${iso(time)} is still to come`)
  if (time < since.time) throw tooEarly(key, iso(time), since)
  const version = ended.find((one) => time < one.ended)
  if (version === undefined) return current === undefined || hasExpired(current.expires, time) ? undefined : 'current'
  if (version.began !== undefined && time < version.began) throw tooOld(key, iso(time))
  return version.isThere ? version : undefined
}

function atRevision<T extends EndedVersion>(
  { key, since, ended, current, now, revision: newest }: Timeline<T>,
  revision: number,
): Place<T> | undefined {
  const name = `revision ${revision}`
  if (revision > newest) throw usageError(`${name} is still to come: the newest is ${newest}`)
  const index = ended.findIndex((one) => revision < one.endedRevision)
  const version = ended[index] ?? (current && { ...current, isThere: true, ended: now, began: 0 })
  const isFirst = index === 0 || ended.length === 0
  if (version === undefined || !version.isThere) {
    if (isFirst && revision < since.revision) throw tooEarly(key, name, since)
    return undefined
  }
  if (revision < version.revision) {
    if (!isFirst) return undefined
    throw revision < since.revision ? tooEarly(key, name, since) : tooOld(key, name)
  }
  // When other keys were written is not known, only when this one was.
  if (revision > version.revision && hasExpired(version.expires, version.ended))
    throw gap(
      `whether ${displayKey(key)} had expired at ${name} is not known`,
      `ask for a time, or for revision ${version.revision}, which put it`,
    )
  return ended[index] ?? 'current'
}

/**
 * How many of the oldest versions of a key go when so many old values are kept: with the first value that goes, all before the
 * oldest that stays.
 */
export function tooMany(ended: readonly EndedVersion[], keep: number): number {
  const values = ended.flatMap(({ isThere }, index) => (isThere ? [index] : []))
  return values.length > keep ? values.at(-keep)! : 0
}

/** What reads throw where no history is kept. */
export function noHistory(): KvError {
  return gap('this store keeps no old versions', 'keep them from now on: kv history on')
}

function tooEarly(key: Uint8Array, moment: string, since: Timeline<never>['since']): KvError {
  return gap(
    `what ${displayKey(key)} was at ${moment} is not known: the history of this store begins at revision ${since.revision}, ${iso(since.time)}`,
  )
}

function tooOld(key: Uint8Array, moment: string): KvError {
  return gap(
    `what ${displayKey(key)} was at ${moment} is no longer kept`,
    'keep more from now on: kv history on --keep N',
  )
}

function gap(message: string, hint?: string): KvError {
  return new KvError('KV_HISTORY_GAP', message, { hint })
}

function iso(time: number): string {
  return new Date(Math.min(time, LATEST_EXPIRY)).toISOString()
}
