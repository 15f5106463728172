import type { Block } from '../../store/block.ts'
import type { Transaction } from './writer.ts'
import { ON_CONFLICT } from './writer.ts'

/** ASCII digits that describe one row: value and key position and length, checksum, expiry (blank: none). */
const FIELDS = { keyStart: 10, keyLength: 5, valueStart: 10, valueLength: 9, checksum: 10, expires: 16 } as const
const ROW_BYTES = Object.values(FIELDS).reduce((sum, width) => sum + width, 0)

/** Rows one statement inserts; the numbers 0 to this one below stand in a temporary table. */
const ROWS = 1 << 16

/** Larger keys and values, and blocks beyond these digits, are not for this path. */
const MAX_START = 10 ** FIELDS.keyStart

/** Loads blocks into a transaction, all under one revision, which only a block with entries takes. */
export function blockLoader(transaction: Transaction): (block: Block) => void {
  let revision: number | undefined
  return (block) => {
    if (block.count === 0) return
    revision ??= transaction.nextRevision()
    loadBlock(transaction, block, revision)
  }
}

/**
 * Inserts a block with one statement per 65,536 rows. The statement gets the whole buffer and a
 * table of digits that says where each key and value lies, and cuts them out itself: half the
 * time of a call per row, which goes into crossing from JavaScript to the engine.
 */
function loadBlock({ database }: Transaction, block: Block, revision: number): void {
  if (block.bytes.length >= MAX_START) throw new RangeError(`a block of ${block.bytes.length} bytes`)
  database.once('temp.kv_row', () =>
    database.exec(`pragma temp_store = memory; create temp table kv_row(i integer primary key);
      with recursive n(i) as (select 0 union all select i + 1 from n where i + 1 < ${ROWS}) insert into kv_row select i from n`),
  )
  const insert = database.statement(INSERT)
  const digits = Buffer.allocUnsafe(Math.min(block.count, ROWS) * ROW_BYTES)
  for (let from = 0; from < block.count; from += ROWS) {
    const count = Math.min(ROWS, block.count - from)
    describe(block, from, count, digits)
    insert.run(revision, block.bytes, digits.subarray(0, count * ROW_BYTES), count)
  }
}

function describe(block: Block, from: number, count: number, digits: Buffer): void {
  const { keyStart, keyLength, valueStart, valueLength, checksums, expires } = block
  let at = 0
  for (let i = from; i < from + count; i++) {
    // substr() counts from 1.
    at = write(digits, at, FIELDS.keyStart, keyStart[i]! + 1)
    at = write(digits, at, FIELDS.keyLength, keyLength[i]!)
    at = write(digits, at, FIELDS.valueStart, valueStart[i]! + 1)
    at = write(digits, at, FIELDS.valueLength, valueLength[i]!)
    at = write(digits, at, FIELDS.checksum, checksums[i]!)
    const expiry = expires === undefined ? NaN : expires[i]!
    if (Number.isNaN(expiry)) digits.fill(0x20, at, at + FIELDS.expires)
    else digits.write(String(expiry).padStart(FIELDS.expires), at, 'latin1')
    at += FIELDS.expires
  }
}

/** Writes a number in decimal digits, right-aligned in zeros; returns the position after it. */
function write(digits: Buffer, at: number, width: number, value: number): number {
  let rest = value
  for (let position = at + width - 1; position >= at; position--) {
    const next = Math.floor(rest / 10)
    digits[position] = 0x30 + (rest - next * 10)
    rest = next
  }
  return at + width
}

const INSERT = (() => {
  let offset = 1
  const field: Record<string, string> = {}
  for (const [name, width] of Object.entries(FIELDS)) {
    field[name] = `substr(?3, i * ${ROW_BYTES} + ${offset}, ${width})`
    offset += width
  }
  const number = (name: keyof typeof FIELDS): string => `cast(${field[name]} as integer)`
  return `insert into kv (key, value, revision, expires, checksum)
    select substr(?2, ${number('keyStart')}, ${number('keyLength')}), substr(?2, ${number('valueStart')}, ${number('valueLength')}),
      ?1, cast(nullif(trim(cast(${field['expires']} as text)), '') as integer), ${number('checksum')}
    from temp.kv_row where i < ?4 order by i ${ON_CONFLICT}`
})()
