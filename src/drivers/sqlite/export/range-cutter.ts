import type { RangeQuery } from '../../../store/driver/driver.ts'
import type { Connection } from '../file/connection.ts'
import { keyAt } from '../read/range.ts'

/** Entries of a page: at first, and at most. */
const FIRST_ROWS = 500
const MAX_ROWS = 4000
/** Bytes that should come of a page. */
const PAGE_BYTES = 1 << 19
const NOTHING = new Uint8Array()

/** A part of a range whose entries are read at once. */
export type RangePart = Pick<RangeQuery, 'start' | 'end'>

/** Cuts a range into pages that take about the same memory. */
export class RangeCutter {
  readonly #connection: Connection
  readonly #end: Uint8Array | undefined
  #start: Uint8Array
  #left: number
  #rows = FIRST_ROWS
  #done = false

  constructor(connection: Connection, { start, end, limit }: RangeQuery) {
    this.#connection = connection
    this.#start = start ?? NOTHING
    this.#end = end
    this.#left = limit
  }

  /** The next page; `undefined` after the last. With a limit, {@link learn} comes first. */
  cut(): RangePart | undefined {
    if (this.#done || this.#left <= 0) return undefined
    const rest = { start: this.#start, end: this.#end }
    const next = this.#connection.read(() => keyAt(this.#connection, rest, Math.min(this.#rows, this.#left)))
    if (next === undefined) this.#done = true
    else this.#start = next
    return { start: rest.start, end: next ?? this.#end }
  }

  /**
   * How many entries a page had, and how many bytes came of them, tells how many the next should have; without bytes
   * nothing can be told.
   */
  learn(count: number, bytes: number | undefined): void {
    this.#left -= count
    if (bytes === undefined) return
    const fitting = Math.floor((PAGE_BYTES * count) / Math.max(1, bytes))
    this.#rows = Math.max(1, Math.min(MAX_ROWS, 2 * this.#rows, fitting))
  }
}
