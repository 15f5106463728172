import { checksum } from '../../../blocks/checksum.ts'
import type { Op, Put } from '../../../store/driver/entry.ts'
import { expiryOf } from '../../../store/expiry.ts'
import { damagedRow } from '../engine/result-codes.ts'
import type { Connection } from '../file/connection.ts'
import { markCommit, removeExpired } from '../file/schema.ts'
import { endWrite, hasHistory, noteWrite } from '../history/note-write.ts'

const REPLACED = `value = excluded.value, revision = excluded.revision, expires = excluded.expires, checksum = excluded.checksum`

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
export function onConflict(isBounded: boolean, absentAt?: string): string {
  const set = isBounded ? `${NEXT_ID}, ${REPLACED}` : REPLACED
  const expired = absentAt === undefined ? '' : `kv.expires <= ${absentAt} and`
  return `on conflict (key) do update set ${set} where ${expired} ${DIFFERS}`
}

const INSERT = 'insert into kv (key, value, revision, expires, checksum) values (?1, ?2, ?3, ?4, ?5)'
const [UPSERT, UPSERT_BOUNDED] = [false, true].map((isBounded) => `${INSERT} ${onConflict(isBounded)}`)
const [INSERT_ABSENT, INSERT_ABSENT_BOUNDED] = [false, true].map(
  (isBounded) => `${INSERT} ${onConflict(isBounded, '?6')}`,
)

/** The write transaction that the jobs of one commit share. */
export class Transaction {
  readonly connection: Connection
  /** The time by which this commit tells expired entries, in milliseconds since 1970. */
  readonly now: number
  #revision: number | undefined
  #base = 0
  /** Whether the store keeps old versions; told before the first change. */
  #keepsHistory = false

  constructor(connection: Connection, now: number) {
    this.connection = connection
    this.now = now
  }

  /** The newest revision. */
  get revision(): number {
    if (this.#revision === undefined) {
      const row = this.connection.statement('select revision from kv_store').get() as [number] | undefined
      // A new connection makes it again.
      if (row === undefined) throw damagedRow('the row of kv_store is gone')
      this.#base = this.#revision = row[0]
    }
    return this.#revision
  }

  /** A revision for a job that writes, before it changes anything. */
  nextRevision(): number {
    const revision = this.revision + 1
    if (this.#revision === this.#base) this.#keepsHistory = hasHistory(this.connection)
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
    if (op.type === 'del') return void this.connection.statement('delete from kv where key = ?').run(op.key)
    const { key, value } = op
    const expires = expiryOf(op, this.now)
    const upsert = this.connection.isBounded ? UPSERT_BOUNDED! : UPSERT!
    this.connection.statement(upsert).run(key, value, revision, expires ?? null, checksum(key, value, expires))
  }

  /** Puts an entry under a revision unless its key is there at `now`, from when a time to live counts; false if it is. */
  putIfAbsent(op: Put, revision: number, now: number): boolean {
    const { key, value } = op
    const expires = expiryOf(op, now)
    const statement = this.connection.statement(this.connection.isBounded ? INSERT_ABSENT_BOUNDED! : INSERT_ABSENT!)
    return Number(statement.run(key, value, revision, expires ?? null, checksum(key, value, expires), now).changes) > 0
  }

  /** Before the commit: stores the revision and removes some expired entries. False when nothing was written. */
  finish(): boolean {
    if (this.#revision === undefined || this.#revision === this.#base) return false
    markCommit(this.connection, this.#revision)
    removeExpired(this.connection, this.now)
    if (this.#keepsHistory) endWrite(this.connection)
    return true
  }
}
