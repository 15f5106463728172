import { KvError } from '../../../errors.ts'
import { expiryOfLease } from '../lease/lease-id.ts'
import { METHODS, type Stored } from '../wire/messages.ts'
import { entriesAt } from './entries-at.ts'
import { Expiries, type Expiring } from './expiries.ts'
import { patiently } from './patience.ts'
import { type EtcdPosition, type Expired, NONE_EXPIRED, isIn } from './position.ts'
import type { WatchedRange } from './watched-range.ts'

/** What a position says of expired entries. */
export type ExpiryMark = Pick<EtcdPosition, 'expired' | 'next' | 'untold'>

/** Expired entries that are being reported, by their keys. */
interface Batch {
  /** What has been dealt with when all of them are. */
  readonly last: Expired
  readonly entries: readonly Expiring[]
  /** So many of them are. */
  done: number
}

/**
 * Reports entries as deleted when they expire. When one does is known of those with a lease of kv; what expires under a lease of
 * another program is deleted when etcd does that.
 */
export class ExpiryReports {
  readonly #watched: WatchedRange
  readonly #expiries = new Expiries()
  /** Where the watch begins. */
  readonly #position: EtcdPosition
  /** Whether the position of another watch says what has expired: only all of those entries tell what that means. */
  readonly #needsAll: boolean
  readonly #onNews: () => void
  /** What is not to be reported when etcd removes it. */
  #expired: Expired
  #batch: Batch | undefined
  #untold = 0

  /**
   * @param isNew no watch goes on after another with this one
   * @param onNews called when {@link next} may have something although {@link nextAt} has not come
   */
  constructor(watched: WatchedRange, position: EtcdPosition, isNew: boolean, onNews: () => void) {
    this.#watched = watched
    this.#position = position
    this.#needsAll = !isNew && position.expired !== undefined
    this.#expired = position.expired ?? NONE_EXPIRED
    this.#onNews = onNews
  }

  /** When {@link next} may have something, in milliseconds since 1970. */
  get nextAt(): number {
    return this.#expiries.isFilling ? Infinity : this.#expiries.next
  }

  /** What a position has to say. */
  get mark(): ExpiryMark {
    const { isComplete, isFilling, hasGone } = this.#expiries
    if (!isComplete) return { untold: this.#untold === 0 ? undefined : this.#untold }
    const expired = this.#batch !== undefined || hasGone || isFilling ? this.#expired : undefined
    if (this.#batch === undefined) return { expired }
    return { expired, next: { expired: this.#batch.last, reported: this.#batch.done } }
  }

  /** A key was put. */
  put({ key, lease, modRevision }: Stored): void {
    const expires = lease === 0n ? undefined : expiryOfLease(lease)
    this.#expiries.put({ key: this.#watched.keys.inside(key), expires, revision: modRevision })
  }

  /** A key was removed; false: that was reported before, or nobody saw it. */
  del({ key }: Stored): boolean {
    return this.#expiries.del(this.#watched.keys.inside(key))
  }

  /** An entry that was there when the watch began; false: nobody sees it any more. */
  found(kv: Stored): boolean {
    const entry = this.#expiring(kv)
    if (entry === undefined) return true
    const isGone = isIn(entry, this.#expired)
    this.#expiries.found(entry, isGone)
    return !isGone
  }

  /**
   * Finds the entries that expire of those that are there where the watch begins; settles when a page of them is known, the
   * others follow while changes are read. Throws `KV_WATCH_GAP` where a position needs them and they are compacted away.
   */
  async fill(): Promise<void> {
    if (!this.#needsAll && !(await this.#anyExpires())) return
    const { cluster, range, signal } = this.#watched
    const { revision, changes, next } = this.#position
    const at = changes === undefined ? revision : revision - 1
    const pages = entriesAt(cluster, range, { revision: at, keysOnly: true, signal })
    const pending: Expiring[] = []
    const page = async (): Promise<boolean> => {
      const { value } = await pages.next()
      for (const kv of value?.kvs ?? []) {
        const entry = this.#expiring(kv)
        if (entry !== undefined && next !== undefined && isIn(entry, next.expired) && !isIn(entry, this.#expired))
          pending.push(entry)
        else this.found(kv)
      }
      return value !== undefined && !value.isLast
    }
    this.#expiries.begin()
    try {
      let more = await page()
      while (more && this.#needsAll) more = await page()
      if (more) return void this.#fillOthers(page)
      this.#expiries.end(true)
    } catch (error) {
      const isLost = error instanceof KvError && error.code === 'KV_WATCH_GAP'
      if (!isLost || this.#needsAll) throw error
      this.#expiries.end(false)
    }
    if (next === undefined) return
    for (const [i, entry] of pending.entries()) this.#expiries.found(entry, i < next.reported)
    this.#batch = { last: next.expired, entries: pending, done: next.reported }
  }

  /**
   * Keys of entries that have expired, with what a position after each has to say; `undefined`: none has.
   * @param revision up to which every change is known
   */
  async next(revision: number): Promise<{ readonly key: Uint8Array; readonly mark: ExpiryMark }[] | undefined> {
    const now = this.#watched.now()
    if (this.#batch === undefined) {
      if (this.nextAt > now) return undefined
      const entries = this.#expiries.due(now)
      if (entries.length === 0) return undefined
      this.#batch = { last: { until: Math.floor(now / 1000), revision }, entries, done: 0 }
    }
    const batch = this.#batch
    const part = batch.entries.slice(batch.done, batch.done + this.#watched.maxTxnOps)
    const areOver = await this.#areOver(part)
    const reports: { key: Uint8Array; mark: ExpiryMark }[] = []
    for (const [i, entry] of part.entries()) {
      batch.done++
      this.#expiries.settle(entry, areOver[i]!)
      if (batch.done === batch.entries.length) {
        this.#batch = undefined
        this.#expired = batch.last
      }
      if (!areOver[i]) continue
      if (!this.#expiries.isComplete) this.#untold++
      reports.push({ key: Uint8Array.from(entry.key), mark: this.mark })
    }
    return reports
  }

  /**
   * Whether entries have come to their end. One that was put again in time, of which the change is still to come, has not; one that
   * was removed has, and that change is left out.
   */
  async #areOver(entries: readonly Expiring[]): Promise<boolean[]> {
    const { cluster, keys, signal } = this.#watched
    const success = entries.map(({ key }) => ({ range: { key: keys.outside(key), keysOnly: true } }))
    const { responses } = await patiently(() => cluster.call(METHODS.txn, { success }, { kind: 'read', signal }))
    return responses.map(({ range }, i) => {
      const [now] = range!.kvs
      const { revision } = entries[i]!
      return now === undefined || now.modRevision === revision || now.createRevision > revision
    })
  }

  async #fillOthers(page: () => Promise<boolean>): Promise<void> {
    try {
      while (await page());
      this.#expiries.end(true)
    } catch {
      // Those that are not known are reported when etcd removes them.
      this.#expiries.end(false)
    }
    this.#onNews()
  }

  /** Whether any entry of the cluster may have a lease of kv: then what is there need not be read. */
  async #anyExpires(): Promise<boolean> {
    const { cluster, signal } = this.#watched
    try {
      const { leases } = await cluster.call(METHODS.leaseLeases, {}, { kind: 'read', signal })
      return leases.some(({ id }) => expiryOfLease(id) !== undefined)
    } catch (error) {
      if (error instanceof KvError && error.code === 'KV_DENIED') return true
      throw error
    }
  }

  #expiring({ key, lease, modRevision }: Stored): Expiring | undefined {
    const expires = lease === 0n ? undefined : expiryOfLease(lease)
    return expires === undefined ? undefined : { key: this.#watched.keys.inside(key), expires, revision: modRevision }
  }
}
