import { type KvError, usageError } from '../errors.ts'
import { successor } from '../bytes.ts'
import type { Abortable, Changes, Limits, WatchQuery } from './driver/driver.ts'
import type { Change } from './driver/entry.ts'
import { type KeyInput, flagOf } from './input.ts'
import { ownKeyOf } from './operations.ts'
import { type RangeOptions, toQuery } from './range.ts'

/** The position before everything, for any driver: a watch from here on reports all entries, then changes. */
export const BEGINNING = '0'

/** For what is no position: those are made by drivers, and mean something to them alone. Exit 2. */
export function notAPosition(): KvError {
  return usageError('not a position of a watch', 'positions stand in the changes that a watch reports')
}

/** What to watch: one key or a range, by default every key. */
export interface WatchOptions extends Abortable, Pick<RangeOptions, 'gt' | 'gte' | 'lt' | 'lte' | 'prefix'> {
  /** This key alone. */
  key?: KeyInput | undefined
  /**
   * Continue after this position of a change or of a watch. `'0'`: first report the entries that exist, as puts, of
   * which only the last has a position to continue from. Default: from now on.
   */
  after?: string | undefined
  /** Keep changes for a minute after this watch has ended, for another that continues after it. Default: false. */
  resumable?: boolean | undefined
}

/** Names of {@link WatchOptions}. */
export const WATCH_NAMES = ['key', 'gt', 'gte', 'lt', 'lte', 'prefix', 'after', 'resumable', 'signal']

/** What a driver has to watch. Throws `KV_USAGE` for what no key can be in, and for what is no position. */
export function toWatchQuery(
  { key, after, resumable, ...range }: Omit<WatchOptions, 'signal'>,
  limits: Limits,
): WatchQuery {
  const isResumable = flagOf(resumable, 'resumable') ?? false
  if (key !== undefined && Object.values(range).some((bound) => bound !== undefined))
    throw usageError('a watch of one key takes no range')
  const start = key === undefined ? undefined : ownKeyOf(key, limits)
  const query = start === undefined ? toQuery(range) : { start, end: successor(start) }
  if (query === undefined) throw usageError('no key can be in this range')
  // It is the driver's, and means something to it alone: printable ASCII without blanks.
  if (after !== undefined && !(typeof after === 'string' && /^[!-~]{1,128}$/.test(after))) throw notAPosition()
  return { start: query.start, end: query.end, after, resumable: isResumable }
}

/** A watch that stands. Iterate it for the changes one by one; `close()`, or leaving the loop, ends it. */
export class Watch implements AsyncIterable<Change>, AsyncDisposable {
  readonly #changes: Changes
  /** Of the change handed out last, while others of its page follow. */
  #positionInPage: string | undefined

  constructor(changes: Changes) {
    this.#changes = changes
  }

  /** Another watch that goes on after this misses nothing and repeats nothing. */
  get position(): string {
    return this.#positionInPage ?? this.#changes.position
  }

  /** The changes in pages: cheaper for many. No page is empty. */
  pages(): AsyncIterable<Change[]> {
    return this.#changes
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Change, void, void> {
    for await (const page of this.#changes) {
      for (const change of page) {
        this.#positionInPage = change.position
        yield change
      }
      this.#positionInPage = undefined
    }
  }

  /** Lets the process end although this watch stands, as `unref()` of a timer does. Returns the watch. */
  unref(): this {
    this.#changes.unref()
    return this
  }

  /** Ends the watch. Safe to call again. */
  async close(): Promise<void> {
    await this.#changes.return()
  }

  /** `await using watch = await store.watch(...)` ends it. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
