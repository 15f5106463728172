import { compareBytes, prefixEnd, successor } from '../../../bytes.ts'
import { type EtcdRange, isLast } from '../keys.ts'
import type { RangePage } from '../wire/range-page.ts'
import { PageSize } from './page-size.ts'
import type { Part, Snapshot, Wanted } from './snapshot.ts'

/** The entries of a range in pages, none of which is empty. */
export async function* forwardPages(
  snapshot: Snapshot,
  range: EtcdRange,
  { limit, keysOnly }: Wanted,
  signal: AbortSignal | undefined,
): AsyncGenerator<RangePage, void, void> {
  const size = new PageSize()
  const windows = new Windows(range)
  for (let left = limit; left > 0;) {
    const part = await snapshot.ask(windows.next, { limit: Math.min(left, size.entries), keysOnly }, signal)
    size.learn(part)
    left -= part.page.count
    if (part.page.count > 0) yield part.page
    if (!windows.advance(part, size.entries)) return
  }
}

/** A window with more entries is made smaller, when they are also this many times those of a page. */
const SMALL = 20_000
const WIDE = 4
/** Bytes of keys that are looked at. */
const DEPTH = 256

/**
 * Where to go on in a range. For each page etcd walks the index of all of the range that is asked for, also what comes after the
 * page. So once that is much, each page is asked for in a window: the keys that share their first bytes. A window hides no key,
 * since the next begins where it ends.
 */
export class Windows {
  readonly #range: EtcdRange
  #window: EtcdRange
  /** Bytes that the keys of a window share; `undefined`: the window is all that is left. */
  #shared: number | undefined
  /** Entries that came of this window. */
  #received = 0
  /** Windows in a row that were empty. */
  #empty = 0
  /** Entries of the range that have not come. */
  #left = Infinity
  /** For each place in a key the least byte that the first key of a page had there. */
  readonly #least: number[] = []

  constructor(range: EtcdRange) {
    this.#range = range
    this.#window = range
  }

  /** What to ask for. */
  get next(): EtcdRange {
    return this.#window
  }

  /** Goes on after a part of what was to be asked for; false at the end of the range. */
  advance({ received, more, total, firstKey, lastKey }: Part, pageEntries: number): boolean {
    if (this.#left === Infinity) this.#left = total
    this.#left -= received
    if (this.#left <= 0) return false
    this.#received += received
    if (firstKey !== undefined) this.#learn(firstKey)
    if (more) {
      const key = successor(lastKey!)
      const isWide = total > Math.max(SMALL, WIDE * pageEntries)
      if (isWide) {
        const common = sharedLength(firstKey!, lastKey!)
        this.#shared = this.#shared === undefined || common > this.#shared ? common : this.#shared + 1
        this.#begin(key, lastKey!.subarray(0, this.#shared))
      } else this.#window = { key, rangeEnd: this.#window.rangeEnd }
      return true
    }
    const key = this.#window.rangeEnd
    const empty = this.#received === 0 ? this.#empty + 1 : 0
    if (empty === 0 && this.#received < pageEntries / 2 && this.#shared! > 0) this.#shared!--
    // Wider and wider, so that a gap is soon passed; in between where keys probably are.
    const isWider = empty % 2 === 1
    this.#begin(key, isWider ? key.subarray(0, -(2 ** ((empty - 1) / 2))) : this.#likely(key))
    this.#empty = empty
    return true
  }

  /** The window from a key to the last of those that begin with a prefix. */
  #begin(key: Uint8Array, prefix: Uint8Array): void {
    const { rangeEnd } = this.#range
    const end = prefixEnd(prefix)
    const isWithin = end !== undefined && (isLast(rangeEnd) || compareBytes(end, rangeEnd) < 0)
    this.#window = { key, rangeEnd: isWithin ? end : rangeEnd }
    this.#received = 0
    this.#empty = 0
  }

  /** The first bytes that the next key may have after the end of a window, which is shorter than keys are. */
  #likely(key: Uint8Array): Uint8Array {
    const shared = this.#shared ?? 0
    if (key.length >= shared) return key.subarray(0, shared)
    return Uint8Array.of(...key, ...this.#least.slice(key.length, shared))
  }

  #learn(key: Uint8Array): void {
    const length = Math.min(key.length, DEPTH)
    for (let i = 0; i < length; i++) this.#least[i] = Math.min(this.#least[i] ?? 0xff, key[i]!)
  }
}

/** How many bytes two keys share at their beginning. */
export function sharedLength(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length)
  let at = 0
  while (at < length && a[at] === b[at]) at++
  return at
}
