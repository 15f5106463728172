import { closedError } from '../../errors.ts'
import type { Awaitable } from '../../store/driver.ts'
import { type Feed, Subscription } from './subscription.ts'

/** How long changes are kept for a watch that goes on, in milliseconds. */
export const RESUME_MS = 60_000

/** The watches of one store in this process, and the timer by which their driver looks for what is new. */
export class Subscriptions<F extends Feed = Feed> {
  readonly #feeds = new Map<Subscription, F>()
  readonly #onLastEnd: () => Awaitable<void>
  #timer: NodeJS.Timeout | undefined
  #resumableUntil = 0

  /** @param onLastEnd called when the last watch has ended; the end of that watch waits for it */
  constructor(onLastEnd: () => Awaitable<void> = () => {}) {
    this.#onLastEnd = onLastEnd
  }

  /** How many watches stand. */
  get size(): number {
    return this.#feeds.size
  }

  /** What they read. */
  get feeds(): Iterable<F> {
    return this.#feeds.values()
  }

  /** Until when changes are to be kept for a watch that goes on, in milliseconds since 1970. */
  get resumableUntil(): number {
    return this.#resumableUntil
  }

  /** A new watch. With `resumable`, changes are to be kept after its end for another that goes on. */
  add(feed: F, signal: AbortSignal | undefined, resumable = false): Subscription {
    const subscription = new Subscription(feed, signal, {
      onUnref: () => this.#refTimer(),
      onEnd: async (ended) => {
        this.#feeds.delete(ended)
        this.#refTimer()
        if (resumable) this.#resumableUntil = Date.now() + RESUME_MS
        if (this.#feeds.size === 0) await this.#onLastEnd()
      },
    })
    this.#feeds.set(subscription, feed)
    this.#refTimer()
    return subscription
  }

  /** Something may be new for every watch. */
  wake(): void {
    for (const subscription of this.#feeds.keys()) subscription.wake()
  }

  /** Ends every watch with an error; settles when they have ended. */
  async fail(error: unknown): Promise<void> {
    await Promise.all([...this.#feeds.keys()].map((subscription) => subscription.fail(error)))
  }

  /** Ends every watch with `KV_CLOSED`. */
  close(): Promise<void> {
    return this.fail(closedError())
  }

  /** Calls `step` every `ms` milliseconds from now on, in place of what was called before. */
  repeat(step: () => void, ms: number): void {
    this.stopRepeating()
    this.#timer = setInterval(step, ms)
    this.#refTimer()
  }

  /** Ends what {@link repeat} began. */
  stopRepeating(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  /** The timer keeps the process running for as long as one of the watches asks for that. */
  #refTimer(): void {
    if ([...this.#feeds.keys()].some(({ isRef }) => isRef)) this.#timer?.ref()
    else this.#timer?.unref()
  }
}
