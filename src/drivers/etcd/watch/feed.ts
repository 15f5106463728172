import { monotonicMs, pause } from '../../../async.ts'
import { interrupted } from '../../../errors.ts'
import type { Change, Entry } from '../../../store/driver/entry.ts'
import { BEGINNING } from '../../../store/watch.ts'
import { PARTIAL, changesGone } from '../../kit/log-position.ts'
import type { Feed } from '../../kit/subscriptions.ts'
import { CallError, isTooLong } from '../cluster/transport.ts'
import { DELETED, type Stored } from '../wire/messages.ts'
import { type Page, entriesAt } from './entries-at.ts'
import { type ExpiryMark, ExpiryReports } from './expiry-reports.ts'
import { patiently } from './patience.ts'
import { type EtcdPosition, formatPosition } from './position.ts'
import { Progress } from './progress.ts'
import { type WatchMessage, WatchStream } from './stream.ts'
import type { WatchedRange, WatchedStore } from './watched-range.ts'

/** Between the loss of a member and the next, in milliseconds. */
const PAUSE_MS = 50

/** How often it is looked whether an entry has expired, in milliseconds: the clock may be set meanwhile. */
const LOOK_MS = 1000

/** How long nothing has changed when it is found out up to where, at first and at most, in milliseconds. */
const FIRST_QUIET_MS = 500
const LAST_QUIET_MS = 60_000

/** Where a watch begins. */
export interface Beginning {
  readonly position: EtcdPosition
  /** With what is there at that position, as puts; with the changes after it, as a new watch, or as one that goes on. */
  readonly as: 'entries' | 'new' | 'resumed'
  /** A revision up to there with which the watched keys may have changed, where one is known. */
  readonly changed?: number | undefined
}

/** What one watch reads: perhaps what is there, and then the changes of the cluster, from whichever member is there. */
export class EtcdFeed implements Feed {
  readonly #watched: WatchedRange
  readonly #cluster: string
  readonly #closed = new AbortController()
  readonly #progress: Progress
  readonly #expiries: ExpiryReports
  /** What is there, until all of it was handed out. */
  #entries: AsyncGenerator<Page, void, void> | undefined
  #hasBegun = false
  #stream: WatchStream | undefined
  #quiet = new Quiet()
  #isReleased = false
  /** The next message of etcd is too long to come whole. */
  #hasTooLong = false
  #wake: (() => void) | undefined

  constructor(
    store: WatchedStore,
    { range, name }: Pick<WatchedRange, 'range' | 'name'>,
    { position, as, changed }: Beginning,
  ) {
    const { signal } = this.#closed
    this.#watched = { ...store, range, name, signal }
    this.#cluster = position.cluster
    this.#progress = new Progress(position.revision, position.changes, changed)
    this.#expiries = new ExpiryReports(this.#watched, position, as !== 'resumed', () => this.#wake?.())
    if (as === 'entries')
      this.#entries = entriesAt(store.cluster, range, { revision: position.revision, keysOnly: false, signal })
  }

  get position(): string {
    if (this.#entries !== undefined) return this.#hasBegun ? PARTIAL : BEGINNING
    return this.#positionAfter(this.#expiries.mark)
  }

  /** Settles when the watch stands. Throws `KV_WATCH_GAP`, and as calls of the cluster do. */
  async open(signal: AbortSignal | undefined): Promise<void> {
    if (this.#entries !== undefined) return
    const onAbort = (): void => this.close()
    signal?.addEventListener('abort', onAbort)
    try {
      await Promise.all([this.#connect(), this.#expiries.fill()])
    } catch (error) {
      this.close()
      throw signal?.aborted === true ? interrupted(signal) : error
    } finally {
      signal?.removeEventListener('abort', onAbort)
    }
  }

  async pull(): Promise<Change[] | undefined> {
    while (!this.#closed.signal.aborted) {
      if (this.#entries !== undefined) return this.#nextEntries(this.#entries)
      if (this.#progress.begun === undefined) {
        const expired = await this.#expiries.next(this.#progress.revision)
        if (expired !== undefined)
          return expired.map(({ key, mark }) => ({ type: 'del', key, position: this.#positionAfter(mark) }))
      }
      try {
        const message = (this.#stream ?? (await patiently(() => this.#connect()))).take()
        if (message !== undefined) return await this.#changesOf(message)
        await this.#news()
      } catch (error) {
        if (!(error instanceof CallError)) throw error
        await this.#leave(error)
      }
    }
    return undefined
  }

  unref(): void {
    this.#isReleased = true
    this.#stream?.unref()
  }

  close(): void {
    this.#closed.abort()
    this.#stream?.close()
    this.#wake?.()
  }

  async #connect(): Promise<WatchStream> {
    const { cluster, range, signal } = this.#watched
    const begin = {
      range,
      from: this.#progress.restart(),
      fragment: this.#hasTooLong,
    }
    const stream = await cluster.with(
      (member, options) => WatchStream.open(member, options, begin, () => this.#wake?.()),
      { kind: 'read', signal },
    )
    if (this.#isReleased) stream.unref()
    this.#stream = stream
    this.#hasTooLong = false
    if (signal.aborted) stream.close()
    return stream
  }

  /** Goes on with another stream. */
  async #leave(error: CallError): Promise<void> {
    this.#hasTooLong = isTooLong(error)
    this.#stream?.close()
    if (this.#stream !== undefined && !this.#hasTooLong) this.#watched.cluster.leave(this.#stream.member)
    this.#stream = undefined
    if (!this.#hasTooLong) await pause(PAUSE_MS, this.#closed.signal)
  }

  /** Settles when something has come, or an entry may have expired. */
  #news(): Promise<void> {
    return new Promise((resolve) => {
      const ms = this.#expiries.nextAt - this.#watched.now()
      const timer = ms === Infinity ? undefined : setTimeout(() => this.#wake!(), Math.max(1, Math.min(ms, LOOK_MS)))
      timer?.unref()
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  async #nextEntries(pages: AsyncGenerator<Page, void, void>): Promise<Change[]> {
    const { value: page } = await pages.next()
    const puts: Entry[] = []
    for (const kv of page!.kvs) {
      this.#progress.changedAt(kv.modRevision)
      if (this.#expiries.found(kv)) puts.push(await this.#entryOf(kv))
    }
    this.#hasBegun = true
    if (page!.isLast) this.#entries = undefined
    return puts.map((entry, i) => {
      const position = i === puts.length - 1 ? this.position : PARTIAL
      return { type: 'put', ...entry, position }
    })
  }

  async #changesOf({ events, fragment, compactRevision, header, watchId }: WatchMessage): Promise<Change[]> {
    if (compactRevision !== 0) {
      if (!this.#progress.forgetKnown()) throw changesGone()
      this.#reopen()
      return []
    }
    if (events.length === 0) {
      this.#told(header!.revision, watchId)
      return []
    }
    this.#progress.message(
      header!.revision,
      events.map(({ kv }) => kv!.modRevision),
      !fragment,
    )
    const changes: Change[] = []
    for (const [i, { type, kv }] of events.entries()) {
      const { modRevision } = kv!
      const isNew = this.#progress.change(modRevision)
      const isLast = i + 1 < events.length ? events[i + 1]!.kv!.modRevision > modRevision : !fragment
      if (isLast) this.#progress.endOf(modRevision)
      if (!isNew) continue
      if (type === DELETED) {
        const key = this.#watched.keys.inside(kv!.key)
        if (this.#expiries.del(kv!)) changes.push({ type: 'del', key, position: this.position })
      } else {
        this.#expiries.put(kv!)
        changes.push({ type: 'put', ...(await this.#entryOf(kv!)), position: this.position })
      }
    }
    if (changes.length > 0) this.#quiet = new Quiet()
    return changes
  }

  /** A member says how far it is: of itself, when all changes were sent, or because it was asked. */
  #told(revision: number, watchId: number): void {
    if (watchId >= 0 || this.#stream!.answersInOrder) this.#progress.caughtUp(revision)
    else if (revision > this.#progress.revision && this.#progress.canCatchUp && this.#quiet.isDue) this.#reopen()
  }

  /** Goes on with another stream to the same member. */
  #reopen(): void {
    this.#stream?.close()
    this.#stream = undefined
  }

  async #entryOf({ key, value, modRevision, lease }: Stored): Promise<Entry> {
    const { keys, leases, signal } = this.#watched
    const expires = lease === 0n ? undefined : await leases.expiryOf(lease, signal)
    return { key: keys.inside(key), value, revision: modRevision, expires }
  }

  #positionAfter(mark: ExpiryMark): string {
    const { revision, changes } = this.#progress.begun ?? { revision: this.#progress.revision, changes: undefined }
    const isOfKeys = changes !== undefined || mark.expired !== undefined
    const keys = isOfKeys ? this.#watched.name : undefined
    return formatPosition({ cluster: this.#cluster, revision, changes, ...mark, keys })
  }
}

/** While nothing changes, it is found out more and more seldom up to where. */
class Quiet {
  #ms = FIRST_QUIET_MS
  #since = monotonicMs()

  /** True after a second, two more, four more, and so on. */
  get isDue(): boolean {
    const now = monotonicMs()
    if (now - this.#since < this.#ms) return false
    this.#since = now
    this.#ms = Math.min(this.#ms * 2, LAST_QUIET_MS)
    return true
  }
}
