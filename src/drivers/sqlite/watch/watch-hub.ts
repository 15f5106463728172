import { KvError, interrupted } from '../../../errors.ts'
import type { Changes, Clock, WatchQuery } from '../../../store/driver.ts'
import { BEGINNING, changesGone, newLogName, parsePosition, watchGap } from '../../kit/log-position.ts'
import { Subscription, holdProcess } from '../../kit/subscription.ts'
import {
  type LogEnd,
  type LoggedChange,
  bytesAfter,
  changesAfter,
  hasLog,
  joinLog,
  leaveLog,
  logEnd,
  neededAfter,
  renew,
  trimLog,
} from './change-log.ts'
import type { Connection as Database } from '../file/connection.ts'
import { isBusy } from '../engine/result-codes.ts'
import { writeIfFree, writeWhenFree } from '../file/immediate.ts'
import { fileId } from '../locks/posix-locks.ts'
import type { Page } from '../read/range.ts'
import { RESUME_MS, Retention } from './retention.ts'
import { LogFeed, type LogSource } from './watch-feed.ts'

/** How often other processes' commits are looked for, in milliseconds: a look takes 10 µs. */
const POLL_MS = 25

/** How often a watcher says that it lives, and for how long that holds, in milliseconds. */
const RENEW_MS = 10_000
const LIFE_MS = 60_000

/** How often expired entries are looked for, in milliseconds, and how many go at once. */
const SWEEP_MS = 250
const SWEEP_ROWS = 1000

/**
 * How long the end of a watch waits for another process's lock, in milliseconds; whoever writes next tidies up
 * otherwise.
 */
const LEAVE_MS = 500

/** What watches need of the store they are about. */
export interface Watched {
  readonly path: string
  readonly lockTimeoutMs: number
  readonly now: Clock
  /** A new connection for watching, or `undefined` while there is no file. */
  open(): Database | undefined
  /** The pages of a range at one snapshot, on which `first` is called before. */
  everything(
    query: Pick<WatchQuery, 'start' | 'end'>,
    first: (database: Database) => void,
  ): AsyncGenerator<Page, void, void>
  /** What the user is told of an error of the engine. */
  told(error: unknown): KvError
}

/**
 * All watches of one store in this process. They share a connection, on which commits are looked for
 * and the log is read, a page once for all who are equally far; no transaction is held between two looks.
 */
export class Watches {
  readonly #store: Watched
  readonly #id = newLogName()
  readonly #subscriptions = new Map<Subscription, LogFeed>()
  readonly #source: LogSource
  #database: Database | undefined
  #log: LogEnd | undefined
  #retention = new Retention()
  /** Changes up to here are to go; 0: none. */
  #trimTo = 0
  /** Joining and leaving the log, one after the other. */
  #work: Promise<unknown> = Promise.resolve()
  /** Watches that are being established. */
  #coming = 0
  #timer: NodeJS.Timeout | undefined
  #dataVersion = -1
  #renewed = 0
  #swept = 0
  /** Until when changes are kept for a watch that goes on. */
  #keptUntil = 0
  #appearing = false
  #closed = false
  /** Grows with every commit noticed; a page read before is as good as new until then. */
  #generation = 0
  #page:
    | {
        readonly generation: number
        readonly log: string
        readonly after: number
        readonly changes: readonly LoggedChange[]
      }
    | undefined

  constructor(store: Watched) {
    this.#store = store
    this.#source = {
      database: () => (this.#log === undefined ? undefined : this.#database),
      everything: (query, first) => store.everything(query, first),
      read: (database, log, after) => this.#read(database, log, after),
    }
  }

  /** A watch, see the driver. */
  async watch(query: WatchQuery, signal: AbortSignal | undefined): Promise<Changes> {
    const after = query.after === undefined ? undefined : parsePosition(query.after)
    this.#coming++
    try {
      const log = await abortable(this.#join(), signal).catch((error: unknown) => {
        throw this.#closed ? closedError() : error
      })
      if (this.#closed) throw closedError()
      // A store that is not there yet has no log, and no position but the beginning.
      if (log === undefined && after !== undefined) throw changesGone()
      const from = log === undefined || query.after === BEGINNING ? undefined : (after ?? { log: log.name, at: log.at })
      if (from !== undefined && this.#database !== undefined) this.#read(this.#database, from.log, from.at)
      const feed = new LogFeed(this.#source, query, from, () => this.#release(subscription, query.resumable))
      const subscription: Subscription = new Subscription(feed, signal, this.#hold)
      this.#subscriptions.set(subscription, feed)
      // Others must hear at once of one that begins far behind.
      if (from !== undefined && log !== undefined && from.at < log.at) this.#renewed = 0
      this.#poll(POLL_MS)
      return subscription
    } finally {
      this.#coming--
      if (this.#subscriptions.size === 0) void this.#rest()
    }
  }

  /** This process has committed. */
  committed(): void {
    if (this.#subscriptions.size > 0) this.#wake()
  }

  /** Ends every watch. */
  async close(): Promise<void> {
    this.#closed = true
    await Promise.all([...this.#subscriptions.keys()].map((subscription) => subscription.fail(closedError())))
    await this.#rest()
  }

  /** Sees to it that changes are logged; `undefined` while there is no file. */
  #join(): Promise<LogEnd | undefined> {
    return this.#exclusive(async () => {
      const { path, lockTimeoutMs } = this.#store
      if (this.#database?.isReplaced === true) this.#lose()
      const database = (this.#database ??= this.#open())
      if (database === undefined) return undefined
      try {
        // Another watch of this process has done it a moment ago.
        const known = Math.abs(Date.now() - this.#renewed) < RENEW_MS && hasLog(database) ? logEnd(database) : undefined
        const end =
          known ??
          (await writeWhenFree(
            database,
            lockTimeoutMs,
            () => joinLog(database, this.#id, Date.now() + LIFE_MS, this.#needs, newLogName),
            () => this.#isUnwanted,
          ))
        if (known === undefined) this.#renewed = Date.now()
        const isNew = end.name !== this.#log?.name
        this.#log = end
        if (isNew) {
          this.#forget()
          // Whoever follows another log has a gap, and is to hear of it.
          this.#wake()
        }
        return end
      } catch (error) {
        const told = this.#store.told(error)
        throw told.code === 'KV_READ_ONLY' ? notHere(path, told) : told
      }
    })
  }

  get #isUnwanted(): boolean {
    return this.#closed || (this.#coming === 0 && this.#subscriptions.size === 0)
  }

  #open(): Database | undefined {
    const database = this.#store.open()
    if (database === undefined) return undefined
    if (database.isReadOnly) {
      database.close()
      throw notHere(this.#store.path)
    }
    return database
  }

  /**
   * The position in the log from which on the watches of this process still need it; `undefined`: none needs
   * anything.
   */
  get #needs(): number | undefined {
    const ats = [...this.#subscriptions.values()].flatMap(({ needs }) =>
      needs === undefined || needs.log !== this.#log?.name ? [] : [needs.at],
    )
    return ats.length === 0 ? undefined : ats.reduce((least, at) => Math.min(least, at))
  }

  #read(database: Database, log: string, after: number): readonly LoggedChange[] {
    const known = this.#page
    if (known?.generation === this.#generation && known.log === log && known.after === after) return known.changes
    const changes = database.read(() => changesAfter(database, log, after))
    this.#page = { generation: this.#generation, log, after, changes }
    return changes
  }

  #wake(): void {
    this.#generation++
    for (const subscription of this.#subscriptions.keys()) subscription.wake()
  }

  #poll(every: number): void {
    clearInterval(this.#timer)
    this.#timer = setInterval(this.#tick, every)
    this.#hold()
  }

  readonly #hold = (): void => holdProcess(this.#timer, this.#subscriptions.keys())

  readonly #tick = (): void => {
    try {
      // Without a log it is being begun, or will be.
      if (this.#database === undefined || this.#log === undefined) return this.#lookForFile()
      if (this.#database.isReplaced) {
        void this.#failAll(watchGap(`${this.#store.path} was removed, or another file was put in its place`))
        return this.#lose()
      }
      this.#look(this.#database)
      this.#care(this.#database)
    } catch (error) {
      if (!isBusy(error)) void this.#failAll(this.#store.told(error))
    }
  }

  #look(database: Database): void {
    const [version] = database.statement('pragma data_version').get() as [number]
    if (version === this.#dataVersion) return
    this.#dataVersion = version
    this.#wake()
  }

  /** Says that this process watches, trims the log, and removes what has expired; none of it waits for a lock. */
  #care(database: Database): void {
    const time = Date.now()
    if (Math.abs(time - this.#renewed) >= RENEW_MS && writeIfFree(database, () => this.#renew(database, time)))
      this.#renewed = time
    this.#trim(database)
    if (Math.abs(time - this.#swept) < SWEEP_MS) return
    this.#swept = time
    const now = this.#store.now()
    if (database.statement('select 1 from kv where expires <= ? limit 1').get(now) === undefined) return
    const sweep = `delete from kv where id in (select id from kv where expires <= ? limit ${SWEEP_ROWS})`
    if (writeIfFree(database, () => void database.statement(sweep).run(now))) this.#wake()
  }

  #renew(database: Database, time: number): void {
    // Somebody found that this process had not been heard of for a minute.
    if (!hasLog(database)) throw changesGone()
    renew(database, this.#id, this.#subscriptions.size > 0 ? time + LIFE_MS : this.#keptUntil, this.#needs)
    database.statement('delete from kv_watcher where until <= ?').run(Math.floor(time / 1000))
    const end = logEnd(database)
    if (end === undefined) return
    this.#retention.mark(time, end.at, bytesAfter(database, this.#retention.newest))
    this.#trimTo = this.#retention.trimmable(time, neededAfter(database, time))
  }

  /** A share at a time, so that nobody waits long for the lock. */
  #trim(database: Database): void {
    if (this.#trimTo > 0) writeIfFree(database, () => void (trimLog(database, this.#trimTo) || (this.#trimTo = 0)))
  }

  #lookForFile(): void {
    if (this.#appearing || fileId(this.#store.path) === undefined) return
    this.#appearing = true
    this.#join()
      .then(
        () => this.#wake(),
        (error: unknown) => this.#failAll(error),
      )
      .finally(() => (this.#appearing = false))
  }

  async #failAll(error: unknown): Promise<void> {
    await Promise.all([...this.#subscriptions.keys()].map((subscription) => subscription.fail(error)))
  }

  async #release(subscription: Subscription, resumable: boolean): Promise<void> {
    this.#subscriptions.delete(subscription)
    this.#hold()
    if (resumable) this.#keptUntil = Date.now() + RESUME_MS
    if (this.#subscriptions.size === 0) await this.#rest()
  }

  /** After the last watch: leaves the log, or keeps it for those that go on. */
  #rest(): Promise<void> {
    return this.#exclusive(async () => {
      if (!this.#isUnwanted) return
      clearInterval(this.#timer)
      const database = this.#database
      if (database === undefined) return
      const isKept = Date.now() < this.#keptUntil
      if (isKept && !this.#closed) {
        this.#renewed = 0
        this.#timer = setInterval(this.#keep, RENEW_MS).unref()
        return this.#keep()
      }
      try {
        await writeWhenFree(database, LEAVE_MS, () =>
          isKept ? renew(database, this.#id, this.#keptUntil, undefined) : leaveLog(database, this.#id, Date.now()),
        )
      } catch {
        // The lock is not to be had, or the file is broken or gone: the next to write takes an old log away.
      }
      database.checkpoint()
      this.#lose()
    })
  }

  readonly #keep = (): void => {
    const database = this.#database
    if (database === undefined) return
    try {
      if (Date.now() >= this.#keptUntil) void this.#rest()
      else if (writeIfFree(database, () => this.#renew(database, Date.now()))) this.#trim(database)
    } catch {
      this.#lose()
    }
  }

  /** The connection is of no use any more. */
  #lose(): void {
    this.#database?.close()
    this.#database = this.#log = this.#page = undefined
    this.#forget()
    this.#renewed = 0
    this.#dataVersion = -1
  }

  /** Positions of another log mean nothing. */
  #forget(): void {
    this.#retention = new Retention()
    this.#trimTo = 0
  }

  #exclusive<T>(step: () => Promise<T>): Promise<T> {
    const result = this.#work.then(step)
    this.#work = result.catch(() => {})
    return result
  }
}

/** What a promise settles to, or `KV_INTERRUPTED` as soon as it is aborted. */
function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(interrupted(signal))
    signal.addEventListener('abort', onAbort)
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}

function notHere(path: string, cause?: unknown): KvError {
  return new KvError(
    'KV_NOT_SUPPORTED',
    `${path} cannot be watched: a watch keeps a log in the file, which cannot be written`,
    { cause },
  )
}

function closedError(): KvError {
  return new KvError('KV_CLOSED', 'the store is closed')
}
