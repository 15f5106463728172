import { turn } from '../../../async.ts'
import type { RangeQuery } from '../../../store/driver/driver.ts'
import type { TextForm } from '../../../store/driver/text-form.ts'
import type { Entry } from '../../../store/driver/entry.ts'
import type { Connection } from '../file/connection.ts'
import { damagedRow } from '../engine/result-codes.ts'
import { liveEntry } from '../read/lookup.ts'
import { pages } from '../read/range.ts'
import { deadBufferCollector } from './dead-buffers.ts'
import type { ExportThread } from './export-thread.ts'
import { type PageText, limitScanCache, isLarge, makeText, textBytes } from './page.ts'
import { RangeCutter, type RangePart } from './range-cutter.ts'
import { RowText } from './row-text.ts'

/** Text after which a range counts as long: a thread that helps takes some 30 ms to start. */
const LONG_BYTES = 1 << 22
/** The same where all of a large store is asked for, and only who looks at its beginning is to be spared the thread. */
const EARLY_LONG_BYTES = 1 << 18
/** Pages after which the memory of those that were written is freed, in a long range. */
const FREE_EVERY = 8
/** Pages cut off in advance where a thread helps; each is being made, or made and not yet taken. */
const AHEAD = 6

/** Means for a long range. */
export interface LongRangeOptions {
  /** Starts a thread that makes pages of the same snapshot; called once, when the range proves long. */
  readonly startThread: (() => ExportThread | undefined) | undefined
}

/** A page cut off and not yet handed out. */
interface Task {
  readonly page: RangePart
  made?: PageText | Promise<PageText | undefined>
}

/**
 * A forward range as text that the engine makes of whole pages, five times quicker than row by row, on a snapshot that
 * the caller holds. An entry with a long value comes as such; so do all of a page with bytes that are not UTF-8, or with
 * an expiry that the form has no place for.
 *
 * @param long how to go about a long range when that is all the process is for
 */
export async function* rangeText(
  connection: Connection,
  query: RangeQuery,
  form: TextForm,
  now: number,
  long?: LongRangeOptions,
): AsyncGenerator<Uint8Array | Entry[], void, void> {
  const range = new RangeCutter(connection, query)
  const text = new RowText(form, connection.layout)
  const tasks: Task[] = []
  let thread: ExportThread | undefined
  let freeDead: (() => void) | undefined
  let bytes = 0
  let pagesMade = 0
  let isLong = false
  try {
    for (;;) {
      // Its messages come in turns of the event loop.
      if (thread !== undefined) await turn()
      while (tasks.length < (thread?.isReady === true ? AHEAD : 1)) {
        const page = range.cut()
        if (page === undefined) break
        tasks.push({ page })
      }
      const task = tasks[0]
      if (task === undefined) return
      // The first is for this thread, unless it is given out already.
      for (const later of tasks.slice(1))
        if (later.made === undefined && thread?.hasRoom === true) later.made = thread.make(later.page, now)
      if (task.made instanceof Promise) {
        // While the other thread is at it.
        const own = tasks.find(({ made }) => made === undefined)
        if (own !== undefined) own.made = makeText(connection, own.page, text, now)
      }
      const made = (await task.made) ?? makeText(connection, task.page, text, now)
      tasks.shift()
      range.learn(made.count, made.parts && textBytes(made.parts))
      if (made.parts !== undefined) {
        for (const part of made.parts) yield 'text' in part ? part.text : [longEntry(connection, part.key, now)]
      } else if (made.count > 0) {
        const { start, end } = task.page
        for (const page of pages(connection, { ...query, start, end, limit: Infinity }, now)) yield page.entries
      }
      bytes += textBytes(made.parts)
      if (
        long !== undefined &&
        !isLong &&
        (bytes > LONG_BYTES || (bytes > EARLY_LONG_BYTES && isAll(query) && isLarge(connection)))
      ) {
        isLong = true
        limitScanCache(connection)
        // With a limit, a page is cut when it is known what came of the one before.
        if (query.limit === Infinity) thread = long.startThread?.()
      }
      // Not while the thread starts, since it would do so under other flags of V8.
      if (isLong && ++pagesMade % FREE_EVERY === 0 && thread?.isStarting !== true)
        (freeDead ??= deadBufferCollector())()
    }
  } finally {
    await thread?.close()
  }
}

/** An entry that a page left out. */
function longEntry(connection: Connection, key: Uint8Array, now: number): Entry {
  const entry = liveEntry(connection, key, now)
  if (entry === undefined) throw damagedRow()
  return entry
}

function isAll({ start, end }: RangeQuery): boolean {
  return start === undefined && end === undefined
}
