import { compareBytes } from '../../bytes.ts'
import { KvError } from '../../errors.ts'
import type { Changes, RangeQuery, WatchQuery } from '../../store/driver.ts'
import type { Change, Entry } from '../../store/entry.ts'
import { BEGINNING, PARTIAL, changesGone, formatPosition, newLogName, parsePosition } from '../kit/log-position.ts'
import { type Feed, Subscription, holdProcess } from '../kit/subscription.ts'

/** What happened, before it has a place in the log. */
export type Happening =
  | Omit<Extract<Change, { type: 'put' }>, 'position'>
  | Omit<Extract<Change, { type: 'del' }>, 'position'>

/** Changes kept at most, and their bytes: a watch that is further behind has a gap. */
const MAX_CHANGES = 100_000
const MAX_BYTES = 64_000_000

/** Changes of one page. */
const PAGE = 1000

/** How long changes are kept for a watch that goes on, in milliseconds. */
const RESUME_MS = 60_000

/** How often expired entries are looked for while somebody watches, in milliseconds. */
const SWEEP_MS = 250

/** What the log needs of the store it is about. */
export interface Watched {
  range(query: RangeQuery): AsyncGenerator<Entry[], void, void>
  /** Removes what has expired, and records it. */
  sweep(): void
}

/** The changes of a store in memory, kept while somebody watches and, if asked for, a minute longer. */
export class ChangeLog {
  readonly #store: Watched
  readonly #subscriptions = new Set<Subscription>()
  #name = newLogName()
  #changes: Happening[] = []
  /** Changes that were dropped before the first one kept. */
  #dropped = 0
  #bytes = 0
  #keptUntil = 0
  #sweeper: NodeJS.Timeout | undefined

  constructor(store: Watched) {
    this.#store = store
  }

  /** Notes what happens, if anybody wants to know. */
  record(happening: Happening): void {
    if (this.#subscriptions.size === 0 && Date.now() >= this.#keptUntil) return this.#forget()
    this.#changes.push(happening)
    this.#bytes += sizeOf(happening)
    // A share at a time, since what is behind it moves up.
    if (this.#changes.length > MAX_CHANGES * 1.1 || this.#bytes > MAX_BYTES * 1.1) this.#trim()
    for (const subscription of this.#subscriptions) subscription.wake()
  }

  /** A watch, see the driver. */
  watch(query: WatchQuery, signal: AbortSignal | undefined): Changes {
    const feed = this.#feed(query, async () => {
      this.#subscriptions.delete(subscription)
      hold()
      if (query.resumable) this.#keptUntil = Date.now() + RESUME_MS
      if (this.#subscriptions.size === 0) this.#stopSweeping()
    })
    const hold = (): void => holdProcess(this.#sweeper, this.#subscriptions)
    const subscription = new Subscription(feed, signal, hold)
    this.#subscriptions.add(subscription)
    this.#sweeper ??= setInterval(() => this.#store.sweep(), SWEEP_MS)
    hold()
    return subscription
  }

  /** Ends every watch. */
  async close(): Promise<void> {
    const closed = [...this.#subscriptions].map((subscription) =>
      subscription.fail(new KvError('KV_CLOSED', 'the store is closed')),
    )
    await Promise.all(closed)
    this.#forget()
  }

  #feed(query: WatchQuery, release: () => Promise<void>): Feed {
    const from = query.after === undefined ? { log: this.#name, at: this.#end } : parsePosition(query.after)
    if (from !== undefined) this.#check(from)
    let at = from?.at
    const log = this.#name
    let everything: AsyncGenerator<Change[], void, void> | undefined
    let hasBegun = false
    const first = async (): Promise<Change[]> => {
      everything ??= this.#everything(query, log, (end) => (at = end))
      const { value } = await everything.next()
      hasBegun = true
      return value ?? []
    }
    return {
      get position() {
        return at === undefined ? (hasBegun ? PARTIAL : BEGINNING) : formatPosition({ log, at })
      },
      pull: () => (at === undefined ? first() : this.#page(query, log, at, (to) => (at = to))),
      async release() {
        await everything?.return()
        await release()
      },
    }
  }

  get #end(): number {
    return this.#dropped + this.#changes.length
  }

  #check({ log, at }: { log: string; at: number }): void {
    if (log !== this.#name || at < this.#dropped || at > this.#end) throw changesGone()
  }

  /** What is there now, as puts; with the last of them tells how many changes came before. */
  async *#everything(
    { start, end }: WatchQuery,
    log: string,
    reached: (at: number) => void,
  ): AsyncGenerator<Change[], void, void> {
    const at = this.#end
    let page: Entry[] = []
    for await (const next of this.#store.range({ start, end, reverse: false, limit: Infinity, keysOnly: false })) {
      if (page.length > 0) yield page.map((entry): Change => ({ type: 'put', ...entry, position: PARTIAL }))
      page = next
    }
    reached(at)
    const position = formatPosition({ log, at })
    yield page.map((entry, i): Change => ({
      type: 'put',
      ...entry,
      position: i === page.length - 1 ? position : PARTIAL,
    }))
  }

  #page({ start, end }: WatchQuery, log: string, at: number, reached: (at: number) => void): Change[] | undefined {
    this.#check({ log, at })
    if (at === this.#end) return undefined
    const to = Math.min(this.#end, at + PAGE)
    const changes: Change[] = []
    for (let i = at; i < to; i++) {
      const happening = this.#changes[i - this.#dropped]!
      const { key } = happening
      if ((start !== undefined && compareBytes(key, start) < 0) || (end !== undefined && compareBytes(key, end) >= 0))
        continue
      const own = { key: new Uint8Array(key), position: formatPosition({ log, at: i + 1 }) }
      changes.push(
        happening.type === 'del'
          ? { type: 'del', ...own }
          : { ...happening, ...own, value: new Uint8Array(happening.value) },
      )
    }
    reached(to)
    return changes
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
    this.#stopSweeping()
    if (this.#end === 0) return
    this.#name = newLogName()
    this.#changes = []
    this.#dropped = this.#bytes = 0
  }

  #stopSweeping(): void {
    clearInterval(this.#sweeper)
    this.#sweeper = undefined
  }
}

function sizeOf(happening: Happening): number {
  return happening.key.length + (happening.type === 'put' ? happening.value.length : 0)
}
