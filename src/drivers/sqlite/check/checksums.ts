import type { CheckReport } from '../../../store/driver/driver.ts'
import { checksum } from '../../../blocks/checksum.ts'
import { LATEST_EXPIRY } from '../../../store/expiry.ts'
import type { Connection } from '../file/connection.ts'
import type { SqlValue } from '../engine/engine.ts'
import { damagedRow } from '../engine/result-codes.ts'
import { EXPIRES, LONG_VALUE, longValue } from '../read/range.ts'
import { type Operator, PAGE_ROWS, packedPage } from './packed-page.ts'

/** Damaged keys named at most; the rest is only counted. */
const NAMED = 1000

/** Bytes of long values read between two pauses. */
const PAUSE_BYTES = 4_000_000

type Row = [key: SqlValue, value: SqlValue, expires: SqlValue, checksum: SqlValue]

/**
 * Compares every entry with its checksum. Yields the number of entries so far where it may be paused; returns the
 * report, in which damage that stops the engine is a problem, not an error.
 */
export function* checkEntries(connection: Connection): Generator<number, CheckReport, void> {
  const problems: string[] = []
  const damagedKeys: Uint8Array[] = []
  let checked = 0
  let unchecked = 0
  let unnamed = 0
  let bytes = 0
  try {
    let after: SqlValue = new Uint8Array()
    for (let operator: Operator = '>='; ; operator = '>') {
      const packed = packedPage(connection, operator, after)
      if (packed.isSound) {
        checked += packed.count - packed.unchecked
        unchecked += packed.unchecked
      }
      // What is not known to be sound is looked at row by row.
      const rows: Row[] = packed.isSound ? [] : pageOf(connection, operator, after)
      for (const [key, value, expires, sum] of rows) {
        if (sum === null) unchecked++
        else checked++
        const full = value ?? longValue(connection, key)
        if (value === null) bytes += full instanceof Uint8Array ? full.length : 0
        if (!isSound(key, full, expires, sum)) {
          if (key instanceof Uint8Array && damagedKeys.length < NAMED) damagedKeys.push(key)
          else unnamed++
        }
        if (bytes <= PAUSE_BYTES) continue
        bytes = 0
        yield checked + unchecked
      }
      if ((packed.isSound ? packed.count : rows.length) < PAGE_ROWS) break
      yield checked + unchecked
      const last: SqlValue = packed.isSound ? packed.last : rows[rows.length - 1]![0]
      // Texts and numbers come before all bytes: from there the rows would come again.
      if (!(last instanceof Uint8Array)) throw damagedRow()
      after = last
    }
  } catch (error) {
    problems.push(error instanceof Error ? error.message : String(error))
  }
  problems.push(...strangeEntries(connection))
  if (unnamed > 0) problems.push(`${unnamed} more entries are damaged`)
  return { checked, unchecked, damagedKeys, problems }
}

/** What another tool can write that kv does not. */
function strangeEntries(connection: Connection): string[] {
  try {
    const problems: string[] = []
    const [late] = connection.statement('select count(*) from kv where expires > ?').get(LATEST_EXPIRY) as [number]
    if (late > 0)
      problems.push(
        `${late} ${late === 1 ? 'entry expires' : 'entries expire'} after the year 9999, which is told as its end: expiry is in milliseconds since 1970`,
      )
    if (connection.statement(`select 1 from kv where key = x''`).get() !== undefined)
      problems.push(
        `an entry has the empty key, which no command can name; with sqlite3: delete from kv where key = x''`,
      )
    return problems
  } catch {
    // What stopped this has stopped the reading above.
    return []
  }
}

function isSound(key: SqlValue, value: SqlValue, expires: SqlValue, sum: SqlValue): boolean {
  if (
    !(key instanceof Uint8Array) ||
    !(value instanceof Uint8Array) ||
    (expires !== null && typeof expires !== 'number')
  )
    return false
  return sum === null || sum === checksum(key, value, expires ?? undefined)
}

function pageOf(connection: Connection, operator: Operator, after: SqlValue): Row[] {
  const { from, value, length } = connection.layout.withValues
  return connection
    .statement(
      `select key, case when ${length} <= ${LONG_VALUE} then ${value} end, ${EXPIRES}, checksum
        from ${from} where key ${operator} ? order by key limit ${PAGE_ROWS}`,
    )
    .all(after) as Row[]
}
