import { KvError } from '../../../errors.ts'
import type { Abortable, CheckOptions, CheckReport, Clock, RangeQuery, Stat } from '../../../store/driver/driver.ts'
import type { Entry } from '../../../store/driver/entry.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { Keys } from '../keys.ts'
import type { Leases } from '../lease/leases.ts'
import { METHODS } from '../wire/messages.ts'
import type { RangePage } from '../wire/range-page.ts'
import { forwardPages } from './forward.ts'
import { expiriesOf } from './page.ts'
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

  async count(query: RangeQuery, { signal }: Abortable = {}): Promise<number> {
    const range = { ...this.#keys.range(query), countOnly: true }
    const { count } = await this.#cluster.call(METHODS.range, range, { kind: 'read', signal })
    return Math.min(count, query.limit)
  }

  async stat({ signal }: Abortable = {}): Promise<Stat> {
    const everything = { start: undefined, end: undefined, reverse: false, limit: Infinity, keysOnly: true }
    const range = { ...this.#keys.range(everything), countOnly: true }
    const { header, count } = await this.#cluster.call(METHODS.range, range, { kind: 'read', signal })
    return { entries: count, expiring: 0, revision: header!.revision, sizeBytes: 0, details: {} }
  }

  async check(_options: CheckOptions = {}): Promise<CheckReport> {
    throw new KvError('KV_NOT_SUPPORTED', 'etcd checks its own files')
  }

  /** The entries of a query that have not expired, at one revision: in pages, of which the first are the last of the range in a reverse one. */
  #pages(query: RangeQuery, signal: AbortSignal | undefined): AsyncGenerator<RangePage, void, void> {
    const range = this.#keys.range(query)
    const snapshot = new Snapshot(this.#cluster, this.#now())
    return readAhead(
      (stopped) =>
        query.reverse
          ? reversePages(snapshot, range, query, this.#maxTxnOps, stopped)
          : forwardPages(snapshot, range, query, stopped),
      signal,
    )
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
