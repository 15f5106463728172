import { changesGone, newLogName, type LogPosition } from '../../kit/log-position.ts'
import type { Connection } from '../file/connection.ts'
import { writeIfFree, writeWhenFree } from '../file/immediate.ts'
import { bytesAfter, joinLog, leaveLog, logEnd, neededAfter, renew, trimLog } from './change-log.ts'
import { hasLog } from './drop-log.ts'
import { Retention } from './retention.ts'

/** How often a lease is renewed, and for how long it holds, in milliseconds. */
export const RENEW_MS = 10_000
const LEASE_MS = 60_000

/** How long the end of a lease waits for the lock, in milliseconds; otherwise the next writer cleans up. */
const RELEASE_MS = 500

/** What a watching process keeps in the file: until when it needs a log of changes, and after which position. */
export class Lease {
  readonly #id = newLogName()
  #renewedAt = 0
  #retention = new Retention()
  /** Changes up to here are to go; 0: none. */
  #trimTo = 0

  /** Whether it was renewed a moment ago. */
  get isFresh(): boolean {
    return Math.abs(Date.now() - this.#renewedAt) < RENEW_MS
  }

  /** Takes the lease once the lock is free, and begins a log where none is whole. Returns where the log stands. */
  async acquire(
    connection: Connection,
    timeoutMs: number,
    needed: () => LogPosition | undefined,
    isUnwanted: () => boolean,
  ): Promise<LogPosition> {
    const join = (): LogPosition => joinLog(connection, this.#id, Date.now() + LEASE_MS, needed())
    const end = await writeWhenFree(connection, timeoutMs, join, isUnwanted)
    this.#renewedAt = Date.now()
    return end
  }

  /** To be renewed at the next {@link keep}: others must hear at once of what is needed now. */
  makeDue(): void {
    this.#renewedAt = 0
  }

  /** Renews the lease when due, if the lock is free, and trims a part of the log. Throws `KV_WATCH_GAP` without one. */
  keep(connection: Connection, needed: () => LogPosition | undefined, until?: number): void {
    const time = Date.now()
    if (
      !this.isFresh &&
      writeIfFree(connection, () => this.#renew(connection, time, needed(), until ?? time + LEASE_MS))
    )
      this.#renewedAt = time
    if (this.#trimTo > 0) writeIfFree(connection, () => void (trimLog(connection, this.#trimTo) || (this.#trimTo = 0)))
  }

  /** Gives the lease up, and with the last one the log goes; or lets it hold until a time that is still to come. */
  async release(connection: Connection, until: number): Promise<void> {
    await writeWhenFree(connection, RELEASE_MS, () => {
      const time = Date.now()
      if (time < until) renew(connection, this.#id, until, undefined)
      else leaveLog(connection, this.#id, time)
    })
  }

  /** Positions of another log mean nothing. */
  forgetLog(): void {
    this.#retention = new Retention()
    this.#trimTo = 0
  }

  #renew(connection: Connection, time: number, needed: LogPosition | undefined, until: number): void {
    // Somebody found that this process had not been heard of for a minute.
    if (!hasLog(connection)) throw changesGone()
    renew(connection, this.#id, until, needed)
    connection.statement('delete from kv_watcher where until <= ?').run(Math.floor(time / 1000))
    const end = logEnd(connection)
    if (end === undefined) return
    this.#retention.mark(time, end.at, bytesAfter(connection, this.#retention.newest))
    this.#trimTo = this.#retention.trimmable(time, neededAfter(connection, time))
  }
}
