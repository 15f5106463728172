import { type BigIntStats, closeSync, readSync, statSync } from 'node:fs'
import { holdThread, monotonicMs } from '../../../async.ts'
import { LOG_HEADER_BYTES } from '../format/log-file.ts'
import { openForReading } from '../format/read-file.ts'

/** Says that somebody has written to a file while it was read without locks: what was read is of no moment. */
export class ChangedWhileRead extends Error {
  override readonly name = 'ChangedWhileRead'
}

/** How far apart two changes with the same time may be, in milliseconds: a kernel clock tick, and that of FAT. */
const TICK_MS = 20
const COARSE_TICK_MS = 2020

/** For how long a file that has just changed is looked at until its times can tell the next change, in milliseconds. */
const SETTLE_MS = 2500

/** What a store's file and its log looked like at one moment, for those who read them without locks. */
export class FileState {
  readonly #path: string
  readonly #fileStamp: string
  readonly #logStamp: string
  /** The first bytes of the log; empty when there is nothing in it. */
  readonly #logHeader: string

  /** Waits, on the spot, until the file's times are old enough that the next change is seen. */
  constructor(path: string) {
    this.#path = path
    this.#fileStamp = settledStamp(path)
    this.#logStamp = stampOf(statOf(`${path}-wal`))
    this.#logHeader = headerOf(`${path}-wal`)
  }

  /** Whether all that a reader of that moment reads is still as it was; more may have been written behind it. */
  get isIntact(): boolean {
    return (
      stampOf(statOf(this.#path)) === this.#fileStamp &&
      (this.#logHeader === '' || headerOf(`${this.#path}-wal`) === this.#logHeader)
    )
  }

  /** Whether nothing has been written since. */
  get isNewest(): boolean {
    return stampOf(statOf(this.#path)) === this.#fileStamp && stampOf(statOf(`${this.#path}-wal`)) === this.#logStamp
  }

  /** Whether there was anything in the log. */
  get hasLog(): boolean {
    return this.#logHeader !== ''
  }
}

function statOf(path: string): BigIntStats | undefined {
  return statSync(path, { bigint: true, throwIfNoEntry: false })
}

/** An empty log is as good as none, and comes and goes with every reader. */
function stampOf(stat: BigIntStats | undefined): string {
  return stat === undefined || stat.size === 0n
    ? ''
    : [stat.dev, stat.ino, stat.size, stat.mtimeNs, stat.ctimeNs].join(':')
}

/** The mark of a file, once a change of it would give it another. */
function settledStamp(path: string): string {
  for (const began = monotonicMs(); ; holdThread(TICK_MS / 2)) {
    const stat = statOf(path)
    if (stat === undefined) return ''
    const changed = stat.mtimeNs > stat.ctimeNs ? stat.mtimeNs : stat.ctimeNs
    const age = Date.now() - Number(changed / 1_000_000n)
    const tick = changed % 1_000_000_000n === 0n ? COARSE_TICK_MS : TICK_MS
    // A time that lies in the future, by another clock, tells as much as it can.
    if (age > tick || age < -tick || monotonicMs() - began > SETTLE_MS) return stampOf(stat)
  }
}

function headerOf(path: string): string {
  let log: number
  try {
    log = openForReading(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
  try {
    // A log that begins anew has another header.
    const header = Buffer.alloc(LOG_HEADER_BYTES)
    return header.toString('latin1', 0, readSync(log, header, 0, LOG_HEADER_BYTES, 0))
  } finally {
    closeSync(log)
  }
}
