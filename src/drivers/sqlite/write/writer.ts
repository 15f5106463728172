import type { Clock } from '../../../store/driver.ts'
import type { Op } from '../../../store/entry.ts'
import { KvError, interrupted } from '../../../errors.ts'
import { checksum } from '../../../blocks/checksum.ts'
import { expiryOf } from '../../../store/expiry.ts'
import { dropIfUnwatched, hasLog } from '../watch/change-log.ts'
import type { Connection } from '../file/connection.ts'
import { damagedRow } from '../engine/result-codes.ts'
import { isPassing } from '../file/errors.ts'
import { LockTurns, retryDelay, retryLaterWhileBusy, retryWhileBusy } from '../locks/lock-wait.ts'
import { markCommit, prepareForWriting } from '../file/schema.ts'

/** What a write does inside the transaction it shares with others. */
export type Job<T> = (transaction: Transaction) => T

interface Pending {
  run(transaction: Transaction): unknown
  /** Has a transaction of its own, on a connection of its own, and may wait within it. */
  readonly alone: boolean
  resolve(value: unknown): void
  reject(error: unknown): void
  /** When to give up waiting for the lock, in `performance.now()` time. */
  readonly deadline: number
  /** Aborted when it need not begin any more. */
  readonly signal: AbortSignal | undefined
}

/**
 * What an insert does with a key that is there already. One that this very write has put in just so is left: an
 * update that changes neither revision nor checksum is how another tool's is known. The old value is looked at only
 * then.
 */
export const ON_CONFLICT = `on conflict (key) do update set value = excluded.value, revision = excluded.revision,
  expires = excluded.expires, checksum = excluded.checksum
  where kv.revision is not excluded.revision or kv.checksum is not excluded.checksum
    or kv.expires is not excluded.expires or kv.value is not excluded.value`

const UPSERT = `insert into kv (key, value, revision, expires, checksum) values (?, ?, ?, ?, ?) ${ON_CONFLICT}`

/** Expired entries removed by one write at most, so that no write pays for a flood of them. */
const SWEEP = 1000

/** How often a log of changes that nobody reads any more is looked for, in milliseconds. */
const TIDY_MS = 60_000

/** How often writes behind a long one are looked at, in milliseconds. */
const LATE_MS = 25

/** Turns of the event loop for which a commit waits at most while more writes come. */
const MAX_TURNS = 16

/** The write transaction that the jobs of one commit share. */
export class Transaction {
  readonly connection: Connection
  /** The time by which this commit tells expired entries. */
  readonly now: number
  #revision: number | undefined
  #base = 0

  constructor(connection: Connection, now: number) {
    this.connection = connection
    this.now = now
  }

  /** The newest revision. */
  get revision(): number {
    if (this.#revision === undefined) {
      const row = this.connection.statement('select revision from kv_store').get() as [number] | undefined
      // A new connection makes it again.
      if (row === undefined) throw damagedRow('the row of kv_store is gone')
      this.#base = this.#revision = row[0]
    }
    return this.#revision
  }

  /** A revision for a job that writes. */
  nextRevision(): number {
    this.#revision = this.revision + 1
    return this.#revision
  }

  /** Applies one operation under a revision; tells how many rows it touched. */
  apply(op: Op, revision: number): number {
    if (op.type === 'del') return Number(this.connection.statement('delete from kv where key = ?').run(op.key).changes)
    const { key, value } = op
    const expires = expiryOf(op, this.now)
    this.connection.statement(UPSERT).run(key, value, revision, expires ?? null, checksum(key, value, expires))
    return 1
  }

  /**
   * Before the commit: keeps the revision counter, and clears out some of what has expired. False when nothing was
   * written.
   */
  finish(): boolean {
    if (this.#revision === undefined || this.#revision === this.#base) return false
    markCommit(this.connection, this.#revision)
    this.connection
      .statement('delete from kv where id in (select id from kv where expires <= ? limit ?)')
      .run(this.now, SWEEP)
    return true
  }
}

/**
 * Runs writes, all that arrive at about the same time in one transaction and so with one wait for
 * the disk (group commit). A job that throws takes back its own work only.
 */
export class Writer {
  readonly #open: () => Connection
  readonly #openAnother: () => Connection
  readonly #failed: (error: unknown) => void
  readonly #committed: () => void
  readonly #now: Clock
  readonly #lockTimeoutMs: number
  #queue: Pending[] = []
  #running: Promise<void> | undefined
  readonly #turns = new LockTurns()
  #tidied = 0

  /**
   * @param open gives the connection to write on, making the store when there is none
   * @param openAnother gives a new connection, for the writer to close
   * @param failed is told of an error that ended a whole transaction
   * @param committed is told of every commit
   */
  constructor(
    open: () => Connection,
    openAnother: () => Connection,
    failed: (error: unknown) => void,
    committed: () => void,
    now: Clock,
    lockTimeoutMs: number,
  ) {
    this.#open = open
    this.#openAnother = openAnother
    this.#failed = failed
    this.#committed = committed
    this.#now = now
    this.#lockTimeoutMs = lockTimeoutMs
  }

  /**
   * Queues a write; settles when it is durable, or with the reason why it is not. Rejects with
   * `KV_INTERRUPTED` when aborted while another connection holds the lock.
   */
  write<T>(job: Job<T>, signal?: AbortSignal): Promise<T> {
    return this.#enqueue(job, false, signal)
  }

  /**
   * The same for a write that takes its time: reads on this store do not see it before its commit,
   * and other writes wait for it. Rejects with `KV_INTERRUPTED` when aborted before it begins; from
   * then on the signal is the job's affair.
   */
  writeAlone<T>(job: Job<Promise<T>>, signal?: AbortSignal): Promise<T> {
    return this.#enqueue(job, true, signal)
  }

  #enqueue<T>(job: Job<T | Promise<T>>, alone: boolean, signal: AbortSignal | undefined): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#queue.push({
        run: job,
        alone,
        resolve: resolve as (value: unknown) => void,
        reject,
        deadline: performance.now() + this.#lockTimeoutMs,
        signal,
      })
      this.#running ??= this.#drain()
    })
  }

  /** Whether no write is queued or under way. */
  get isIdle(): boolean {
    return this.#running === undefined
  }

  /** Settles when every write queued so far has settled. */
  async idle(): Promise<void> {
    await this.#running
  }

  async #drain(): Promise<void> {
    await this.#gather()
    let waitingSince: number | undefined
    while (this.#queue.length > 0) {
      await this.#turns.next()
      try {
        if (this.#queue[0]!.alone) {
          await this.#commitAlone()
        } else {
          const connection = this.#open()
          prepareForWriting(connection)
          connection.exec('begin immediate')
          const since = performance.now()
          this.#commit(connection, this.#takeGroup())
          this.#turns.heldSince(since)
        }
        waitingSince = undefined
        if (this.#queue.length > 0) await this.#gather()
      } catch (error) {
        if (!isPassing(error)) {
          this.#failed(error)
          this.#rejectAll(error, () => true)
          break
        }
        this.#rejectLate(error)
        this.#turns.metOthers()
        waitingSince ??= performance.now()
        const delay = retryDelay(performance.now() - waitingSince)
        await new Promise((resolve) => setTimeout(resolve, delay))
      }
    }
    this.#running = undefined
  }

  /**
   * Lets the turn end in which the first write came, so that its neighbours share the commit, and
   * goes on for as long as a turn brings more: those who wait for the same disk, such as the clients
   * of a server, come within a few turns of each other.
   */
  async #gather(): Promise<void> {
    await new Promise(setImmediate)
    for (let turn = 0; turn < MAX_TURNS; turn++) {
      const before = this.#queue.length
      await new Promise(setImmediate)
      if (this.#queue.length === before) return
    }
  }

  /** The writes at the head of the queue that can share a transaction. */
  #takeGroup(): Pending[] {
    const alone = this.#queue.findIndex((pending) => pending.alone)
    return this.#queue.splice(0, alone < 0 ? this.#queue.length : alone)
  }

  async #commitAlone(): Promise<void> {
    const connection = this.#openAnother()
    try {
      prepareForWriting(connection)
      connection.exec('begin immediate')
      const since = performance.now()
      const pending = this.#queue.shift()!
      // Those behind it wait no longer for it than for another process.
      const watch = setInterval(() => this.#rejectLate(heldHere()), LATE_MS)
      try {
        const transaction = new Transaction(connection, this.#now())
        const result = await pending.run(transaction)
        if (transaction.finish()) this.#tidy(connection)
        if (connection.isReplaced) throw replaced()
        await retryLaterWhileBusy(this.#lockTimeoutMs, () => connection.commit())
        this.#committed()
        pending.resolve(result)
      } catch (error) {
        connection.rollback()
        pending.reject(error)
      } finally {
        clearInterval(watch)
        this.#turns.heldSince(since)
      }
    } finally {
      connection.close()
    }
  }

  /** Ends the waiting of writes whose time is up, and of those that nobody wants any more. */
  #rejectLate(error: unknown): void {
    const now = performance.now()
    this.#rejectAll(error, ({ deadline }) => deadline <= now)
    for (const { signal } of this.#queue) {
      if (signal?.aborted)
        this.#rejectAll(interrupted(signal, 'interrupted, nothing was done'), (pending) => pending.signal === signal)
    }
  }

  #rejectAll(error: unknown, which: (pending: Pending) => boolean): void {
    for (const pending of this.#queue.filter(which)) pending.reject(error)
    this.#queue = this.#queue.filter((pending) => !which(pending))
  }

  /** Takes back one job; when the engine has taken back the whole transaction, throws why. */
  #undo(connection: Connection, reason: unknown): void {
    try {
      connection.exec('rollback to job')
    } catch {
      throw reason
    }
  }

  #commit(connection: Connection, group: Pending[]): void {
    const settle: (() => void)[] = []
    try {
      const transaction = new Transaction(connection, this.#now())
      for (const pending of group) {
        if (group.length > 1) connection.exec('savepoint job')
        try {
          const result = pending.run(transaction)
          settle.push(() => pending.resolve(result))
        } catch (error) {
          if (group.length === 1) throw error
          this.#undo(connection, error)
          settle.push(() => pending.reject(error))
        }
        if (group.length > 1) connection.exec('release job')
      }
      if (transaction.finish()) this.#tidy(connection)
      // Readers are in the way only where the file system has no place for a log. What is uncommitted must not be read
      // on this connection meanwhile, so no turn is given.
      retryWhileBusy(
        () => this.#lockTimeoutMs,
        () => connection.commit(),
      )
    } catch (error) {
      connection.rollback()
      this.#failed(error)
      for (const pending of group) pending.reject(error)
      return
    }
    this.#committed()
    for (const done of settle) done()
  }

  /** Takes away what watchers that were killed have left; looked for by the first write, and then now and then. */
  #tidy(connection: Connection): void {
    const time = Date.now()
    if (Math.abs(time - this.#tidied) < TIDY_MS) return
    this.#tidied = time
    if (hasLog(connection)) dropIfUnwatched(connection, time)
  }
}

function heldHere(): KvError {
  return new KvError('KV_LOCKED', 'the store is locked by a long write of this process', {
    hint: 'wait for it, or give more time with --lock-timeout 60s',
  })
}

function replaced(): KvError {
  return new KvError(
    'KV_UNAVAILABLE',
    'the file of the store was replaced or removed during a long write; nothing of it was stored',
    { hint: 'run it again' },
  )
}
