import type { Abortable, Clock } from '../../store/driver/driver.ts'
import type { Entry } from '../../store/driver/entry.ts'
import type { History, HistoryStatus, Moment, Version, VersionsOptions } from '../../store/driver/history.ts'
import { markCommit } from './file/schema.ts'
import type { StoreFile } from './file/store-file.ts'
import type { SnapshotPool } from './read/snapshot-pool.ts'
import type { Writer } from './write/writer.ts'

/** The history of a store in a file. What it works with is loaded when it is asked. */
export class SqliteHistory implements History {
  readonly #file: StoreFile
  readonly #snapshots: SnapshotPool
  readonly #writer: Writer
  readonly #now: Clock

  constructor(file: StoreFile, snapshots: SnapshotPool, writer: Writer, now: Clock) {
    this.#file = file
    this.#snapshots = snapshots
    this.#writer = writer
    this.#now = now
  }

  async on(keep: number, { signal }: Abortable = {}): Promise<void> {
    const { keepHistory } = await import('./history/tables.ts')
    return this.#writer.writeLong(async ({ connection, now }) => {
      markCommit(connection)
      keepHistory(connection, keep, now)
    }, signal)
  }

  async off({ signal }: Abortable = {}): Promise<number> {
    const { dropHistory } = await import('./history/tables.ts')
    if (this.#writer.isIdle && this.#file.isAbsent()) return 0
    return this.#writer.writeLong(async ({ connection }) => {
      markCommit(connection)
      return dropHistory(connection)
    }, signal)
  }

  async status(): Promise<HistoryStatus> {
    const { statusOf } = await import('./history/read.ts')
    return this.#file.read(statusOf) ?? { keep: 0, since: undefined, versions: 0, bytes: 0 }
  }

  async *versions(key: Uint8Array, { limit = Infinity }: VersionsOptions = {}): AsyncGenerator<Version[], void, void> {
    const { noHistory, versionPages } = await import('./history/read.ts')
    const now = this.#now()
    let isThere = false
    yield* this.#snapshots.items((connection) => {
      isThere = true
      return versionPages(connection, key, limit, now)
    })
    if (!isThere) throw noHistory()
  }

  async at(key: Uint8Array, moment: Moment): Promise<Entry | undefined> {
    const { entryAt, noHistory } = await import('./history/read.ts')
    const now = this.#now()
    const found = this.#file.read((connection) =>
      connection.snapshot(() => ({ entry: entryAt(connection, key, moment, now) })),
    )
    if (found === undefined) throw noHistory()
    return found.entry
  }
}
