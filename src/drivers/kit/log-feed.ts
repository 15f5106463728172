import { compareBytes } from '../../bytes.ts'
import type { RangeQuery, WatchQuery } from '../../store/driver/driver.ts'
import type { Change, Entry } from '../../store/driver/entry.ts'
import { BEGINNING } from '../../store/watch.ts'
import { type LogPosition, PARTIAL, changesGone, formatPosition } from './log-position.ts'
import type { Feed } from './subscriptions.ts'

/** Bytes of values in one page that is handed out. */
const PAGE_BYTES = 1 << 20

/** Changes that a log keeps at most, and their bytes, for those who may come for them. */
export const MAX_CHANGES = 100_000
export const MAX_BYTES = 64_000_000

/** A change as it stands in a log. */
export type LoggedChange =
  | ({
      readonly type: 'put'
      /** A long value may be read when it is asked for; throws `KV_WATCH_GAP` when it is no longer there. */
      readonly value: Uint8Array | (() => Uint8Array)
    } & Omit<Entry, 'value'>)
  | { readonly type: 'del'; readonly key: Uint8Array }

/** The changes of a store, numbered one after the other, kept for as long as a watch may want them. */
export interface ChangeLog {
  /** False while there is no store, and so no log. */
  readonly exists: boolean
  /** The entries of a range at one snapshot, in pages. `onBegin` is told where the log ended then, if there was one. */
  snapshot(
    query: RangeQuery,
    onBegin: (end: LogPosition | undefined) => void,
  ): AsyncGenerator<{ readonly entries: Entry[]; /** Nothing follows. */ readonly last: boolean }, void, void>
  /** A page of the changes after a position, not copied. Throws `KV_WATCH_GAP` when one of them is missing. */
  changesAfter(position: LogPosition): readonly LoggedChange[]
}

/** What one watch reads of a log: perhaps what is there, as puts, and then the changes from a position on. */
export class LogFeed implements Feed {
  readonly #log: ChangeLog
  readonly #query: WatchQuery
  #reached: LogPosition | undefined
  #snapshot: AsyncGenerator<Change[], void, void> | undefined
  /** Where the log stood when the snapshot was taken. */
  #snapshotAt: LogPosition | undefined
  #isPartial = false

  /** @param from where to begin; `undefined`: with what is there when it is first pulled */
  constructor(log: ChangeLog, query: WatchQuery, from: LogPosition | undefined) {
    this.#log = log
    this.#query = query
    this.#reached = from
  }

  get position(): string {
    if (this.#reached !== undefined) return formatPosition(this.#reached)
    return this.#isPartial ? PARTIAL : BEGINNING
  }

  /** The position after which the log must be kept for this watch; `undefined` while nothing has been read. */
  get neededAfter(): LogPosition | undefined {
    return this.#reached ?? this.#snapshotAt
  }

  async pull(): Promise<Change[] | undefined> {
    if (this.#reached !== undefined) return this.#changes(this.#reached)
    if (!this.#log.exists) return undefined
    const { value } = await (this.#snapshot ??= this.#entries()).next()
    this.#isPartial = true
    // Nobody comes back for the end of the snapshot.
    if (this.#reached !== undefined) await this.#snapshot.return()
    return value ?? []
  }

  async close(): Promise<void> {
    await this.#snapshot?.return()
  }

  /** What is there now, as puts; the last of them has the log's position. */
  async *#entries(): AsyncGenerator<Change[], void, void> {
    const { start, end } = this.#query
    const query = { start, end, reverse: false, limit: Infinity, keysOnly: false }
    for await (const { entries, last } of this.#log.snapshot(query, (at) => (this.#snapshotAt = at))) {
      if (last) this.#endSnapshot()
      yield entries.map((entry, i): Change => ({
        type: 'put',
        ...entry,
        position: last && i === entries.length - 1 ? this.position : PARTIAL,
      }))
    }
    this.#endSnapshot()
  }

  #endSnapshot(): void {
    if (this.#snapshotAt === undefined) throw changesGone()
    this.#reached ??= this.#snapshotAt
  }

  /** The next changes after a position, those of other keys left out. */
  #changes({ log, at }: LogPosition): Change[] | undefined {
    const { start, end } = this.#query
    const logged = this.#log.changesAfter({ log, at })
    if (logged.length === 0) return undefined
    const changes: Change[] = []
    let bytes = 0
    for (const change of logged) {
      at++
      if (start !== undefined && compareBytes(change.key, start) < 0) continue
      if (end !== undefined && compareBytes(change.key, end) >= 0) continue
      const key = new Uint8Array(change.key)
      const position = formatPosition({ log, at })
      if (change.type === 'del') changes.push({ type: 'del', key, position })
      else {
        const { revision, expires } = change
        const value = typeof change.value === 'function' ? change.value() : new Uint8Array(change.value)
        changes.push({ type: 'put', key, value, revision, expires, position })
        bytes += value.length
      }
      if (bytes >= PAGE_BYTES) break
    }
    this.#reached = { log, at }
    return changes
  }
}
