import {
  type Block,
  asTheyCame,
  blockKey,
  blockOps,
  blockPart,
  deletedKeys,
  putsOf,
  settled,
} from '../../../blocks/block.ts'
import { LOADED, LOADING } from '../bound/bound.ts'
import type { Connection } from '../file/connection.ts'
import { CLUSTERED, INLINE_BYTES } from '../layout/clustered.ts'
import type { Layout } from '../layout/layout.ts'
import {
  DIGITS,
  EXPIRING,
  GROUP,
  IS_LONG,
  KEY,
  PLAIN,
  ROWS_PER_INSERT,
  VALUE,
  VALUE_BITS,
  described,
  encodePositions,
  expiresIn,
  provideNumbers,
} from './row-digits.ts'
import { insertStaged, isBetterStaged, mayStage } from './staged-insert.ts'
import type { Transaction } from './transaction.ts'
import { onConflict } from './transaction.ts'

/** What a load came to: the newest revision, and how many puts were left because their key was there. */
export interface Loaded {
  readonly revision: number
  readonly existing: number
}

/** Fewer rows are not worth the preparation. */
export const MIN_ROWS = 32

/**
 * Loads blocks under one revision, with `ifAbsent` only what is not there. A time to live counts from `now`, by default
 * the time of the transaction. Each call returns how many puts were left because their key was there.
 */
export function blockLoader(transaction: Transaction, ifAbsent: boolean): (block: Block, now?: number) => number {
  let revision: number | undefined
  return (given, now = transaction.now) => {
    if (given.count === 0) return 0
    const block = settled(given, now)
    transaction.makeRoom(block.count)
    revision ??= transaction.nextRevision()
    // A field has no room for longer lengths and positions; such a block has few rows.
    const puts = putsOf(block)
    const isQuick = puts.count >= MIN_ROWS && puts.bytes.length <= 2 ** VALUE_BITS
    if (transaction.connection.isBounded) {
      // What came last is to stay.
      const inTurn = asTheyCame(block)
      const write = isQuick && puts === block ? insertBounded : writeInTurn
      return write(transaction, inTurn, revision, ifAbsent ? now : undefined)
    }
    if (ifAbsent) {
      // With deletes, the order of the entries decides.
      if (isQuick && puts === block) return block.count - insertBlock(transaction, block, revision, now)
      return writeInTurn(transaction, block, revision, now)
    }
    if (isQuick) insertBlock(transaction, puts, revision)
    else for (const op of blockOps(puts)) transaction.apply(op, revision)
    for (const key of deletedKeys(block)) transaction.apply({ type: 'del', key }, revision)
    return 0
  }
}

/**
 * Does the entries of a block in their order; with `absentAt`, puts only what is not there at that time. Returns how
 * many were left.
 */
function writeInTurn(transaction: Transaction, block: Block, revision: number, absentAt: number | undefined): number {
  let left = 0
  for (const op of blockOps(block)) {
    if (op.type === 'del' || absentAt === undefined) transaction.apply(op, revision)
    else if (!transaction.putIfAbsent(op, revision, absentAt)) left++
  }
  return left
}

/** The same for a block of many puts in a store with a bound, which counts them together. */
export function insertBounded(transaction: Transaction, block: Block, revision: number, absentAt?: number): number {
  const { connection } = transaction
  let left = 0
  // In parts, so that the file does not grow by a block.
  for (let from = 0; from < block.count; from += ROWS_PER_INSERT) {
    const part = blockPart(block, from, Math.min(from + ROWS_PER_INSERT, block.count))
    connection.exec(LOADING)
    left += part.count - insertBlock(transaction, part, revision, absentAt)
    connection.exec(LOADED)
  }
  return absentAt === undefined ? 0 : left
}

/**
 * Inserts the entries of a block, which unless {@link mayStage} may also be out of order and have a key twice, with one
 * statement per 16,384 rows. The statement gets the part of the buffer they lie in, of at most
 * 64 MiB, and a table of digits that says where each key and value lies, and cuts them out itself:
 * half the time of a call per row, which goes into crossing from JavaScript to the engine. With `absentAt`, keys that
 * are there at that time are left. Returns how many rows were written.
 */
export function insertBlock({ connection }: Transaction, block: Block, revision: number, absentAt?: number): number {
  provideNumbers(connection, Math.min(block.count, ROWS_PER_INSERT))
  const fields = block.expires === undefined ? PLAIN : EXPIRING
  const conflict = onConflict(connection.layout, connection.isBounded, absentAt === undefined ? undefined : '?5')
  const maybeStaged = absentAt === undefined && mayStage(connection)
  let written = 0
  const digits = new Uint32Array((Math.min(block.count, ROWS_PER_INSERT) * fields.length * DIGITS) / GROUP)
  for (let from = 0; from < block.count; from += ROWS_PER_INSERT) {
    const count = Math.min(ROWS_PER_INSERT, block.count - from)
    const bytes = encodePositions(block, from, count, digits)
    const rows = new Uint8Array(digits.buffer, 0, count * fields.length * DIGITS)
    const firstLong = connection.layout === CLUSTERED && hasLong(block, from, count) ? nextLong(connection) : undefined
    if (maybeStaged && firstLong === undefined && isBetterStaged(connection, samples(block, from, count))) {
      insertStaged(connection, fields, { bytes, rows, count, revision })
      written += count
      continue
    }
    if (firstLong !== undefined) connection.statement(insertLongSql(fields)).run(bytes, rows, count, firstLong)
    const last = firstLong === undefined ? (absentAt === undefined ? [] : [absentAt]) : [absentAt ?? 0, firstLong]
    const insert = insertSql(connection.layout, fields, conflict, firstLong !== undefined)
    written += Number(connection.statement(insert).run(revision, bytes, rows, count, ...last).changes)
    // Those whose key was there.
    if (firstLong !== undefined && absentAt !== undefined)
      connection.statement(deleteUnusedSql(fields)).run(bytes, rows, count, firstLong)
  }
  return written
}

/** The first key of some rows, one in the middle, and the last. */
function samples(block: Block, from: number, count: number): [Uint8Array, Uint8Array, Uint8Array] {
  return [blockKey(block, from), blockKey(block, from + (count >> 1)), blockKey(block, from + count - 1)]
}

/** Whether some of the values of a block are kept apart from their entries. */
function hasLong({ valueLength }: Block, from: number, count: number): boolean {
  for (let i = from; i < from + count; i++) if (valueLength[i]! > INLINE_BYTES) return true
  return false
}

/** The row of the first long value of a block; those of the others follow by their positions. */
function nextLong(connection: Connection): number {
  return (connection.statement('select coalesce(max(id), 0) + 1 from kv_long').get() as [number])[0]
}

/**
 * The statement that inserts `?4` rows of the buffer `?2` as the digits `?3` describe them, under revision `?1`; the long
 * values are in `kv_long` from row `?6` on.
 */
function insertSql({ table }: Layout, fields: readonly string[], onConflict: string, hasLong: boolean): string {
  const [value, long] = hasLong
    ? [`iif(${IS_LONG}, null, substr(?2, ${VALUE}))`, `, iif(${IS_LONG}, ?6 + i, null)`]
    : [`substr(?2, ${VALUE})`, '']
  return `insert into ${table} (key, value, revision, expires, checksum${hasLong ? ', long' : ''})
    select substr(?2, ${KEY}), ${value}, ?1, ${expiresIn(fields)}, c${long} from ${described(fields, '?3', '?4')} where true ${onConflict}`
}

/** Inserts the long values of `?3` rows of the buffer `?1` as the digits `?2` describe them; `?4` is the row of the first. */
function insertLongSql(fields: readonly string[]): string {
  return `insert into kv_long(id, value) select ?4 + i, substr(?1, ${VALUE}) from ${described(fields, '?2', '?3')} where ${IS_LONG}`
}

/** Deletes those of them that no entry has. */
function deleteUnusedSql(fields: readonly string[]): string {
  return `delete from kv_long where id in (select ?4 + i from ${described(fields, '?2', '?3')}
    where ${IS_LONG} and ?4 + i is not (select long from kv_entry where key = substr(?1, ${KEY})))`
}
