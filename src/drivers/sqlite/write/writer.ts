import type { Stats } from 'node:fs'
import { endOfTurn, monotonicMs, pause, turn } from '../../../async.ts'
import { interrupted } from '../../../errors.ts'
import type { Clock } from '../../../store/driver/driver.ts'
import type { Connection } from '../file/connection.ts'
import { isPassing } from '../file/errors.ts'
import { beginWrite } from '../file/immediate.ts'
import type { StoreFile } from '../file/store-file.ts'
import { LockTurns, retryDelay, retryLaterWhileBusy, retryWhileBusy } from '../locks/lock-wait.ts'
import type { Changed } from '../read/key-reads.ts'
import { dropIfUnwatched, hasLog } from '../watch/drop-log.ts'
import { type Job, type Pending, changedBy, lockedHere, replaced, rollBackJob } from './pending.ts'
import { Transaction } from './transaction.ts'

/** How often a log of changes that nobody reads any more is looked for, in milliseconds. */
const UNWATCHED_MS = 60_000

/** How often writes behind a long one are looked at, in milliseconds. */
const LATE_MS = 25

/** For how long what `stat` told of the file under the lock need not be asked again, in milliseconds. */
const FRESH_MS = 1

/** For how long one writer may go on without a turn of the event loop, in milliseconds: timers are no more exact. */
const TURNLESS_MS = 2

/** Turns of the event loop for which a commit waits at most while more writes come. */
const MAX_TURNS = 16

/** Runs writes, concurrent ones in one transaction (group commit). A job that throws undoes only its own work. */
export class Writer {
  readonly #file: StoreFile
  readonly #committed: (changed?: Changed) => void
  readonly #now: Clock
  #queue: Pending[] = []
  #running: Promise<void> | undefined
  readonly #turns = new LockTurns()
  #unwatchedAt = 0
  /** Whether the last commit was of one write, with no other behind it. */
  #wasAlone = false
  /** When the event loop had its last turn before a commit, in `monotonicMs` time. */
  #turnAt = 0
  /** Whether a long write is under way, or a group is being written. */
  #isWriting = false

  /** @param committed is called after every commit, with what it may have changed, if that is known */
  constructor(file: StoreFile, committed: (changed?: Changed) => void, now: Clock) {
    this.#file = file
    this.#committed = committed
    this.#now = now
  }

  /**
   * Queues a write; settles when it is durable. Rejects with `KV_INTERRUPTED` when aborted while it waits.
   *
   * @param keys all whose entries it may change, where that is known
   */
  write<T>(job: Job<T>, signal?: AbortSignal, keys?: readonly Uint8Array[]): Promise<T> {
    return this.#enqueue(job, false, signal, keys)
  }

  /** The same for a long write, on a connection of its own: reads do not see it before its commit. */
  writeLong<T>(job: Job<Promise<T>>, signal?: AbortSignal): Promise<T> {
    return this.#enqueue(job, true, signal)
  }

  /**
   * Runs a write at once, and those that wait, before it, in the same transaction; returns when it is durable. Waits for
   * the lock on the spot. Throws `KV_LOCKED` while a long write of this process waits or is under way, and inside a write.
   */
  writeNow<T>(job: Job<T>, keys: readonly Uint8Array[]): T {
    if (this.#isWriting || this.#queue.some(({ isLong }) => isLong)) throw lockedHere()
    let result: T | undefined
    let failed: { readonly error: unknown } | undefined
    const own: Pending = {
      run: job,
      isLong: false,
      resolve: (value) => (result = value as T),
      reject: (error) => (failed = { error }),
      deadline: Infinity,
      signal: undefined,
      keys,
    }
    try {
      const { connection, stat } = this.#beginNow()
      const since = monotonicMs()
      this.#commitGroup(connection, [...this.#takeGroup(), own], () => stat)
      this.#turns.heldSince(since)
    } catch (error) {
      failed = { error }
    }
    if (failed !== undefined) throw this.#file.translateError(failed.error)
    return result as T
  }

  #beginNow(): NonNullable<ReturnType<StoreFile['beginWriting']>> {
    for (;;) {
      this.#turns.nextNow()
      const begun = retryWhileBusy(
        () => this.#file.options.lockTimeoutMs,
        () => this.#file.beginWriting(),
        (error) => {
          this.#turns.metOthers()
          return isPassing(error)
        },
      )
      if (begun !== undefined) return begun
    }
  }

  /** Whether no write is queued or under way. */
  get isIdle(): boolean {
    return this.#running === undefined
  }

  /** Settles when every write queued so far has settled. */
  async idle(): Promise<void> {
    await this.#running
  }

  #enqueue<T>(
    job: Job<T | Promise<T>>,
    isLong: boolean,
    signal: AbortSignal | undefined,
    keys?: readonly Uint8Array[],
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#queue.push({
        run: job,
        isLong,
        resolve: resolve as (value: unknown) => void,
        reject: (error) => reject(this.#file.translateError(error)),
        deadline: monotonicMs() + this.#file.options.lockTimeoutMs,
        signal,
        keys,
      })
      this.#running ??= this.#drain()
    })
  }

  async #drain(): Promise<void> {
    await this.#gather()
    let waitingSince: number | undefined
    while (this.#queue.length > 0) {
      await this.#turns.next()
      // A write that did not wait has taken them along.
      if (this.#queue.length === 0) break
      try {
        if (this.#queue[0]!.isLong) {
          await this.#commitLong()
        } else {
          const begun = this.#file.beginWriting()
          if (begun === undefined) continue
          const { connection, stat } = begun
          const since = monotonicMs()
          const group = this.#takeGroup()
          this.#wasAlone = group.length === 1 && this.#queue.length === 0
          this.#commitGroup(connection, group, () => (monotonicMs() - since < FRESH_MS ? stat : undefined))
          this.#turns.heldSince(since)
        }
        waitingSince = undefined
        await this.#next()
      } catch (error) {
        if (!isPassing(error)) {
          this.#reject(error, () => true)
          break
        }
        this.#rejectLate(error)
        this.#turns.metOthers()
        waitingSince ??= monotonicMs()
        await pause(retryDelay(monotonicMs() - waitingSince))
      }
    }
    this.#running = undefined
  }

  /**
   * Waits while turns of the event loop bring more writes, which share the commit: the clients of a server, who wait
   * for the same disk, come within a few turns of each other. One that is alone again waits for one turn only.
   */
  async #gather(): Promise<void> {
    await turn()
    this.#turnAt = monotonicMs()
    if (this.#wasAlone && this.#queue.length === 1) return
    for (let turns = 0; turns < MAX_TURNS; turns++) {
      const before = this.#queue.length
      await turn()
      if (this.#queue.length === before) return
    }
  }

  /**
   * After a commit, waits for more as `#gather` does if there are some. Whoever was alone, and comes with the next write
   * as soon as the last has settled, need not wait for a turn, which takes as long as the commit; but now and then others get one.
   */
  async #next(): Promise<void> {
    if (this.#wasAlone) await new Promise<void>(endOfTurn)
    if (this.#queue.length === 0) return
    const isAlone = this.#wasAlone && this.#queue.length === 1
    if (!isAlone || monotonicMs() - this.#turnAt >= TURNLESS_MS) await this.#gather()
  }

  /** The writes at the head of the queue that can share a transaction. */
  #takeGroup(): Pending[] {
    const long = this.#queue.findIndex(({ isLong }) => isLong)
    return this.#queue.splice(0, long < 0 ? this.#queue.length : long)
  }

  async #commitLong(): Promise<void> {
    const connection = this.#file.anotherForWriting()
    try {
      beginWrite(connection)
      // It is begun again with the new file.
      if (connection.isReplaced) return connection.rollback()
      const since = monotonicMs()
      const pending = this.#queue.shift()!
      this.#isWriting = true
      // Those behind it wait no longer for it than for another process.
      const late = setInterval(() => this.#rejectLate(lockedHere()), LATE_MS)
      try {
        const transaction = new Transaction(connection, this.#now())
        const result = await pending.run(transaction)
        this.#finish(transaction)
        if (connection.isReplaced) throw replaced()
        await retryLaterWhileBusy(this.#file.options.lockTimeoutMs, () => connection.commit())
        this.#committed()
        pending.resolve(result)
      } catch (error) {
        connection.rollback()
        pending.reject(error)
      } finally {
        this.#isWriting = false
        clearInterval(late)
        this.#turns.heldSince(since)
      }
    } finally {
      connection.close()
    }
  }

  /** @param fresh what `stat` told of the file, if that was just now */
  #commitGroup(connection: Connection, group: Pending[], fresh: () => Stats | undefined): void {
    const settle: (() => void)[] = []
    this.#isWriting = true
    try {
      const transaction = new Transaction(connection, this.#now())
      for (const pending of group) {
        if (group.length > 1) connection.exec('savepoint job')
        try {
          const result = pending.run(transaction)
          settle.push(() => pending.resolve(result))
        } catch (error) {
          if (group.length === 1) throw error
          rollBackJob(connection, error)
          settle.push(() => pending.reject(error))
        }
        if (group.length > 1) connection.exec('release job')
      }
      this.#finish(transaction)
      // Readers are in the way only where the file system has no place for a log. What is uncommitted must not be read
      // on this connection meanwhile, so no turn is given.
      retryWhileBusy(
        () => this.#file.options.lockTimeoutMs,
        () => connection.commit(fresh()),
      )
    } catch (error) {
      connection.rollback()
      for (const pending of group) pending.reject(error)
      return
    } finally {
      this.#isWriting = false
    }
    this.#committed(changedBy(connection, group))
    for (const done of settle) done()
  }

  /** Ends the waiting of writes whose time is up, and of those that nobody wants any more. */
  #rejectLate(error: unknown): void {
    const now = monotonicMs()
    this.#reject(error, ({ deadline }) => deadline <= now)
    for (const { signal } of this.#queue) {
      if (signal?.aborted)
        this.#reject(interrupted(signal, 'interrupted, nothing was done'), (pending) => pending.signal === signal)
    }
  }

  #reject(error: unknown, which: (pending: Pending) => boolean): void {
    for (const pending of this.#queue.filter(which)) pending.reject(error)
    this.#queue = this.#queue.filter((pending) => !which(pending))
  }

  /** Before the commit. The first write, and one now and then, removes a log of changes left by killed watchers. */
  #finish(transaction: Transaction): void {
    const time = Date.now()
    if (!transaction.finish() || Math.abs(time - this.#unwatchedAt) < UNWATCHED_MS) return
    this.#unwatchedAt = time
    if (hasLog(transaction.connection)) dropIfUnwatched(transaction.connection, time)
  }
}
