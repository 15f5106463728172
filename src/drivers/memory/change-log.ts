import type { Changes, RangeQuery, WatchQuery } from '../../store/driver/driver.ts'
import type { Entry } from '../../store/driver/entry.ts'
import { type ChangeLog, LogFeed, type LoggedChange, MAX_BYTES, MAX_CHANGES } from '../kit/log-feed.ts'
import { type LogPosition, changesGone, newLogName, parsePosition } from '../kit/log-position.ts'
import { Subscriptions } from '../kit/subscriptions.ts'

/** Changes of one page. */
const PAGE = 1000

/** How often expired entries are looked for while somebody watches, in milliseconds. */
const SWEEP_MS = 250

/** A change with its value at hand. */
export type MemoryChange = LoggedChange & { readonly value?: Uint8Array }

/** What the log needs of the store it is about. */
export interface WatchedStore {
  range(query: RangeQuery): AsyncGenerator<Entry[], void, void>
  count(query: RangeQuery): number
  /** Removes what has expired, and records it. */
  sweep(): void
}

/** The changes of a store in memory, kept while somebody watches and, if asked for, a minute longer. */
export class MemoryLog implements ChangeLog {
  readonly exists = true
  readonly #store: WatchedStore
  readonly #watches: Subscriptions<LogFeed> = new Subscriptions(() => this.#watches.stopRepeating())
  #name = newLogName()
  #changes: MemoryChange[] = []
  /** Changes that were dropped before the first one kept. */
  #dropped = 0
  #bytes = 0

  constructor(store: WatchedStore) {
    this.#store = store
  }

  /** Notes a change, if anybody wants to know. */
  record(change: MemoryChange): void {
    if (this.#watches.size === 0 && Date.now() >= this.#watches.resumableUntil) return this.#forget()
    this.#changes.push(change)
    this.#bytes += sizeOf(change)
    // A share at a time, since what is behind it moves up.
    if (this.#changes.length > MAX_CHANGES * 1.1 || this.#bytes > MAX_BYTES * 1.1) this.#trim()
    this.#watches.wake()
  }

  /** A watch, see the driver. */
  watch(query: WatchQuery, signal: AbortSignal | undefined): Changes {
    const from = query.after === undefined ? this.#end : parsePosition(query.after)
    if (from !== undefined) this.#indexOf(from)
    if (this.#watches.size === 0) this.#watches.repeat(() => this.#store.sweep(), SWEEP_MS)
    return this.#watches.add(new LogFeed(this, query, from), signal, query.resumable)
  }

  /** Ends every watch. */
  async close(): Promise<void> {
    await this.#watches.close()
    this.#forget()
  }

  async *snapshot(
    query: RangeQuery,
    onBegin: (end: LogPosition) => void,
  ): AsyncGenerator<{ entries: Entry[]; last: boolean }, void, void> {
    onBegin(this.#end)
    let left = this.#store.count(query)
    for await (const entries of this.#store.range(query)) {
      left -= entries.length
      yield { entries, last: left === 0 }
    }
  }

  changesAfter(position: LogPosition): readonly LoggedChange[] {
    const index = this.#indexOf(position)
    return this.#changes.slice(index, index + PAGE)
  }

  get #end(): LogPosition {
    return { log: this.#name, at: this.#dropped + this.#changes.length }
  }

  /** Where the changes after a position begin. Throws `KV_WATCH_GAP` when some of them are not there. */
  #indexOf({ log, at }: LogPosition): number {
    if (log !== this.#name || at < this.#dropped || at > this.#end.at) throw changesGone()
    return at - this.#dropped
  }

  #trim(): void {
    let count = 0
    while (this.#changes.length - count > MAX_CHANGES || this.#bytes > MAX_BYTES)
      this.#bytes -= sizeOf(this.#changes[count++]!)
    this.#changes.splice(0, count)
    this.#dropped += count
  }

  /** Whoever comes with an older position has missed something. */
  #forget(): void {
    if (this.#end.at === 0) return
    this.#name = newLogName()
    this.#changes = []
    this.#dropped = this.#bytes = 0
  }
}

function sizeOf({ key, value }: MemoryChange): number {
  return key.length + (value?.length ?? 0)
}
