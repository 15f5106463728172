/** How rows of a block are handed to the engine: as the buffer they lie in, and digits that say where each key and value lies. */
import type { Block } from '../../../blocks/block.ts'
import type { Connection } from '../file/connection.ts'
import { INLINE_BYTES } from '../layout/clustered.ts'

/** Rows one statement inserts at most: the engine keeps each page it changes in memory, nearly one for each row. */
export const ROWS_PER_INSERT = 1 << 14

/** Sizes of the temporary table that holds the numbers from 0 on; making the largest takes 3 ms. */
const NUMBERS = [1 << 10, ROWS_PER_INSERT]

/** A length of a key, and a length of a value, take that many bits below the position. */
const KEY_BITS = 16
export const VALUE_BITS = 26

/** Decimal digits of a field of a row, and of the group written at once. */
export const DIGITS = 16
export const GROUP = 4

/** Added to an expiry so that it is positive; a field of zeros is none. */
const EXPIRY_BASE = 1e15

/** The digits of the numbers below 10,000, each group as one word; made by the first load. */
let groups: Uint32Array | undefined

function digitGroups(): Uint32Array {
  const text = Buffer.from(
    Array.from({ length: 10 ** GROUP }, (_, n) => String(n).padStart(GROUP, '0')).join(''),
    'latin1',
  )
  return new Uint32Array(new Uint8Array(text).buffer)
}

/** Provides the temporary table of numbers for so many rows. */
export function provideNumbers(connection: Connection, rows: number): void {
  connection.once('temp.kv_row', () =>
    connection.exec('pragma temp_store = memory; create temp table if not exists kv_row(i integer primary key)'),
  )
  const size = NUMBERS.find((numbers) => numbers >= rows)!
  connection.once(`temp.kv_row of ${size}`, () =>
    connection.exec(
      `with recursive n(i) as (select 0 union all select i + 1 from n where i + 1 < ${size}) insert or ignore into kv_row select i from n`,
    ),
  )
}

/** Writes the digits of `count` rows; returns the part of the buffer that their positions count in. */
export function encodePositions(block: Block, from: number, count: number, digits: Uint32Array): Uint8Array {
  const { keyStart, keyLength, valueStart, valueLength, checksums, expires } = block
  groups ??= digitGroups()
  let start = block.bytes.length
  let end = 0
  for (let i = from; i < from + count; i++) {
    start = Math.min(start, keyStart[i]!, valueStart[i]!)
    end = Math.max(end, keyStart[i]! + keyLength[i]!, valueStart[i]! + valueLength[i]!)
  }
  // substr() counts from 1.
  const before = start - 1
  let at = 0
  for (let i = from; i < from + count; i++) {
    at = write(groups, digits, at, (keyStart[i]! - before) * 2 ** KEY_BITS + keyLength[i]!)
    at = write(groups, digits, at, (valueStart[i]! - before) * 2 ** VALUE_BITS + valueLength[i]!)
    at = write(groups, digits, at, checksums[i]!)
    if (expires !== undefined) at = write(groups, digits, at, Number.isNaN(expires[i]) ? 0 : expires[i]! + EXPIRY_BASE)
  }
  return block.bytes.subarray(start, end)
}

/** Writes a field, right-aligned in zeros; returns the position after it. */
function write(groups: Uint32Array, digits: Uint32Array, at: number, value: number): number {
  const high = Math.floor(value / 1e8)
  const low = value - high * 1e8
  const highest = (high / 1e4) | 0
  const third = (low / 1e4) | 0
  digits[at] = groups[highest]!
  digits[at + 1] = groups[high - highest * 1e4]!
  digits[at + 2] = groups[third]!
  digits[at + 3] = groups[low - third * 1e4]!
  return at + DIGITS / GROUP
}

/** Fields of a row: positions of key and value, and checksum. */
export const PLAIN = ['k', 'v', 'c']
/** The same, and when it expires. */
export const EXPIRING = [...PLAIN, 'e']

/** The key of a row, as arguments of `substr`; likewise its value. */
export const KEY = `k >> ${KEY_BITS}, k & ${2 ** KEY_BITS - 1}`
export const VALUE = `v >> ${VALUE_BITS}, v & ${2 ** VALUE_BITS - 1}`
/** Whether the value of a row is kept apart from its entry. */
export const IS_LONG = `(v & ${2 ** VALUE_BITS - 1}) > ${INLINE_BYTES}`

/** When a row expires. */
export function expiresIn(fields: readonly string[]): string {
  return fields === EXPIRING ? `nullif(e, 0) - ${EXPIRY_BASE}` : 'null'
}

/** The rows that the first `count` of the digits `rows` describe; both are parameters. */
export function described(fields: readonly string[], rows: string, count: string): string {
  const columns = fields.map(
    (name, n) =>
      `cast(substr(${rows}, i * ${fields.length * DIGITS} + ${n * DIGITS + 1}, ${DIGITS}) as integer) as ${name}`,
  )
  // The limit keeps the numbers apart from their uses, so that each is read once.
  return `(select i, ${columns.join(', ')} from temp.kv_row where i < ${count} order by i limit -1)`
}
