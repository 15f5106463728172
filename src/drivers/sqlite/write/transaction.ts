import { checksum } from '../../../blocks/checksum.ts'
import type { Op, Put } from '../../../store/driver/entry.ts'
import { expiryOf } from '../../../store/expiry.ts'
import type { SqlValue } from '../engine/engine.ts'
import { damagedRow } from '../engine/result-codes.ts'
import type { Connection } from '../file/connection.ts'
import { markWrite, removeExpired, sweepExpired } from '../file/schema.ts'
import { endWrite, keepsHistory, noteWrite } from '../history/note-write.ts'
import { CLUSTERED, INLINE_BYTES } from '../layout/clustered.ts'
import { type Layout, REPLACED } from '../layout/layout.ts'
import { ROWS } from '../layout/rows.ts'

/** With a bound, what one write puts goes in the order of the row ids, so one that was there gets the next. */
const NEXT_ID = `id = (select iif(max(id) < 9223372036854775807, max(id) + 1, kv.id) from kv as every)`

/**
 * Whether an insert changes the entry of its key. One that this write has just put with the same content is left alone:
 * an update that changes neither revision nor checksum would look like another tool's.
 */
const DIFFERS = `(kv.revision is not excluded.revision or kv.checksum is not excluded.checksum
  or kv.expires is not excluded.expires or kv.value is not excluded.value)`

/**
 * What an insert does with a key that exists. With `absentAt`, the parameter of a time, only what is not there is put: an
 * entry is replaced that has expired by then.
 */
export function onConflict({ table, replaced }: Layout, isBounded: boolean, absentAt?: string): string {
  const set = isBounded ? `${NEXT_ID}, ${replaced}` : replaced
  const conditions = [
    ...(absentAt === undefined ? [] : [`${table}.expires <= ${absentAt}`]),
    ...(table === 'kv' ? [DIFFERS] : []),
  ]
  return `on conflict (key) do update set ${set} ${conditions.length === 0 ? '' : `where ${conditions.join(' and ')}`}`
}

const PUT_SHORT = `insert into kv_entry (key, value, revision, expires, checksum) values (?1, ?2, ?3, ?4, ?5)
  on conflict (key) do update set ${REPLACED} where long is null`

/** The texts by which single entries are written. */
interface PutSql {
  /** Puts an entry; in the clustered layout `?6` is the row of a long value. */
  readonly put: string
  /**
   * The same with a short value, unless the entry has a long one in its place: as it does not set `long`, the engine
   * prepares no trigger for that, a third of the time.
   */
  readonly putShort: string
  /** The same unless its key is there at the time that is the last parameter. */
  readonly putIfAbsent: string
  readonly del: string
}

function putSql(layout: Layout, isBounded = false): PutSql {
  const isClustered = layout.table === 'kv_entry'
  const insert = isClustered
    ? 'insert into kv_entry (key, value, revision, expires, checksum, long) values (?1, ?2, ?3, ?4, ?5, ?6)'
    : 'insert into kv (key, value, revision, expires, checksum) values (?1, ?2, ?3, ?4, ?5)'
  const put = `${insert} ${onConflict(layout, isBounded)}`
  return {
    put,
    putShort: isClustered ? PUT_SHORT : put,
    putIfAbsent: `${insert} ${onConflict(layout, isBounded, isClustered ? '?7' : '?6')}`,
    del: `delete from ${layout.table} where key = ?`,
  }
}

/** Made once: a text put together for each write takes longer to look up than to run. */
const IN_ROWS = putSql(ROWS)
const IN_ROWS_BOUNDED = putSql(ROWS, true)
const IN_CLUSTERED = putSql(CLUSTERED)

/** The newest revision, and whether anything has expired: one question is quicker than two. */
const BEGINNING = 'select revision, exists (select 1 from kv where expires <= ?) from kv_store'

const LONG_OF = 'select long from kv_entry where key = ?'
const INSERT_LONG = 'insert into kv_long(value) values (?)'
const REPLACE_LONG = 'update kv_long set value = ? where id = ?'
const IS_THERE = 'select 1 from kv_entry where key = ? and (expires is null or expires > ?)'

/** The write transaction that the jobs of one commit share. */
export class Transaction {
  readonly connection: Connection
  /** The time by which this commit tells expired entries, in milliseconds since 1970. */
  readonly now: number
  #revision: number | undefined
  #base = 0
  /** Whether anything had expired when the transaction began. */
  #hasExpired = false
  /** Before the first change: the version of the schema, and whether the store keeps old versions. */
  #schemaVersion = 0
  #keepsHistory = false
  readonly #sql: PutSql

  constructor(connection: Connection, now: number) {
    this.connection = connection
    this.now = now
    const inRows = connection.isBounded ? IN_ROWS_BOUNDED : IN_ROWS
    this.#sql = connection.layout === CLUSTERED ? IN_CLUSTERED : inRows
  }

  /** The newest revision. */
  get revision(): number {
    if (this.#revision === undefined) {
      const row = this.connection.statement(BEGINNING).get(this.now) as [revision: number, expired: number] | undefined
      // A new connection makes it again.
      if (row === undefined) throw damagedRow('the row of kv_store is gone')
      this.#base = this.#revision = row[0]
      this.#hasExpired = row[1] === 1
    }
    return this.#revision
  }

  /** A revision for a job that writes, before it changes anything. */
  nextRevision(): number {
    const revision = this.revision + 1
    if (this.#revision === this.#base) {
      ;[this.#schemaVersion] = this.connection.statement('pragma schema_version').get() as [number]
      this.#keepsHistory = keepsHistory(this.connection, this.#schemaVersion)
    }
    this.#revision = revision
    if (this.#keepsHistory) noteWrite(this.connection, this.now, revision)
    return revision
  }

  /** Before as many entries may be put: in a store with a bound, those that have expired go before any other. */
  makeRoom(entries: number): void {
    if (this.connection.isBounded) removeExpired(this.connection, this.now, entries)
  }

  /** Applies one operation under a revision. */
  apply(op: Op, revision: number): void {
    if (op.type === 'del') return void this.connection.statement(this.#sql.del).run(op.key)
    const { key, value } = op
    const expires = expiryOf(op, this.now)
    const sum = checksum(key, value, expires)
    const isClustered = this.#sql === IN_CLUSTERED
    if (!isClustered || value.length <= INLINE_BYTES) {
      const { changes } = this.connection.statement(this.#sql.putShort).run(key, value, revision, expires ?? null, sum)
      if (!isClustered || Number(changes) > 0) return
    }
    const [short, long] = value.length <= INLINE_BYTES ? [value, null] : [null, this.#putLong(key, value)]
    this.connection.statement(this.#sql.put).run(key, short, revision, expires ?? null, sum, long)
  }

  /** Puts a long value where entries have it, in place of the one that its entry has; returns its row. */
  #putLong(key: Uint8Array, value: Uint8Array): SqlValue {
    const { connection } = this
    // A history still needs the old one.
    const [old] = this.#keepsHistory ? [] : ((connection.statement(LONG_OF).get(key) ?? []) as SqlValue[])
    if (typeof old !== 'number') return Number(connection.statement(INSERT_LONG).run(value).lastInsertRowid)
    const { changes } = connection.statement(REPLACE_LONG).run(value, old)
    // None where the file has lost it.
    if (Number(changes) === 0) connection.statement('insert into kv_long(id, value) values (?, ?)').run(old, value)
    return old
  }

  /** Puts an entry under a revision unless its key is there at `now`, from when a time to live counts; false if it is. */
  putIfAbsent(op: Put, revision: number, now: number): boolean {
    const { key, value } = op
    const expires = expiryOf(op, now)
    const isClustered = this.#sql === IN_CLUSTERED
    if (isClustered && value.length > INLINE_BYTES) {
      if (this.connection.statement(IS_THERE).get(key, now) !== undefined) return false
      this.apply({ type: 'put', key, value, expires }, revision)
      return true
    }
    const statement = this.connection.statement(this.#sql.putIfAbsent)
    const row = [key, value, revision, expires ?? null, checksum(key, value, expires), ...(isClustered ? [null] : [])]
    return Number(statement.run(...row, now).changes) > 0
  }

  /** Before the commit: stores the revision and removes some expired entries. False when nothing was written. */
  finish(): boolean {
    if (this.#revision === undefined || this.#revision === this.#base) return false
    markWrite(this.connection, this.#revision, this.#schemaVersion)
    if (this.#hasExpired) sweepExpired(this.connection, this.now)
    if (this.#keepsHistory) endWrite(this.connection)
    return true
  }
}
