import { type Stats, statSync } from 'node:fs'
import type { KvError } from '../../../errors.ts'
import { ChangedWhileRead } from '../identity/file-state.ts'
import { LogHeldOpen, refuseLostLog } from '../identity/log-owner.ts'
import { refuseMountPoint, refuseTwoLogs } from '../identity/second-names.ts'
import { retryWhileBusy } from '../locks/lock-wait.ts'
import { idOf } from '../locks/posix-locks.ts'
import { checkFolder } from './access.ts'
import { refuseOtherBound } from '../bound/bound.ts'
import { Connection, type ConnectionOptions, readWaitMs } from './connection.ts'
import { type CreateOptions, create } from './create.ts'
import { isPassing, needsReopen, toKvError } from './errors.ts'
import { beginWrite } from './immediate.ts'
import { inspect } from './inspect.ts'
import { leave } from './leave.ts'

/** How often an open store looks after its file, in milliseconds. */
const HEARTBEAT_MS = 1000

/** How a store's file is used. */
export interface StoreFileOptions extends ConnectionOptions, CreateOptions {
  /** Whether a store that is there may have another bound than `maxEntries`, or none. */
  readonly anyBound: boolean
}

/**
 * The file of a store and the connections to it. Before each operation it checks that the file still has the name;
 * errors of the engine become `KvError`s. A file that does not exist reads as empty and is made by the first write.
 */
export class StoreFile {
  readonly path: string
  readonly options: StoreFileOptions
  #connection: Connection | undefined
  #isWritten = false
  /** The connection on which a write transaction has begun before. */
  #written: Connection | undefined
  #incarnation = 0
  /** When the name of the file was last checked, in milliseconds since 1970. */
  #checkedAt = 0
  /** Transactions of this process so far; the same at the last heartbeat; and of them those moved into the file. */
  #commits = 0
  #commitsBefore = 0
  #commitsMoved = 0
  #heartbeat: NodeJS.Timeout | undefined
  /** Called when further connections that nobody uses at the moment are to be closed. */
  onDisconnect: () => void = () => {}

  /** @param path absolute, without symbolic links */
  constructor(path: string, options: StoreFileOptions) {
    this.path = path
    this.options = options
  }

  /** Grows each time another file was found under the name. */
  get incarnation(): number {
    return this.#incarnation
  }

  /** Whether there is no file that this process knows of. Throws what {@link inspect} throws, as a `KvError`. */
  isAbsent(): boolean {
    return this.#connection === undefined && !this.#translating(() => this.#again(() => inspect(this.path)))
  }

  /** Connects if the file is there; to one that is locked, later. Throws what {@link inspect} throws, as a `KvError`. */
  open(): void {
    this.#translating(() => {
      try {
        this.reading(false)
      } catch (error) {
        if (!isPassing(error)) throw error
      }
    })
  }

  /** While there is no file: throws why the first write could not make it, or without `write` why it cannot exist. */
  checkPlace(write: boolean): void {
    if (!this.options.makeFolder && this.isAbsent()) this.#translating(() => checkFolder(this.path, write))
  }

  /** What `step` reads; `undefined` while there is no file. Waits, on the spot, for what is in the way. */
  read<T>(step: (connection: Connection) => T): T | undefined {
    try {
      return this.#readOnce(step)
    } catch (error) {
      if (!isChanged(error)) throw this.translateError(error)
      return this.#translating(() => this.#again(() => this.#readOnce(step)))
    }
  }

  #readOnce<T>(step: (connection: Connection) => T): T | undefined {
    return this.reading()?.read(step)
  }

  /** The connection for reading; `undefined` while there is no file. */
  reading(mayWait = true): Connection | undefined {
    if (this.#connection !== undefined) this.#checkConnection(this.#connection)
    if (this.#connection === undefined && this.#inspect(mayWait)) this.#connect(mayWait)
    if (this.#connection !== undefined) refuseOtherBound(this.#connection, this.path, this.options)
    return this.#connection
  }

  /** The connection for writing; makes the file when there is none. Waits for no lock. Throws the engine's errors. */
  writing(): Connection {
    this.#isWritten = true
    this.#connection?.moment.release()
    const before = this.#connection
    const stat = this.checkName()
    const connection = this.reading(false)
    if (connection === undefined) {
      create(this.path, this.options)
      const made = this.#connect(false)
      // Another process may have been quicker.
      refuseOtherBound(made, this.path, this.options)
      return made
    }
    this.#refuseSecondName(connection, connection === before ? stat : undefined)
    connection.useWal()
    return connection
  }

  /**
   * Begins a write transaction on {@link writing}'s connection, and throws as that does; with what `stat` told of the file
   * under the lock. `undefined`: it was replaced while the lock was waited for.
   */
  beginWriting(): { readonly connection: Connection; readonly stat: Stats } | undefined {
    const known = this.#connection
    // One that has written before is looked at under the lock only.
    const connection = known !== undefined && known === this.#written ? known : this.writing()
    try {
      beginWrite(connection)
    } catch (error) {
      this.checkName()
      throw error
    }
    try {
      const stat = connection.statOfFile()
      if (stat === undefined) throw new ChangedWhileRead()
      connection.refuseOverwritten(stat)
      refuseTwoLogs(this.path, stat)
      this.#checkedAt = Date.now()
      this.#written = connection
      return { connection, stat }
    } catch (error) {
      connection.rollback()
      this.checkName()
      if (isChanged(error)) return undefined
      throw error
    }
  }

  /** A new connection for a snapshot, for the caller to close; `undefined` while there is no file. */
  another(): Connection | undefined {
    return this.#again(() => this.reading() && new Connection(this.path, this.options))
  }

  /** The same for a long write; makes the file when there is none. Waits for no lock. Throws the engine's errors. */
  anotherForWriting(): Connection {
    this.writing()
    return new Connection(this.path, this.options, false)
  }

  /** The same for the log of changes, which need not be durable; `undefined` while there is no file. */
  anotherForWatching(): Connection | undefined {
    const open = (): Connection | undefined => {
      this.checkName()
      const connection = this.reading()
      if (connection === undefined) return undefined
      this.#refuseSecondName(connection)
      this.#isWritten = true
      return new Connection(this.path, { ...this.options, sync: false })
    }
    return this.#translating(() => this.#again(open))
  }

  /** Notes a commit of this process. */
  committed(): void {
    this.#commits++
  }

  /** A function that tells whether nothing was committed since, by any process; `undefined` where nobody can tell. */
  unchangedSince(): (() => boolean) | undefined {
    const connection = this.#connection
    if (connection === undefined || connection.isUnlocked) return undefined
    const [before, commits] = [connection.moment.version(), this.#commits]
    return () =>
      this.#connection === connection &&
      this.#commits === commits &&
      !connection.moment.isHeld &&
      connection.moment.version() === before
  }

  /** What the user is told of an error. After an I/O error the next operation begins on a fresh connection. */
  translateError(error: unknown): KvError {
    if (needsReopen(error)) this.#closeConnection()
    return toKvError(error, this.path)
  }

  /**
   * Disconnects when the file was removed or replaced. Throws `KV_CORRUPT` when it was written over, or is gone and its
   * log still holds writes. Returns the `stat` of the file.
   */
  checkName(): Stats | undefined {
    const stat = statSync(this.path, { throwIfNoEntry: false })
    if (this.#connection !== undefined && this.#hasLostName(this.#connection, stat)) {
      this.onDisconnect()
      leave(this.#connection, this.path)
      this.#incarnation++
      this.#connection = undefined
    }
    // What is held at an earlier moment cannot be compared with the file of this one.
    if (this.#connection?.moment.isHeld === false) this.#connection.refuseOverwritten(stat)
    this.#checkedAt = Date.now()
    return stat
  }

  /** Closes the connection, and moves the log into the file if this process has written. */
  close(): void {
    clearInterval(this.#heartbeat)
    this.#connection?.moment.release()
    try {
      this.checkName()
      if (this.#isWritten) this.#connection?.checkpoint()
    } catch {
      // It is no longer its file, and nobody is told any more.
    }
    this.#closeConnection()
  }

  /** Tries again to open a file in whose place another is just being put. */
  #again<T>(open: () => T): T {
    return retryWhileBusy(() => readWaitMs(this.path, this.options), open, isChanged)
  }

  #translating<T>(step: () => T): T {
    try {
      return step()
    } catch (error) {
      throw this.translateError(error)
    }
  }

  #inspect(mayWait: boolean): boolean {
    return retryWhileBusy(
      () => (mayWait ? readWaitMs(this.path, this.options) : 0),
      () => inspect(this.path),
      (error) => error instanceof LogHeldOpen || isChanged(error),
    )
  }

  #connect(mayWait: boolean): Connection {
    this.#connection = new Connection(this.path, this.options, mayWait)
    this.#heartbeat ??= setInterval(() => this.#lookAfter(), HEARTBEAT_MS).unref()
    return this.#connection
  }

  #closeConnection(): void {
    this.#connection?.close()
    this.#connection = undefined
  }

  /** Between operations: checks the name, and after some writes, when they have paused, moves the log into the file. */
  #lookAfter(): void {
    const hasPaused = this.#commits === this.#commitsBefore
    this.#commitsBefore = this.#commits
    try {
      this.checkName()
      if (hasPaused && this.#commits > this.#commitsMoved && this.#connection?.backfill() === true)
        this.#commitsMoved = this.#commits
    } catch {
      // The next operation meets it.
    }
  }

  /** Before an operation. The name is checked once a millisecond at most. */
  #checkConnection(connection: Connection): void {
    if (connection.isStale) {
      this.onDisconnect()
      return this.#closeConnection()
    }
    if (Date.now() !== this.#checkedAt) this.checkName()
  }

  #hasLostName(connection: Connection, stat: Stats | undefined): boolean {
    if (stat !== undefined) return idOf(stat) !== connection.file
    connection.moment.release()
    // It may have another name by now, under which all that was written must be found.
    connection.backfill()
    refuseLostLog(this.path)
    return true
  }

  #refuseSecondName(connection: Connection, stat = statSync(this.path, { throwIfNoEntry: false })): void {
    if (stat !== undefined) refuseTwoLogs(this.path, stat)
    connection.once('mount', () => refuseMountPoint(this.path))
  }
}

function isChanged(error: unknown): boolean {
  return error instanceof ChangedWhileRead
}
