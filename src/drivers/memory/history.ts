import type { Clock } from '../../store/driver/driver.ts'
import type { Entry } from '../../store/driver/entry.ts'
import type { History, HistoryStatus, Moment, Version, VersionsOptions } from '../../store/driver/history.ts'
import { keyId } from '../../store/operations.ts'
import {
  type EndedVersion,
  type Place,
  type Timeline,
  noHistory,
  placeAt,
  tooMany,
  versionsOf,
} from '../kit/timeline.ts'

/** Versions of a page. */
const PAGE = 1000

/** What a history needs of the store it is about. */
export interface StoreOfHistory {
  readonly now: Clock
  /** The newest revision. */
  revision(): number
  /** The entry of a key, expired or not. */
  row(key: Uint8Array): Entry | undefined
}

/** A version that has ended; of one that was an entry, that. */
interface KeptVersion extends EndedVersion {
  readonly entry?: Entry
}

/** The old versions of a store in memory. */
export class MemoryHistory implements History {
  readonly #store: StoreOfHistory
  #keep = 0
  #since: HistoryStatus['since']
  readonly #ended = new Map<string, KeptVersion[]>()

  constructor(store: StoreOfHistory) {
    this.#store = store
  }

  async on(keep: number): Promise<void> {
    this.#since ??= { revision: this.#store.revision(), time: this.#store.now() }
    this.#keep = keep
    for (const versions of this.#ended.values()) versions.splice(0, tooMany(versions, keep))
  }

  async off(): Promise<number> {
    const { versions } = this.status()
    this.#keep = 0
    this.#since = undefined
    this.#ended.clear()
    return versions
  }

  status(): HistoryStatus {
    let versions = 0
    let bytes = 0
    for (const kept of this.#ended.values()) {
      for (const { entry } of kept) {
        if (entry === undefined) continue
        versions++
        bytes += entry.key.length + entry.value.length
      }
    }
    return { keep: this.#keep, since: this.#since, versions, bytes }
  }

  async *versions(key: Uint8Array, { limit = Infinity }: VersionsOptions = {}): AsyncGenerator<Version[], void, void> {
    const versions = versionsOf(this.#timeline(key)).slice(0, limit)
    for (let start = 0; start < versions.length; start += PAGE)
      yield versions
        .slice(start, start + PAGE)
        .map((version): Version =>
          version.type === 'put'
            ? { type: 'put', time: version.time, ...this.#entry(key, version.place) }
            : { ...version, key: new Uint8Array(key) },
        )
  }

  at(key: Uint8Array, moment: Moment): Entry | undefined {
    const place = placeAt(this.#timeline(key), moment)
    return place && this.#entry(key, place)
  }

  /** Notes that a write ends what a key was: `old`, its entry, or that it was not there. */
  ended(key: Uint8Array, old: Entry | undefined, revision: number, now: number, isReplaced: boolean): void {
    // What a batch has put and changes again was seen by nobody.
    if (this.#since === undefined || old?.revision === revision) return
    const id = keyId(key)
    const versions = this.#ended.get(id) ?? []
    this.#ended.set(id, versions)
    const note = (time: number, entry?: Entry): void => {
      const began = versions.at(-1)?.ended
      versions.push({
        isThere: entry !== undefined,
        revision: entry?.revision ?? 0,
        expires: entry?.expires,
        began,
        ended: Math.max(time, began ?? this.#since!.time),
        endedRevision: revision,
        ...(entry && { entry }),
      })
    }
    if (old === undefined) return note(now)
    note(Math.min(now, old.expires ?? now), old)
    if (isReplaced && old.expires !== undefined && old.expires <= now) note(now)
    versions.splice(0, tooMany(versions, this.#keep))
  }

  #timeline(key: Uint8Array): Timeline<KeptVersion> {
    if (this.#since === undefined) throw noHistory()
    const { now, revision, row } = this.#store
    const ended = this.#ended.get(keyId(key)) ?? []
    return { key, since: this.#since, ended, current: row(key), now: now(), revision: revision() }
  }

  #entry(key: Uint8Array, place: Place<KeptVersion>): Entry {
    const entry = place === 'current' ? this.#store.row(key)! : place.entry!
    return { ...entry, key: new Uint8Array(entry.key), value: new Uint8Array(entry.value) }
  }
}
