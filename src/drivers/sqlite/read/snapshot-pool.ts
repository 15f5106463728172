import { KvError } from '../../../errors.ts'
import { CACHE_KIB, type Database } from '../file/connection.ts'
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
  readonly #open: () => Database | undefined
  readonly #spares: Database[] = []
  readonly #inUse = new Set<Database>()
  #lastTurn = 0

  /** @param open gives a new connection, or `undefined` while there is no file */
  constructor(open: () => Database | undefined) {
    this.#open = open
  }

  /**
   * What `read` yields of one snapshot, which lives until the last item is taken or the loop is left. Now and then
   * the event loop has its turn.
   */
  async *items<T>(
    read: (database: Database) => Iterator<T, void> | AsyncIterator<T, void>,
  ): AsyncGenerator<T, void, void> {
    const database = this.#take()
    if (database === undefined) return
    const items = read(database)
    let sound = false
    try {
      for (;;) {
        sound = false
        const next = await database.read(() => items.next())
        database.verify()
        // Whoever leaves the loop leaves the connection as it should be.
        sound = true
        if (next.done === true) return
        yield next.value
        await this.#turnWhenDue()
      }
    } catch (error) {
      if (this.#inUse.has(database)) database.verify()
      throw error
    } finally {
      await items.return?.()
      this.#giveBack(database, sound)
    }
  }

  /**
   * What `read` makes of one snapshot; `whenAbsent` while there is no file. Throws `KV_CLOSED` when closed meanwhile.
   */
  async result<T>(whenAbsent: T, read: (database: Database) => Promise<T>): Promise<T> {
    const database = this.#take()
    if (database === undefined) return whenAbsent
    let sound = false
    try {
      // The first read is what fixes the moment.
      database.read(() => database.statement('select 1 from sqlite_schema').get())
      const result = await read(database)
      database.verify()
      sound = true
      return result
    } catch (error) {
      if (this.#inUse.has(database)) database.verify()
      throw this.#inUse.has(database) ? error : new KvError('KV_CLOSED', 'the store is closed', { cause: error })
    } finally {
      this.#giveBack(database, sound)
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
    for (const database of this.#spares.splice(0)) database.close()
  }

  /** Closes all connections, under the hands of whoever uses them. */
  close(): void {
    this.closeSpares()
    for (const database of this.#inUse) database.close()
    this.#inUse.clear()
  }

  #take(): Database | undefined {
    const database = this.#takeSpare() ?? this.#open()
    if (database === undefined) return undefined
    database.boundCache(this.#inUse.size < WHOLE_CACHES ? CACHE_KIB : SMALL_CACHE_KIB)
    this.#inUse.add(database)
    database.exec('begin')
    return database
  }

  #takeSpare(): Database | undefined {
    for (;;) {
      const database = this.#spares.pop()
      if (database?.isStale !== true) return database
      database.close()
    }
  }

  #giveBack(database: Database, sound: boolean): void {
    database.rollback()
    // After close() it is no longer among those in use, and is closed already.
    if (this.#inUse.delete(database) && sound && this.#spares.length < SPARES) this.#spares.push(database)
    else database.close()
  }
}
