import { type KvError, usageError } from '../errors.ts'
import type { Abortable, Changes } from './driver.ts'
import type { Change } from './entry.ts'
import type { KeyInput } from './input.ts'
import type { RangeOptions } from './range.ts'

/** The position before everything, whatever the driver: a watch from here on reports what is there, and then changes. */
export const BEGINNING = '0'

/** For what is no position: those are made by drivers, and mean something to them alone. Exit 2. */
export function notAPosition(): KvError {
  return usageError('not a position of a watch', 'positions stand in the changes that a watch reports')
}

/** Throws `KV_USAGE` for what no driver takes for a position: it is printable ASCII, 1 to 128 bytes without blanks. */
export function checkPosition(position: string): void {
  if (typeof position !== 'string' || !/^[!-~]{1,128}$/.test(position)) throw notAPosition()
}

/** What to watch: one key or a range, by default every key. */
export interface WatchOptions extends Abortable, Pick<RangeOptions, 'gt' | 'gte' | 'lt' | 'lte' | 'prefix'> {
  /** This key alone. */
  key?: KeyInput | undefined
  /**
   * Go on after this position, which stood in a change or in `position` of a watch before. `'0'`: report
   * what is there when the watch is first read, as puts, and then what happens to it; of these puts only the last has a
   * position to go on from. Default: from now on.
   */
  after?: string | undefined
  /**
   * Keep changes for a minute after this watch has ended, for another that goes on after its position.
   * Default: false, the last watch to end leaves nothing behind.
   */
  resumable?: boolean | undefined
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
