import { interrupted } from '../../errors.ts'
import type { Awaitable, Changes } from '../../store/driver.ts'
import type { Change } from '../../store/entry.ts'

/** Where a subscription takes its changes from. */
export interface Feed {
  /** Everything up to here was pulled. */
  readonly position: string
  /**
   * The next changes; an empty list when what is new is about other keys, `undefined` when nothing is new. Need not
   * settle otherwise before {@link close} is called.
   */
  pull(): Awaitable<Change[] | undefined>
  /** Lets the process end, although a pull may be under way. */
  unref?(): void
  /** Called once, when the subscription is over. A pull that is under way is to settle soon, in any way. */
  close(): Awaitable<void>
}

/** Who keeps subscriptions. */
interface Owner {
  /** {@link Subscription.isRef} has become false. */
  onUnref(subscription: Subscription): void
  /** The feed was closed. */
  onEnd(subscription: Subscription): Awaitable<void>
}

/**
 * A watch over a feed: the consumer pulls, so one that is slow costs no memory. Whoever owns the
 * feed calls {@link wake} when something may be new.
 */
export class Subscription implements Changes {
  readonly #feed: Feed
  readonly #signal: AbortSignal | undefined
  readonly #owner: Owner
  #isRef = true
  #mayBeNew = true
  #wakeConsumer: (() => void) | undefined
  #failure: { readonly error: unknown } | undefined
  #ended: Promise<void> | undefined

  constructor(feed: Feed, signal: AbortSignal | undefined, owner: Owner) {
    this.#feed = feed
    this.#owner = owner
    this.#signal = signal
    signal?.addEventListener('abort', this.#onAbort)
    if (signal?.aborted) this.#onAbort()
  }

  get position(): string {
    return this.#feed.position
  }

  /** Whether the process is to run on for this watch alone. */
  get isRef(): boolean {
    return this.#isRef
  }

  unref(): void {
    this.#isRef = false
    this.#feed.unref?.()
    this.#owner.onUnref(this)
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
      await new Promise((resolve) => void setImmediate(resolve))
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
    await this.#owner.onEnd(this)
  }

  readonly #onAbort = (): void => void this.fail(interrupted(this.#signal))
}
