import { untilAborted } from '../../../async.ts'
import { KvError, closedError } from '../../../errors.ts'
import type { Changes, Clock, RangeQuery, WatchQuery } from '../../../store/driver/driver.ts'
import { BEGINNING } from '../../../store/watch.ts'
import { type ChangeLog, LogFeed, type LoggedChange } from '../../kit/log-feed.ts'
import { type LogPosition, changesGone, parsePosition, watchGap } from '../../kit/log-position.ts'
import { Subscriptions } from '../../kit/subscriptions.ts'
import type { Connection } from '../file/connection.ts'
import { isBusy } from '../engine/result-codes.ts'
import { fileId } from '../locks/posix-locks.ts'
import { type Page, pages } from '../read/range.ts'
import type { SnapshotPool } from '../read/snapshot-pool.ts'
import type { StoreFile } from '../file/store-file.ts'
import { writeIfFree } from '../file/immediate.ts'
import { changingAt } from '../history/note-write.ts'
import { removeExpired } from '../file/schema.ts'
import { changesAfter, logEnd } from './change-log.ts'
import { Lease, RENEW_MS } from './lease.ts'

/** How often other processes' commits are looked for, in milliseconds: a look takes 10 µs. */
const POLL_MS = 25

/** How often expired entries are looked for, in milliseconds. */
const SWEEP_MS = 250

/**
 * All watches of one store in this process. They share a connection that polls for commits and reads the log, a page
 * once for all at the same position; no transaction stays open.
 */
export class WatchHub implements ChangeLog {
  readonly #file: StoreFile
  readonly #snapshots: SnapshotPool
  readonly #now: Clock
  readonly #watches = new Subscriptions<LogFeed>(() => this.#leaveIfUnwatched())
  readonly #lease = new Lease()
  #connection: Connection | undefined
  /** The log that is followed, and where it stood when it was joined. */
  #log: LogPosition | undefined
  /** Joining and leaving the log, one after the other. */
  #work: Promise<unknown> = Promise.resolve()
  /** Watches that are being established. */
  #starting = 0
  #dataVersion = -1
  #sweptAt = 0
  #isJoiningNewFile = false
  #isClosed = false
  /** The changes read last. */
  #page: { readonly after: LogPosition; readonly changes: readonly LoggedChange[] } | undefined

  constructor(file: StoreFile, snapshots: SnapshotPool, now: Clock) {
    this.#file = file
    this.#snapshots = snapshots
    this.#now = now
  }

  /** A watch, see the driver. */
  async watch(query: WatchQuery, signal: AbortSignal | undefined): Promise<Changes> {
    const after = query.after === undefined ? undefined : parsePosition(query.after)
    this.#starting++
    try {
      const end = await untilAborted(this.#join(), signal).catch((error: unknown) => {
        throw this.#isClosed ? closedError() : error
      })
      if (this.#isClosed) throw closedError()
      // A store that is not there yet has no log, and no position but the beginning.
      const from = query.after === BEGINNING ? undefined : (after ?? end)
      if (from !== undefined) this.changesAfter(from)
      // Others must hear at once of one that begins far behind.
      if (from !== undefined && end !== undefined && from.at < end.at) this.#lease.makeDue()
      this.#watches.repeat(this.#tick, POLL_MS)
      return this.#watches.add(new LogFeed(this, query, from), signal, query.resumable)
    } finally {
      this.#starting--
      if (this.#watches.size === 0) void this.#leaveIfUnwatched()
    }
  }

  /** This process has committed. */
  committed(): void {
    if (this.#watches.size > 0) this.#wake()
  }

  /** Ends every watch. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#watches.close()
    await this.#leaveIfUnwatched()
  }

  get exists(): boolean {
    return this.#connection !== undefined && this.#log !== undefined
  }

  snapshot(query: RangeQuery, onBegin: (end: LogPosition | undefined) => void): AsyncGenerator<Page, void, void> {
    const now = this.#now()
    return this.#snapshots.items(function* (connection) {
      onBegin(logEnd(connection))
      yield* pages(connection, query, now)
    })
  }

  changesAfter(after: LogPosition): readonly LoggedChange[] {
    const connection = this.#connection
    if (connection === undefined || this.#log === undefined) throw changesGone()
    const known = this.#page
    if (known?.after.log === after.log && known.after.at === after.at) return known.changes
    const changes = connection.read(() => changesAfter(connection, after))
    this.#page = { after, changes }
    return changes
  }

  /** Sees to it that changes are logged; `undefined` while there is no file. */
  #join(): Promise<LogPosition | undefined> {
    return this.#exclusive(async () => {
      const { path, options } = this.#file
      if (this.#connection?.isReplaced === true) this.#disconnect()
      const connection = (this.#connection ??= this.#open())
      if (connection === undefined) return undefined
      try {
        // Perhaps another watch of this process has done it a moment ago.
        const end =
          (this.#lease.isFresh ? logEnd(connection) : undefined) ??
          (await this.#lease.acquire(connection, options.lockTimeoutMs, this.#neededAfter, () => this.#isUnwatched))
        const isNew = end.log !== this.#log?.log
        this.#log = end
        if (isNew) {
          this.#lease.forgetLog()
          // Whoever follows another log has a gap, and is to hear of it.
          this.#wake()
        }
        return end
      } catch (error) {
        const translated = this.#file.translateError(error)
        throw translated.code === 'KV_READ_ONLY' ? cannotBeWatched(path, translated) : translated
      }
    })
  }

  #open(): Connection | undefined {
    const connection = this.#file.anotherForWatching()
    if (connection?.isReadOnly !== true) return connection
    connection.close()
    throw cannotBeWatched(this.#file.path)
  }

  get #isUnwatched(): boolean {
    return this.#isClosed || (this.#starting === 0 && this.#watches.size === 0)
  }

  /** After which position of the log the slowest watch of this process needs it; `undefined`: none needs anything. */
  readonly #neededAfter = (): LogPosition | undefined => {
    const positions = [...this.#watches.feeds].flatMap(({ neededAfter }) =>
      neededAfter === undefined || neededAfter.log !== this.#log?.log ? [] : [neededAfter],
    )
    return positions.sort((a, b) => a.at - b.at)[0]
  }

  #wake(): void {
    this.#page = undefined
    this.#watches.wake()
  }

  readonly #tick = (): void => {
    try {
      const isKept = this.exists && Date.now() < this.#watches.resumableUntil
      if (this.#isUnwatched && !isKept) return void this.#leaveIfUnwatched()
      // Without a log it is being begun, or will be.
      if (this.#connection === undefined || this.#log === undefined) return this.#lookForFile()
      if (this.#connection.isReplaced) {
        if (this.#goesOn()) return
        const { path } = this.#file
        void this.#watches.fail(watchGap(`${path} was removed, or another file was put in its place`))
        return this.#disconnect()
      }
      this.#lookForCommits(this.#connection)
      const until = this.#watches.size > 0 ? undefined : this.#watches.resumableUntil
      this.#lease.keep(this.#connection, this.#neededAfter, until)
      this.#sweep(this.#connection)
    } catch (error) {
      if (!isBusy(error)) void this.#watches.fail(this.#file.translateError(error))
    }
  }

  /** Goes on with the file that has the name now, if it has the same log: the store was only written anew. */
  #goesOn(): boolean {
    const next = this.#file.anotherForWatching()
    if (next === undefined) return false
    if (logEnd(next)?.log !== this.#log?.log) {
      next.close()
      return false
    }
    const before = this.#connection
    this.#connection = next
    this.#dataVersion = -1
    this.#wake()
    before?.close()
    return true
  }

  #lookForFile(): void {
    if (this.#isJoiningNewFile || fileId(this.#file.path) === undefined) return
    this.#isJoiningNewFile = true
    this.#join()
      .then(
        () => this.#wake(),
        (error: unknown) => this.#watches.fail(error),
      )
      .finally(() => (this.#isJoiningNewFile = false))
  }

  #lookForCommits(connection: Connection): void {
    const [version] = connection.statement('pragma data_version').get() as [number]
    if (version === this.#dataVersion) return
    this.#dataVersion = version
    this.#wake()
  }

  /** Removes what has expired, if the lock is free. */
  #sweep(connection: Connection): void {
    const time = Date.now()
    if (Math.abs(time - this.#sweptAt) < SWEEP_MS) return
    this.#sweptAt = time
    const now = this.#now()
    if (connection.statement('select 1 from kv where expires <= ? limit 1').get(now) === undefined) return
    const sweep = (): void => changingAt(connection, now, () => removeExpired(connection, now))
    if (writeIfFree(connection, sweep)) this.#wake()
  }

  /** After the last watch: leaves the log, or keeps it for those that go on. */
  #leaveIfUnwatched(): Promise<void> {
    return this.#exclusive(async () => {
      if (!this.#isUnwatched) return
      const { resumableUntil } = this.#watches
      const connection = this.#connection
      if (connection !== undefined && !this.#isClosed && Date.now() < resumableUntil) {
        this.#lease.makeDue()
        this.#watches.repeat(this.#tick, RENEW_MS)
        return this.#tick()
      }
      this.#watches.stopRepeating()
      if (connection === undefined) return
      try {
        await this.#lease.release(connection, resumableUntil)
      } catch {
        // The lock is not to be had, or the file is broken or gone: the next to write takes an old log away.
      }
      connection.checkpoint()
      this.#disconnect()
    })
  }

  #disconnect(): void {
    this.#connection?.close()
    this.#connection = this.#log = this.#page = undefined
    this.#lease.forgetLog()
    this.#lease.makeDue()
    this.#dataVersion = -1
  }

  #exclusive<T>(step: () => Promise<T>): Promise<T> {
    const result = this.#work.then(step)
    this.#work = result.catch(() => {})
    return result
  }
}

function cannotBeWatched(path: string, cause?: unknown): KvError {
  return new KvError(
    'KV_NOT_SUPPORTED',
    `${path} cannot be watched: a watch keeps a log in the file, which cannot be written`,
    { cause },
  )
}
