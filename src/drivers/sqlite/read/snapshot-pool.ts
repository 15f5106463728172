import { monotonicMs, turn } from '../../../async.ts'
import { type KvError, closedError } from '../../../errors.ts'
import { CACHE_KIB, type Connection } from '../file/connection.ts'
import type { StoreFile } from '../file/store-file.ts'
import { SLICE_MS } from './time-slices.ts'

/** Connections kept for the next snapshot. */
const SPARES = 2

/** Snapshots at a time that keep as much cache as any connection. */
const WHOLE_CACHES = 4

/** Cache of each further one, in KiB: a thousand slow readers must fit in memory. */
const SMALL_CACHE_KIB = 256

/** Snapshots, each in a read transaction on a connection of its own. Errors are `KvError`s. */
export class SnapshotPool {
  readonly #file: StoreFile
  readonly #spares: Connection[] = []
  readonly #inUse = new Set<Connection>()
  #lastTurn = 0

  constructor(file: StoreFile) {
    this.#file = file
    file.onDisconnect = () => this.#closeSpares()
  }

  /**
   * What `read` yields of one snapshot, which lives until the last item is taken or the loop is left. Now and then
   * the event loop has its turn. Throws `KV_CLOSED` when closed meanwhile.
   */
  async *items<T>(
    read: (connection: Connection) => Iterator<T, void> | AsyncIterator<T, void>,
  ): AsyncGenerator<T, void, void> {
    let connection: Connection | undefined
    let items: Iterator<T, void> | AsyncIterator<T, void> | undefined
    let isReusable = false
    try {
      connection = this.#take()
      if (connection === undefined) return
      items = read(connection)
      for (;;) {
        isReusable = false
        const next = await connection.read(() => items!.next())
        connection.verify()
        // Whoever leaves the loop leaves the connection as it should be.
        isReusable = true
        if (next.done === true) return
        yield next.value
        await this.#turnWhenDue()
      }
    } catch (error) {
      throw this.#translate(error, connection)
    } finally {
      await items?.return?.()
      this.#giveBack(connection, isReusable)
    }
  }

  /** What `read` makes of one snapshot; `whenAbsent` while there is no file. */
  async result<T>(whenAbsent: T, read: (connection: Connection) => Promise<T>): Promise<T> {
    const results = this.items(async function* (connection) {
      connection.fixSnapshot()
      yield await read(connection)
    })
    for await (const result of results) return result
    return whenAbsent
  }

  /** Closes all connections, under the hands of whoever uses them. */
  close(): void {
    this.#closeSpares()
    for (const connection of this.#inUse) connection.close()
    this.#inUse.clear()
  }

  #closeSpares(): void {
    for (const connection of this.#spares.splice(0)) connection.close()
  }

  /** Reading never waits: timers and Ctrl-C would starve, and Node frees many buffers only in turns of the loop. */
  async #turnWhenDue(): Promise<void> {
    if (monotonicMs() - this.#lastTurn < SLICE_MS) return
    await turn()
    this.#lastTurn = monotonicMs()
  }

  /** An error as the user is told it; what was read of a file in the middle of a change is no error of the file. */
  #translate(error: unknown, connection: Connection | undefined): KvError {
    if (connection !== undefined && !this.#inUse.has(connection)) return closedError(error)
    try {
      connection?.verify()
      return this.#file.translateError(error)
    } catch (changed) {
      return this.#file.translateError(changed)
    }
  }

  #take(): Connection | undefined {
    this.#file.checkName()
    const connection = this.#takeSpare() ?? this.#file.another()
    if (connection === undefined) return undefined
    connection.limitCache(this.#inUse.size < WHOLE_CACHES ? CACHE_KIB : SMALL_CACHE_KIB)
    this.#inUse.add(connection)
    connection.exec('begin')
    return connection
  }

  #takeSpare(): Connection | undefined {
    for (;;) {
      const connection = this.#spares.pop()
      if (connection?.isStale !== true) return connection
      connection.close()
    }
  }

  #giveBack(connection: Connection | undefined, isReusable: boolean): void {
    if (connection === undefined) return
    connection.rollback()
    // After close() it is no longer among those in use, and is closed already.
    if (this.#inUse.delete(connection) && isReusable && this.#spares.length < SPARES) this.#spares.push(connection)
    else connection.close()
  }
}
