import { turn } from '../../../async.ts'
import { type Block, blockKey, blockOf, blockPart, lifetimeOf } from '../../../blocks/block.ts'
import { checksum } from '../../../blocks/checksum.ts'
import type { RangeQuery } from '../../../store/driver/driver.ts'
import { damagedRow } from '../engine/result-codes.ts'
import type { Connection } from '../file/connection.ts'
import { LONG_VALUE, longValue } from '../read/range.ts'
import type { PackingThread } from './packing-thread.ts'
import { limitScanCache } from './page.ts'
import { RangeCutter, type RangePart } from './range-cutter.ts'
import { type PackedRows, RowPacker } from './row-packer.ts'

/** Bytes after which a range counts as long. */
const LONG_BYTES = 1 << 22

const BLANK = 0x20
const ZERO = 0x30

/**
 * A forward range in blocks that the engine packs, several times quicker than row by row, on a snapshot that the caller
 * holds. An entry with a long value is a block of its own. An entry keeps its checksum, so that damage is not copied
 * unnoticed.
 *
 * @param startThread starts a thread that reads the rest of the same snapshot ahead; called once, when the range proves long
 */
export async function* rangeBlocks(
  connection: Connection,
  query: RangeQuery,
  now: number,
  startThread?: () => PackingThread | undefined,
): AsyncGenerator<Block, void, void> {
  const packer = new RowPacker()
  let range = new RangeCutter(connection, query)
  let thread: PackingThread | undefined
  let read = 0
  try {
    for (let page = range.cut(); page !== undefined; page = range.cut()) {
      const rows = packer.pack(connection, page, now)
      range.learn(rows.count, rows.bytes?.length)
      yield* blocksOf(connection, unpack(rows))
      if (read <= LONG_BYTES && (read += rows.bytes?.length ?? 0) > LONG_BYTES) {
        limitScanCache(connection)
        // It would read on behind a limit.
        if (query.limit === Infinity) thread = startThread?.()
      }
      // Its first message comes in a turn of the event loop.
      if (thread?.isStarting === true) await turn()
      if (thread?.isReady !== true) continue
      const start = yield* readBy(thread, connection, { start: page.end, end: query.end }, now)
      if (start === undefined) return
      range = new RangeCutter(connection, { ...query, start })
    }
  } finally {
    await thread?.close()
  }
}

/** Takes what a thread reads of the rest of a range; returns where it could not go on, `undefined` when that is the end. */
async function* readBy(
  thread: PackingThread,
  connection: Connection,
  rest: RangePart,
  now: number,
): AsyncGenerator<Block, Uint8Array | undefined, void> {
  let { start } = rest
  if (start === undefined || start === rest.end) return undefined
  const pages = thread.read(rest, now)
  for (;;) {
    const { value, done } = await pages.next()
    if (done === true) return value === 'whole' ? undefined : start
    yield* blocksOf(connection, unpack(value))
    start = value.end ?? rest.end
  }
}

/** The rows of a page. */
interface Rows {
  /** Their bytes one behind the other, but for long values. */
  readonly block: Block
  /** Rows that have one, with their checksum as it is stored. */
  readonly long: readonly { readonly row: number; readonly sum: number }[]
}

/** The long values of a page, and the blocks between them. */
function* blocksOf(connection: Connection, { block, long }: Rows): Generator<Block, void, void> {
  let from = 0
  for (const { row, sum } of long) {
    if (row > from) yield blockPart(block, from, row)
    const key = blockKey(block, row)
    const value = longValue(connection, key)
    if (!(value instanceof Uint8Array)) throw damagedRow()
    const one = blockOf([
      { key, value, expires: block.expires === undefined ? undefined : lifetimeOf(block.expires[row]!).expires },
    ])
    yield Number.isNaN(sum) ? one : { ...one, checksums: Uint32Array.of(sum) }
    from = row + 1
  }
  if (from < block.count) yield blockPart(block, from, block.count)
}

const NOTHING = new Uint8Array()

/** Throws where the numbers do not fit the bytes. */
function unpack({ bytes = NOTHING, numbers: text = NOTHING, count, isExpiring }: PackedRows): Rows {
  const column = (): Uint32Array<ArrayBuffer> => new Uint32Array(count)
  const [keyStart, keyLength, valueStart, valueLength, checksums] = [column(), column(), column(), column(), column()]
  const expires = isExpiring ? new Float64Array(count) : undefined
  const long: { row: number; sum: number }[] = []
  let digit = 0
  const next = (): number => {
    if (text[digit] === BLANK) {
      digit++
      return Number.NaN
    }
    let number = 0
    for (; digit < text.length && text[digit] !== BLANK; digit++) number = number * 10 + text[digit]! - ZERO
    digit++
    return number
  }
  let at = 0
  for (let row = 0; row < count; row++) {
    const start = (keyStart[row] = at)
    const keyEnd = start + (keyLength[row] = next())
    valueStart[row] = keyEnd
    const length = (valueLength[row] = next())
    const sum = next()
    const end = isExpiring ? next() : Number.NaN
    if (expires !== undefined) expires[row] = end
    if (length > LONG_VALUE) {
      long.push({ row, sum })
      at = keyEnd
      continue
    }
    at = keyEnd + length
    checksums[row] = Number.isNaN(sum)
      ? checksum(bytes.subarray(start, keyEnd), bytes.subarray(keyEnd, at), Number.isNaN(end) ? undefined : end)
      : sum
  }
  if (at !== bytes.length) throw damagedRow()
  return { block: { bytes, count, keyStart, keyLength, valueStart, valueLength, expires, checksums }, long }
}
