import { CLUSTERED, INLINE_BYTES } from '../layout/clustered.ts'
import type { Layout } from '../layout/layout.ts'
import { type DatabaseSync, type SqlValue, type Statement, sqliteEngine } from '../engine/engine.ts'

/** An entry as a file has it. */
export interface SavedEntry {
  readonly key: Uint8Array
  readonly value: Uint8Array
  readonly revision: number
  readonly expires: number | null
  readonly checksum: number | null
}

/** Where a long value is: the page, and the place among its cells. */
export type Place = readonly [page: number, cell: number]

/** The store that what is saved goes to, which nobody else knows; and, until it is closed, what was found besides. */
export class SavedStore {
  readonly #database: DatabaseSync
  readonly #isClustered: boolean
  readonly #statements = new Map<string, Statement>()

  /** Goes on with an empty store of a layout. */
  constructor(path: string, layout: Layout) {
    this.#database = new (sqliteEngine().DatabaseSync)(path)
    this.#isClustered = layout === CLUSTERED
    this.#database.exec(`pragma journal_mode = off; pragma synchronous = off;
      create temp table place(id integer, page integer, cell integer, primary key (id, page, cell)) without rowid;
      create temp table lost(key blob primary key) without rowid;
      begin`)
  }

  /** Puts an entry, unless a newer one of its key was found. */
  put({ key, value, revision, expires, checksum }: SavedEntry): void {
    const found = this.#statement('select revision from kv where key = ?').get(key) as [number] | undefined
    if (found !== undefined && found[0] >= revision) return
    if (found !== undefined) this.#run(`delete from ${this.#isClustered ? 'kv_entry' : 'kv'} where key = ?`, key)
    const row = [key, revision, expires, checksum]
    if (!this.#isClustered)
      return this.#run('insert into kv(key, revision, expires, checksum, value) values (?, ?, ?, ?, ?)', ...row, value)
    const insert = 'insert into kv_entry(key, revision, expires, checksum, long, value)'
    if (value.length <= INLINE_BYTES) return this.#run(`${insert} values (?, ?, ?, ?, null, ?)`, ...row, value)
    this.#run('insert into kv_long(value) values (?)', value)
    this.#run(`${insert} values (?, ?, ?, ?, last_insert_rowid(), null)`, ...row)
  }

  /** Notes where a long value is. */
  notePlace(id: number, page: number, cell: number): void {
    this.#run('insert into temp.place values (?, ?, ?)', id, page, cell)
  }

  /** Where the long values of a number are. */
  placesOf(id: number): Place[] {
    return this.#statement('select page, cell from temp.place where id = ?').all(id) as Place[]
  }

  /** Notes that an entry was there, and perhaps cannot be saved. */
  noteKey(key: Uint8Array): void {
    this.#run('insert or ignore into temp.lost values (?)', key)
  }

  /** Ends it. Returns how many entries there are, how many are lost whose keys were noted, and at most so many of these. */
  finish(named: number): { entries: number; lost: number; lostKeys: Uint8Array[] } {
    this.#database.exec(`delete from temp.lost where key in (select key from kv);
      update kv_store set revision = max(revision, (select coalesce(max(revision), 0) from kv)); commit`)
    const [entries, lost] = this.#statement(
      'select (select count(*) from kv), (select count(*) from temp.lost)',
    ).get() as [number, number]
    const keys = this.#statement('select key from temp.lost limit 0 + ?').all(named) as [Uint8Array][]
    return { entries, lost, lostKeys: keys.map(([key]) => new Uint8Array(key)) }
  }

  close(): void {
    this.#database.close()
  }

  #run(sql: string, ...values: SqlValue[]): void {
    this.#statement(sql).run(...values)
  }

  #statement(sql: string): Statement {
    let statement = this.#statements.get(sql)
    if (statement === undefined) {
      statement = this.#database.prepare(sql)
      statement.setReturnArrays(true)
      this.#statements.set(sql, statement)
    }
    return statement
  }
}
