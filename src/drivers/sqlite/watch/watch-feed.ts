import { compareBytes } from '../../../bytes.ts'
import type { WatchQuery } from '../../../store/driver.ts'
import type { Change } from '../../../store/entry.ts'
import { BEGINNING, PARTIAL, type Position, changesGone, formatPosition } from '../../kit/log-position.ts'
import type { Feed } from '../../kit/subscription.ts'
import { type LogEnd, type LoggedChange, hasLog, logEnd, longChange } from './change-log.ts'
import type { Connection as Database } from '../file/connection.ts'
import { type Page, entryOf } from '../read/range.ts'

/** Bytes of one page that is handed out. */
const PAGE_BYTES = 1 << 20

/** What feeds read: the log of a store, once it is there, and the entries at one moment. */
export interface LogSource {
  /** The connection on which the log is read; `undefined` while there is no log. */
  database(): Database | undefined
  /** The pages of a range at one snapshot, on which `first` is called before. */
  everything(
    query: Pick<WatchQuery, 'start' | 'end'>,
    first: (database: Database) => void,
  ): AsyncGenerator<Page, void, void>
  /** Changes after a position, see `changesAfter`. */
  read(database: Database, log: string, after: number): readonly LoggedChange[]
}

/** What one watch reads: perhaps what is there, as puts, and then the log from a position on. */
export class LogFeed implements Feed {
  readonly #source: LogSource
  readonly #query: WatchQuery
  readonly #release: () => Promise<void>
  #position: Position | undefined
  #everything: AsyncGenerator<Change[], void, void> | undefined
  /** Where the log stood at the snapshot that is being handed out. */
  #snapshot: LogEnd | undefined
  /** Whether some of it was handed out. */
  #isPartial = false

  /** @param from where to begin; `undefined`: with what is there when it is first pulled */
  constructor(source: LogSource, query: WatchQuery, from: Position | undefined, release: () => Promise<void>) {
    this.#source = source
    this.#query = query
    this.#position = from
    this.#release = release
  }

  get position(): string {
    if (this.#position !== undefined) return formatPosition(this.#position)
    return this.#isPartial ? PARTIAL : BEGINNING
  }

  /** The position after which the log must be kept for this watch; `undefined` while nothing has been read. */
  get needs(): Position | undefined {
    const snapshot = this.#snapshot
    return this.#position ?? (snapshot && { log: snapshot.name, at: snapshot.at })
  }

  async pull(): Promise<Change[] | undefined> {
    if (this.#position !== undefined) return this.#changes(this.#position)
    if (this.#source.database() === undefined) return undefined
    const { value } = await (this.#everything ??= this.#whatIsThere()).next()
    this.#isPartial = true
    // Nobody comes back for the end of the snapshot.
    if (this.#position !== undefined) await this.#everything.return()
    return value ?? []
  }

  async release(): Promise<void> {
    await this.#everything?.return()
    await this.#release()
  }

  /** What is there now, as puts; with the last of them the log's position is known. */
  async *#whatIsThere(): AsyncGenerator<Change[], void, void> {
    const pages = this.#source.everything(
      this.#query,
      (database) => (this.#snapshot = hasLog(database) ? logEnd(database) : undefined),
    )
    for await (const { entries, last } of pages) {
      if (last) this.#reachLog()
      const end = entries.length - 1
      yield entries.map((entry, at): Change => ({
        type: 'put',
        ...entry,
        position: last && at === end ? this.position : PARTIAL,
      }))
    }
    this.#reachLog()
  }

  #reachLog(): void {
    if (this.#snapshot === undefined) throw changesGone()
    this.#position ??= { log: this.#snapshot.name, at: this.#snapshot.at }
  }

  /** The next changes after a position. */
  #changes({ log, at }: Position): Change[] | undefined {
    const { start, end } = this.#query
    const database = this.#source.database()
    if (database === undefined) throw changesGone()
    const page = this.#source.read(database, log, at)
    if (page.length === 0) return undefined
    const changes: Change[] = []
    let bytes = 0
    let to = at
    for (const change of page) {
      to = change.position
      const { key, isDelete, expires, revision } = change
      if ((start !== undefined && compareBytes(key, start) < 0) || (end !== undefined && compareBytes(key, end) >= 0))
        continue
      const own = { key: new Uint8Array(key), position: formatPosition({ log, at: to }) }
      if (isDelete) changes.push({ type: 'del', ...own })
      else {
        const value = change.value === null ? longChange(database, log, to) : new Uint8Array(change.value)
        changes.push({ type: 'put', ...own, ...entryOf(own.key, value, revision, expires) })
        bytes += value.length
      }
      if (bytes >= PAGE_BYTES) break
    }
    this.#position = { log, at: to }
    return changes
  }
}
