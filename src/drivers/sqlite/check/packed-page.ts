/** A page of entries compared with their checksums at once: the engine joins them, several times quicker than a row at a time. */
import { withExpiry } from '../../../blocks/checksum.ts'
import { crc32 } from '../../../blocks/crc32.ts'
import { LATEST_EXPIRY } from '../../../store/expiry.ts'
import type { SqlValue } from '../engine/engine.ts'
import type { Connection } from '../file/connection.ts'
import { CLUSTERED } from '../layout/clustered.ts'
import { LONG_VALUE } from '../read/range.ts'

/** Rows read at a time. */
export const PAGE_ROWS = 1000

/** Whether a page begins with a key, or after it. */
export type Operator = '>=' | '>'

/** What is known of a page. */
export interface PackedPage {
  /** Whether all of its entries are sound; false also where that cannot be told so. */
  readonly isSound: boolean
  readonly count: number
  /** Entries without a checksum. */
  readonly unchecked: number
  /** The last key. */
  readonly last: SqlValue
}

type Row = [bytes: Uint8Array | null, numbers: Uint8Array | null, count: number, blobs: number | null, last: SqlValue]

const BLANK = 0x20
const ZERO = 0x30

/** A value that is not long; null in the place of others. Of a blob, its length is known without reading it. */
const SHORT = `iif(length(value) <= ${LONG_VALUE}, value, null)`

/** Numbers of an entry as text, each followed by a blank; an empty one is none. */
const NUMBERS =
  "length(key) || ' ' || length(value) || ' ' || ifnull(checksum, '') || ' ' || ifnull(expires, '') || ' '"

function sqlOf(value: string, table: string, operator: Operator): string {
  return `select cast(group_concat(key || value, '') as blob), cast(group_concat(${NUMBERS}, '') as blob), count(*),
      sum(typeof(key) = 'blob' and typeof(value) = 'blob'), max(key)
    from (select key, ${value} as value, expires, checksum from ${table} where key ${operator} ? order by key limit ${PAGE_ROWS})`
}

/** Texts made once. */
const IN_ROWS = { '>=': sqlOf(SHORT, 'kv', '>='), '>': sqlOf(SHORT, 'kv', '>') }
const OF_LONG = `iif(long is null, value, (select ${SHORT} from kv_long where id = kv_entry.long))`
const IN_CLUSTERED = { '>=': sqlOf(OF_LONG, 'kv_entry', '>='), '>': sqlOf(OF_LONG, 'kv_entry', '>') }

/** The entries from or after a key on. Throws what the engine throws. */
export function packedPage(connection: Connection, operator: Operator, key: SqlValue): PackedPage {
  const sql = (connection.layout === CLUSTERED ? IN_CLUSTERED : IN_ROWS)[operator]
  const [bytes, numbers, count, blobs, last] = connection.statement(sql).get(key) as Row
  if (count === 0) return { isSound: true, count, unchecked: 0, last }
  const unchecked = blobs === count && bytes && numbers ? uncheckedOf(bytes, numbers, count) : undefined
  return { isSound: unchecked !== undefined, count, unchecked: unchecked ?? 0, last }
}

/** How many entries have no checksum; `undefined` when one does not match its own, or has what no entry has. */
function uncheckedOf(bytes: Uint8Array, numbers: Uint8Array, count: number): number | undefined {
  let at = 0
  let digit = 0
  let unchecked = 0
  /** The next number; NaN for none, and for what is no number from 0 on. */
  const next = (): number => {
    let number = numbers[digit] === BLANK ? Number.NaN : 0
    for (let code = numbers[digit++]!; code !== BLANK && digit <= numbers.length; code = numbers[digit++]!)
      number = code < ZERO ? Number.NaN : number * 10 + (code - ZERO)
    return number
  }
  for (let n = 0; n < count; n++) {
    const end = at + next() + next()
    const hasSum = numbers[digit] !== BLANK
    const sum = next()
    const hasExpiry = numbers[digit] !== BLANK
    const expires = next()
    if (!(end <= bytes.length) || (hasExpiry && !(expires <= LATEST_EXPIRY))) return undefined
    if (hasSum) {
      const found = crc32(bytes, at, end - at, 0)
      if (sum !== (hasExpiry ? withExpiry(found, expires) : found)) return undefined
    } else unchecked++
    at = end
  }
  return at === bytes.length ? unchecked : undefined
}
