import { turn } from '../../async.ts'
import { closedError, interrupted } from '../../errors.ts'
import type { Awaitable, Changes } from '../../store/driver/driver.ts'
import type { Change } from '../../store/driver/entry.ts'

/** Where a subscription takes its changes from. */
export interface Feed {
  /** Everything up to here was pulled. */
  readonly position: string
  /** The next changes; none when what is new is about other keys. `undefined`, or unsettled, while nothing is new. */
  pull(): Awaitable<Change[] | undefined>
  /** Lets the process end, although a pull may be under way. */
  unref?(): void
  /** Called once, at the end. A pull that is under way must then settle soon, in any way. */
  close(): Awaitable<void>
}

/** A watch over a feed: the consumer pulls, so one that is slow costs no memory. */
class Subscription implements Changes {
  readonly #feed: Feed
  readonly #signal: AbortSignal | undefined
  readonly #onUnref: () => void
  readonly #onEnd: () => Awaitable<void>
  /** Whether the process is to run on for this watch alone. */
  isRef = true
  #mayBeNew = true
  #wakeConsumer: (() => void) | undefined
  #failure: { readonly error: unknown } | undefined
  #ended: Promise<void> | undefined

  constructor(feed: Feed, signal: AbortSignal | undefined, onUnref: () => void, onEnd: () => Awaitable<void>) {
    this.#feed = feed
    this.#signal = signal
    this.#onUnref = onUnref
    this.#onEnd = onEnd
    signal?.addEventListener('abort', this.#onAbort)
    if (signal?.aborted) this.#onAbort()
  }

  get position(): string {
    return this.#feed.position
  }

  unref(): void {
    this.isRef = false
    this.#feed.unref?.()
    this.#onUnref()
  }

  /** Something may be new. */
  wake(): void {
    this.#mayBeNew = true
    this.#wakeConsumer?.()
  }

  /** Ends the watch with an error, which the consumer gets once. */
  fail(error: unknown): Promise<void> {
    if (this.#ended === undefined) this.#failure = { error }
    return this.#end()
  }

  async next(): Promise<IteratorResult<Change[], void>> {
    while (this.#ended === undefined) {
      if (!this.#mayBeNew) {
        await new Promise<void>((resolve) => (this.#wakeConsumer = resolve))
        continue
      }
      this.#mayBeNew = false
      const changes = await this.#pull()
      if (changes === undefined) continue
      this.#mayBeNew = true
      if (changes.length > 0) return { done: false, value: changes }
      // Long stretches about other keys leave the event loop its turns.
      await turn()
    }
    await this.#ended
    const failure = this.#failure
    this.#failure = undefined
    if (failure !== undefined) throw failure.error
    return { done: true, value: undefined }
  }

  async return(): Promise<IteratorResult<Change[], void>> {
    await this.#end()
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async #pull(): Promise<Change[] | undefined> {
    try {
      const changes = await this.#feed.pull()
      return this.#ended === undefined ? changes : undefined
    } catch (error) {
      // A pull that was cut short by the end does not change why the watch ended.
      if (this.#ended === undefined) void this.fail(error)
      return undefined
    }
  }

  #end(): Promise<void> {
    if (this.#ended === undefined) {
      this.#signal?.removeEventListener('abort', this.#onAbort)
      this.#ended = this.#close()
      this.#ended.catch(() => {})
      this.#wakeConsumer?.()
    }
    return this.#ended
  }

  async #close(): Promise<void> {
    await this.#feed.close()
    await this.#onEnd()
  }

  readonly #onAbort = (): void => void this.fail(interrupted(this.#signal))
}

/** How long changes are kept for a watch that goes on, in milliseconds. */
export const RESUME_MS = 60_000

/** The watches of one store in this process, and the timer by which their driver looks for what is new. */
export class Subscriptions<F extends Feed = Feed> {
  readonly #feeds = new Map<Subscription, F>()
  readonly #onLastEnd: () => Awaitable<void>
  #timer: NodeJS.Timeout | undefined
  /** Until when changes are to be kept for a watch that goes on, in milliseconds since 1970. */
  resumableUntil = 0

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

  /** A new watch. With `resumable`, changes are to be kept after its end for another that goes on. */
  add(feed: F, signal: AbortSignal | undefined, resumable = false): Subscription {
    const onEnd = async (): Promise<void> => {
      this.#feeds.delete(subscription)
      this.#refTimer()
      if (resumable) this.resumableUntil = Date.now() + RESUME_MS
      if (this.#feeds.size === 0) await this.#onLastEnd()
    }
    const subscription: Subscription = new Subscription(feed, signal, () => this.#refTimer(), onEnd)
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
