import { closedError } from '../../../errors.ts'
import { CACHE_KIB, type Connection } from '../file/connection.ts'
import { SLICE_MS, turn } from './time-slices.ts'

/** Connections kept for the next snapshot. */
const SPARES = 2

/** Snapshots at a time that keep as much cache as any connection. */
const WHOLE_CACHES = 4

/** Cache of each further one, in KiB: a thousand slow readers must fit in memory. */
const SMALL_CACHE_KIB = 256

/**
 * Snapshots, each in a read transaction on a connection of its own, so that it stays as it is
 * whatever the store's other operations do meanwhile.
 */
export class Snapshots {
  readonly #open: () => Connection | undefined
  readonly #spares: Connection[] = []
  readonly #inUse = new Set<Connection>()
  #lastTurn = 0

  /** @param open gives a new connection, or `undefined` while there is no file */
  constructor(open: () => Connection | undefined) {
    this.#open = open
  }

  /**
   * What `read` yields of one snapshot, which lives until the last item is taken or the loop is left. Now and then
   * the event loop has its turn.
   */
  async *items<T>(
    read: (connection: Connection) => Iterator<T, void> | AsyncIterator<T, void>,
  ): AsyncGenerator<T, void, void> {
    const connection = this.#take()
    if (connection === undefined) return
    const items = read(connection)
    let sound = false
    try {
      for (;;) {
        sound = false
        const next = await connection.read(() => items.next())
        connection.verify()
        // Whoever leaves the loop leaves the connection as it should be.
        sound = true
        if (next.done === true) return
        yield next.value
        await this.#turnWhenDue()
      }
    } catch (error) {
      if (this.#inUse.has(connection)) connection.verify()
      throw error
    } finally {
      await items.return?.()
      this.#giveBack(connection, sound)
    }
  }

  /**
   * What `read` makes of one snapshot; `whenAbsent` while there is no file. Throws `KV_CLOSED` when closed meanwhile.
   */
  async result<T>(whenAbsent: T, read: (connection: Connection) => Promise<T>): Promise<T> {
    const connection = this.#take()
    if (connection === undefined) return whenAbsent
    let sound = false
    try {
      // The first read is what fixes the moment.
      connection.read(() => connection.statement('select 1 from sqlite_schema').get())
      const result = await read(connection)
      connection.verify()
      sound = true
      return result
    } catch (error) {
      if (this.#inUse.has(connection)) connection.verify()
      throw this.#inUse.has(connection) ? error : closedError(error)
    } finally {
      this.#giveBack(connection, sound)
    }
  }

  /**
   * Whoever reads page after page waits for nothing, and would keep timers and Ctrl-C out; and Node
   * frees the memory of many buffers in turns of the event loop only.
   */
  async #turnWhenDue(): Promise<void> {
    if (performance.now() - this.#lastTurn < SLICE_MS) return
    await turn()
    this.#lastTurn = performance.now()
  }

  /** Closes the connections that are not in use. */
  closeSpares(): void {
    for (const connection of this.#spares.splice(0)) connection.close()
  }

  /** Closes all connections, under the hands of whoever uses them. */
  close(): void {
    this.closeSpares()
    for (const connection of this.#inUse) connection.close()
    this.#inUse.clear()
  }

  #take(): Connection | undefined {
    const connection = this.#takeSpare() ?? this.#open()
    if (connection === undefined) return undefined
    connection.boundCache(this.#inUse.size < WHOLE_CACHES ? CACHE_KIB : SMALL_CACHE_KIB)
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

  #giveBack(connection: Connection, sound: boolean): void {
    connection.rollback()
    // After close() it is no longer among those in use, and is closed already.
    if (this.#inUse.delete(connection) && sound && this.#spares.length < SPARES) this.#spares.push(connection)
    else connection.close()
  }
}
