import type { Abortable, CheckOptions, CheckReport, Clock, RangeQuery, Stat } from '../../../store/driver/driver.ts'
import type { Entry } from '../../../store/driver/entry.ts'
import type { Usage, UsageProgress, UsageQuery } from '../../../store/driver/usage.ts'
import { type UsagePart, partsOf, usageOf } from '../../../store/folders/add-up.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { Keys } from '../keys.ts'
import type { Leases } from '../lease/leases.ts'
import type { RangePage } from '../wire/range-page.ts'
import { countOf } from './count.ts'
import { forwardPages } from './forward.ts'
import { askMembers, problemsOf } from './members.ts'
import { expiriesOf, keyAt, leasedIn } from './page.ts'
import { readAhead } from './read-ahead.ts'
import { reversePages } from './reverse.ts'
import { Snapshot } from './snapshot.ts'

/** Entries handed out at a time: of a larger page not all are objects at once. */
const AT_ONCE = 1024

/** Reads of ranges of one store. */
export class RangeReads {
  readonly #cluster: Cluster
  readonly #keys: Keys
  readonly #leases: Leases
  readonly #now: Clock
  readonly #maxTxnOps: number

  /** @param maxTxnOps ranges that one request may ask for */
  constructor(cluster: Cluster, keys: Keys, leases: Leases, now: Clock, maxTxnOps: number) {
    this.#cluster = cluster
    this.#keys = keys
    this.#leases = leases
    this.#now = now
    this.#maxTxnOps = maxTxnOps
  }

  async *range(query: RangeQuery, { signal }: Abortable = {}): AsyncGenerator<Entry[], void, void> {
    for await (const page of this.#pages(query, signal)) {
      const expiries = await expiriesOf(page, this.#leases.foreign, signal)
      for (let done = 0; done < page.count; done += AT_ONCE) {
        const count = Math.min(AT_ONCE, page.count - done)
        yield Array.from({ length: count }, (_, n) => {
          const i = query.reverse ? page.count - 1 - done - n : done + n
          return this.#entry(page, i, query.keysOnly, expiries?.[i])
        })
      }
    }
  }

  /** Without those that have expired. */
  count(query: RangeQuery, { signal }: Abortable = {}): Promise<number> {
    const source = { cluster: this.#cluster, leases: this.#leases, snapshot: this.#snapshot() }
    return countOf(source, this.#keys.range(query), query.limit, signal)
  }

  /** `false` when nothing in the cluster expires; else only reading the range tells. */
  async anyExpires({ signal }: Abortable = {}): Promise<false | undefined> {
    return (await this.#leases.anyThere({ signal })) ? undefined : false
  }

  usage(query: UsageQuery, options: UsageProgress = {}): AsyncIterable<Usage[]> {
    return usageOf(this.#usageParts(query, options), query, options)
  }

  /** Entries of this store; what the members say is about all that they hold. */
  async stat({ signal }: Abortable = {}): Promise<Stat> {
    const snapshot = this.#snapshot()
    const source = { cluster: this.#cluster, leases: this.#leases, snapshot }
    const entries = await countOf(source, this.#keys.range(EVERYTHING), Infinity, signal)
    let expiring = 0
    if (entries > 0 && (await this.#leases.anyThere({ signal })))
      for await (const page of this.#pages(EVERYTHING, signal)) expiring += leasedIn(page)
    const { revision } = snapshot
    const { sizeBytes, details } = await askMembers(this.#cluster, { key: this.#keys.outside(A_KEY), revision }, signal)
    return { entries, expiring, revision, sizeBytes, details }
  }

  /**
   * Reads every entry at one revision, and has the members compare what they hold. etcd shows no checksum of an entry, and checks
   * its own when it reads its file.
   */
  async check({ onProgress, quick = false, signal }: CheckOptions = {}): Promise<CheckReport> {
    const snapshot = this.#snapshot()
    let unchecked = 0
    const query = quick ? { ...EVERYTHING, limit: 1 } : { ...EVERYTHING, keysOnly: false }
    for await (const page of this.#pages(query, signal, snapshot)) {
      if (quick) continue
      unchecked += page.count
      onProgress?.(unchecked)
    }
    const problems = await problemsOf(this.#cluster, snapshot.revision, signal)
    return { checked: 0, unchecked, damagedKeys: [], problems }
  }

  /** The entries of a query that have not expired, at one revision: in pages, of which the first are the last of the range in a reverse one. */
  #pages(
    query: RangeQuery,
    signal: AbortSignal | undefined,
    snapshot = this.#snapshot(),
  ): AsyncGenerator<RangePage, void, void> {
    const range = this.#keys.range(query)
    return readAhead(
      (stopped) =>
        query.reverse
          ? reversePages(snapshot, range, query, this.#maxTxnOps, stopped)
          : forwardPages(snapshot, range, query, stopped),
      signal,
    )
  }

  async *#usageParts(
    { start, end, ...query }: UsageQuery,
    { signal }: UsageProgress,
  ): AsyncGenerator<UsagePart[], void, void> {
    const all = { start, end, reverse: false, limit: Infinity, keysOnly: false }
    const prefix = this.#keys.prefix.length
    for await (const page of this.#pages(all, signal)) {
      const sizes = Array.from({ length: page.count }, (_, i) => {
        const key = keyAt(page, i).subarray(prefix)
        // One that is told by itself may be kept long after the page.
        return [query.keys ? new Uint8Array(key) : key, key.length + page.valueLength[i]!] as const
      })
      yield partsOf(sizes, { start, end, ...query })
    }
  }

  #snapshot(): Snapshot {
    return new Snapshot(this.#cluster, this.#now())
  }

  #entry(page: RangePage, i: number, keysOnly: boolean, expires = Number.NaN): Entry {
    const { bytes, keyStart, keyLength, valueStart, valueLength, revision } = page
    const prefix = this.#keys.prefix.length
    const at = bytes.byteOffset
    return {
      key: new Uint8Array(bytes.buffer, at + keyStart[i]! + prefix, keyLength[i]! - prefix),
      value: keysOnly ? NO_VALUE : new Uint8Array(bytes.buffer, at + valueStart[i]!, valueLength[i]),
      revision: revision[i]!,
      expires: Number.isNaN(expires) ? undefined : expires,
    }
  }
}

const NO_VALUE = new Uint8Array()
const EVERYTHING: RangeQuery = { start: undefined, end: undefined, reverse: false, limit: Infinity, keysOnly: true }
/** Any: what it is about is the revision that it is asked at. */
const A_KEY = Uint8Array.of(0)
