import { checksum } from '../../../blocks/checksum.ts'
import { compareBytes, successor } from '../../../bytes.ts'
import type { Abortable, Changes, WatchQuery } from '../../../store/driver/driver.ts'
import { changesGone, watchGap } from '../../kit/log-position.ts'
import { Subscriptions } from '../../kit/subscriptions.ts'
import type { EtcdRange } from '../keys.ts'
import { METHODS } from '../wire/messages.ts'
import { isCompacted } from './entries-at.ts'
import { type Beginning, EtcdFeed } from './feed.ts'
import { type EtcdPosition, anotherCluster, parsePosition } from './position.ts'
import type { WatchedStore } from './watched-range.ts'

/** The watches of a store. */
export class Watches {
  readonly #store: WatchedStore
  readonly #subscriptions = new Subscriptions()

  constructor(store: WatchedStore) {
    this.#store = store
  }

  /** As `Driver.watch`. */
  async watch({ start, end, after }: WatchQuery, { signal }: Abortable = {}): Promise<Changes> {
    const isKey = start !== undefined && end !== undefined && compareBytes(end, successor(start)) === 0
    const range: EtcdRange = isKey
      ? { key: this.#store.keys.outside(start), rangeEnd: new Uint8Array() }
      : this.#store.keys.range({ start, end })
    const name = checksum(range.key, range.rangeEnd, undefined).toString(16).padStart(8, '0')
    const feed = new EtcdFeed(this.#store, { range, name }, await this.#beginning(range, name, after, signal))
    await feed.open(signal)
    return this.#subscriptions.add(feed, signal)
  }

  /** Ends all of them with `KV_CLOSED`. */
  close(): Promise<void> {
    return this.#subscriptions.close()
  }

  async #beginning(
    range: EtcdRange,
    name: string,
    after: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Beginning> {
    const position = after === undefined ? undefined : parsePosition(after)
    const now = this.#store.now()
    // Without the next line a member that is behind would report what others have seen already.
    const here = await this.#read(range, 0, signal)
    if (position === undefined) {
      const expired = { until: Math.floor(now / 1000), revision: here.revision }
      const { cluster, revision, changed } = here
      return { position: { cluster, revision, expired }, as: after === undefined ? 'new' : 'entries', changed }
    }
    if (position.cluster !== here.cluster || position.revision > here.revision) throw anotherCluster()
    const from = position.changes === undefined ? position.revision + 1 : position.revision
    if (from <= here.revision) await this.#read(range, from, signal)
    return { position: aboutKeys(position, name), as: 'resumed', changed: position.revision }
  }

  /** Whether a revision (0: the newest) is there, and when the first key changed last. Throws `KV_WATCH_GAP`. */
  async #read(
    { key }: EtcdRange,
    revision: number,
    signal: AbortSignal | undefined,
  ): Promise<Pick<EtcdPosition, 'cluster' | 'revision'> & { readonly changed: number | undefined }> {
    try {
      const request = { key, revision, keysOnly: true }
      const { header, kvs } = await this.#store.cluster.call(METHODS.range, request, { kind: 'read', signal })
      return {
        cluster: BigInt.asUintN(64, header!.clusterId).toString(16),
        revision: header!.revision,
        changed: kvs[0]?.modRevision,
      }
    } catch (error) {
      throw isCompacted(error) ? changesGone() : error
    }
  }
}

/** A position that a watch of other keys has given. */
function aboutKeys(position: EtcdPosition, name: string): EtcdPosition {
  if (position.keys === undefined || position.keys === name) return position
  if (position.changes !== undefined)
    throw watchGap('that position is in the middle of a write, and of a watch of other keys')
  const { cluster, revision } = position
  return { cluster, revision }
}
