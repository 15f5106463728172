import { successor } from '../../../bytes.ts'
import type { EtcdRange } from '../keys.ts'
import type { RangePage } from '../wire/range-page.ts'
import { cutsBetween } from './cuts.ts'
import { keyAt, lastOf } from './page.ts'
import { PageSize } from './page-size.ts'
import type { Snapshot, Wanted, Window } from './snapshot.ts'

/** Of so many entries the keys are read, to find a place among them. */
const KEYS_AT_ONCE = 256

/**
 * The last pages of a range first, none of which is empty; in each the keys ascend. etcd gives only the first entries of a
 * range, or sorts them all. So the range is divided into windows whose entries are counted, and the last window again, until
 * it has no more than a page.
 *
 * @param maxTxnOps windows that one request may count
 */
export async function* reversePages(
  snapshot: Snapshot,
  range: EtcdRange,
  { limit, keysOnly }: Wanted,
  maxTxnOps: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<RangePage, void, void> {
  const size = new PageSize()
  const withValues = !keysOnly && limit === Infinity
  const first = await snapshot.ask(range, { limit: size.entries, keysOnly: !withValues }, signal)
  if (first.received === 0) return
  if (!first.more && (withValues || keysOnly)) {
    if (first.page.count > 0) yield lastOf(first.page, limit)
    return
  }
  const windows: Window[] = [{ ...range, key: first.firstKey!, count: first.total }]
  let left = limit
  for (let window = windows.pop(); window !== undefined && left > 0; window = windows.pop()) {
    const most = Math.min(left, size.entries)
    if (window.count > KEYS_AT_ONCE && window.count > most) {
      windows.push(...(await divided(snapshot, window, maxTxnOps, signal)))
      continue
    }
    if (window.count > most) {
      const { page, received } = await snapshot.ask(window, { limit: window.count, keysOnly: true }, signal)
      const before = page.count - most
      if (before > 0) {
        const key = keyAt(page, before)
        // At most so many: of those that have expired nobody knows on which side they are.
        windows.push({ key: window.key, rangeEnd: key, count: received - most })
        window = { key, rangeEnd: window.rangeEnd, count: received - before }
      }
    }
    for (let before = windows.at(-1); before !== undefined; before = windows.at(-1)) {
      if (before.count + window.count > most) break
      window = { key: before.key, rangeEnd: window.rangeEnd, count: before.count + window.count }
      windows.pop()
    }
    const part = await snapshot.ask(window, { limit: window.count, keysOnly }, signal)
    size.learn(part)
    if (part.more) {
      // They were too large for one answer: the first of them are asked for again in their turn.
      const key = successor(part.lastKey!)
      windows.push({ key: window.key, rangeEnd: key, count: part.received })
      windows.push({ key, rangeEnd: window.rangeEnd, count: part.total - part.received })
      continue
    }
    if (part.page.count === 0) continue
    const page = lastOf(part.page, left)
    left -= page.count
    yield page
  }
}

/**
 * The last entries of a window in windows of their own, and the others in one: to count those as well would cost as much as to
 * walk over them.
 */
async function divided(
  snapshot: Snapshot,
  window: Window,
  maxTxnOps: number,
  signal: AbortSignal | undefined,
): Promise<Window[]> {
  const cuts = cutsBetween(window.key, window.rangeEnd, maxTxnOps)
  let { rangeEnd } = window
  for (let to = cuts.length; to > 0;) {
    const from = to >> 1
    const found = await snapshot.windows(cuts.slice(from, to), rangeEnd, signal)
    rangeEnd = cuts[from]!
    const count = window.count - found.reduce((sum, { count }) => sum + count, 0)
    if (found.length > 0) return [{ key: window.key, rangeEnd, count }, ...found]
    to = from
  }
  return [{ ...window, rangeEnd }]
}
