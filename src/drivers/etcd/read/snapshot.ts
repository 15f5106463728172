import { monotonicMs } from '../../../async.ts'
import { KvError } from '../../../errors.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { EtcdRange } from '../keys.ts'
import { METHODS, type Step } from '../wire/messages.ts'
import { RANGE_PAGE, type RangePage } from '../wire/range-page.ts'
import { dropExpired, keyAt } from './page.ts'

/** How long a member may take for a page, in milliseconds: so long that a slow network does not fail, and another has its turn. */
const PAGE_TRY_MS = 5000

/** What is asked for of a range. */
export interface Wanted {
  /** At most so many entries. */
  readonly limit: number
  readonly keysOnly: boolean
}

/** The first entries of a range. */
export interface Part {
  /** Those of them that have not expired. */
  readonly page: RangePage
  /** How many there were with those. */
  readonly received: number
  /** Whether there are others after them. */
  readonly more: boolean
  /** Entries of the whole range, with those that have expired. */
  readonly total: number
  /** Keys of the cluster; `undefined` when there are none. */
  readonly firstKey: Uint8Array | undefined
  readonly lastKey: Uint8Array | undefined
  /** Bytes of the answer, and how long it took, in milliseconds. */
  readonly bytes: number
  readonly ms: number
  /** Whether fewer were asked for than was wanted, since these were too large for one answer. */
  readonly wereTooLarge: boolean
}

/** A part of a range in which there are entries. */
export interface Window extends EtcdRange {
  /** How many, with those that have expired. */
  readonly count: number
}

/** The cluster as it is when it is asked first, however often it is asked after that. */
export class Snapshot {
  readonly #cluster: Cluster
  readonly #now: number
  #revision = 0

  /** @param now when entries have expired that are not there, in milliseconds since 1970 */
  constructor(cluster: Cluster, now: number) {
    this.#cluster = cluster
    this.#now = now
  }

  /** The newest revision in it; 0 before the first answer. */
  get revision(): number {
    return this.#revision
  }

  /**
   * Asks for entries of a range; less than wanted when they are too large for one answer. Throws `KV_SNAPSHOT_LOST` once the
   * cluster has forgotten the moment, and what reads throw.
   */
  async ask(range: EtcdRange, wanted: Wanted, signal: AbortSignal | undefined): Promise<Part> {
    const request = { ...range, revision: this.#revision, limit: wanted.limit, keysOnly: wanted.keysOnly }
    for (let { limit } = request; ;) {
      const begin = monotonicMs()
      try {
        const tries = { kind: 'read', tryMs: PAGE_TRY_MS, signal } as const
        const page = await this.#cluster.call(RANGE_PAGE, { ...request, limit }, tries)
        return this.#part(page, monotonicMs() - begin, limit < wanted.limit)
      } catch (error) {
        if (!(error instanceof KvError && error.code === 'KV_TOO_LARGE') || limit === 1) throw error
        limit = Math.ceil(limit / 4)
      }
    }
  }

  /** Counts what lies between each two of these keys, of which the first is the first of a range. */
  async windows(cuts: readonly Uint8Array[], rangeEnd: Uint8Array, signal: AbortSignal | undefined): Promise<Window[]> {
    const ranges = cuts.map((key, i): EtcdRange => ({ key, rangeEnd: cuts[i + 1] ?? rangeEnd }))
    const success: Step[] = ranges.map((range) => ({
      range: { ...range, revision: this.#revision, limit: 1, keysOnly: true },
    }))
    const tries = { kind: 'read', tryMs: PAGE_TRY_MS, signal } as const
    const { responses } = await this.#cluster.call(METHODS.txn, { success }, tries)
    const windows: Window[] = []
    for (const [i, { range }] of responses.entries()) {
      const first = range!.kvs[0]
      if (first !== undefined) windows.push({ key: first.key, rangeEnd: ranges[i]!.rangeEnd, count: range!.count })
    }
    return windows
  }

  #part(page: RangePage, ms: number, wereTooLarge: boolean): Part {
    this.#revision ||= page.clusterRevision
    const { count: received, more, total, bytes } = page
    const firstKey = received === 0 ? undefined : keyAt(page, 0)
    const lastKey = received === 0 ? undefined : keyAt(page, received - 1)
    const sizes = { bytes: bytes.length, ms, wereTooLarge }
    return { page: dropExpired(page, this.#now), received, more, total, firstKey, lastKey, ...sizes }
  }
}
