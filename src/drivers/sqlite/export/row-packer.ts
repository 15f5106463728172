import type { Connection } from '../file/connection.ts'
import type { ValuesSql } from '../layout/layout.ts'
import { EXPIRES, LONG_VALUE, rangeSql } from '../read/range.ts'
import { LATEST_EXPIRY } from '../../../store/expiry.ts'
import type { RangePart } from './range-cutter.ts'

// That of a later expiry is over the time as it is stored.
const CHECKSUM = `iif(checksum between 0 and ${2 ** 32 - 1} and (expires is null or expires <= ${LATEST_EXPIRY}), checksum, '')`

/** Numbers of an entry as text: the lengths of key and value, the checksum (empty: none), and when it expires. */
function numbersOf({ length }: ValuesSql, isExpiring: boolean): string {
  const expires = isExpiring ? ` || ' ' || coalesce(${EXPIRES}, '')` : ''
  return `length(key) || ' ' || ${length} || ' ' || ${CHECKSUM}${expires}`
}

type Row = [bytes: Uint8Array | null, numbers: Uint8Array | null, count: number, expiring: number]

/** The rows of a page as the engine joins them. */
export interface PackedRows {
  /** Keys and values, one behind the other, but for long values; `undefined` when there are none. */
  readonly bytes: Uint8Array | undefined
  /** The numbers of the rows as text, each followed by a blank; an empty one is none. */
  readonly numbers: Uint8Array | undefined
  readonly count: number
  /** Whether the numbers say when each row expires. */
  readonly isExpiring: boolean
}

/** Has the engine join the rows of pages, several times quicker than a call per row. */
export class RowPacker {
  /** Whether some of the page before expire, so that those of the next may. */
  #mayExpire = false

  /** The rows of a page; `now` tells what has expired. */
  pack(connection: Connection, page: RangePart, now: number): PackedRows {
    let isExpiring = this.#mayExpire
    let row = rowOf(connection, page, now, isExpiring)
    this.#mayExpire = row[3] > 0
    if (this.#mayExpire && !isExpiring) row = rowOf(connection, page, now, (isExpiring = true))
    const [bytes, numbers, count] = row
    return { bytes: bytes ?? undefined, numbers: numbers ?? undefined, count, isExpiring }
  }
}

function rowOf(connection: Connection, page: RangePart, now: number, isExpiring: boolean): Row {
  const { where, bounds } = rangeSql(page)
  // The index decides the order in which the rows are joined, so it is named.
  const { withValues } = connection.layout
  // Of a value that the file has lost there are no numbers, so that they do not fit the bytes.
  const { from, value, length } = withValues
  const sql = `select cast(group_concat(iif(${length} <= ${LONG_VALUE}, key || ${value}, key), '') as blob),
      cast(group_concat(${numbersOf(withValues, isExpiring)}, ' ') || ' ' as blob), count(*), count(expires)
    from ${from} ${where} and (expires is null or expires > ?)`
  return connection.statement(sql).get(...bounds, now) as Row
}
