import type { Change } from '../driver/entry.ts'
import type { Watch } from '../watch.ts'
import type { ViewChange } from './view-options.ts'

/** A watch of a view that stands, see {@link Watch}: iterate it for the changes one by one. */
export class ViewWatch<K, V> implements AsyncIterable<ViewChange<K, V>>, AsyncDisposable {
  readonly #watch: Watch
  readonly #shown: (change: Change) => ViewChange<K, V>

  /** Made by `watch()` of a view. */
  constructor(watch: Watch, shown: (change: Change) => ViewChange<K, V>) {
    this.#watch = watch
    this.#shown = shown
  }

  /** Another watch that goes on after this misses nothing and repeats nothing. */
  get position(): string {
    return this.#watch.position
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ViewChange<K, V>, void, void> {
    for await (const change of this.#watch) yield this.#shown(change)
  }

  /** Lets the process end although this watch stands. Returns the watch. */
  unref(): this {
    this.#watch.unref()
    return this
  }

  /** Ends the watch. Safe to call again. */
  close(): Promise<void> {
    return this.#watch.close()
  }

  /** `await using watch = await store.text().watch(...)` ends it. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
