import { interrupted } from '../../errors.ts'
import type { Awaitable, Changes } from '../../store/driver.ts'
import type { Change } from '../../store/entry.ts'

/** Where a subscription takes its changes from. */
export interface Feed {
  /** Everything up to here was pulled. */
  readonly position: string
  /** The next changes; an empty list when what is new is about other keys, `undefined` when nothing is new. */
  pull(): Awaitable<Change[] | undefined>
  /** Called once, when the subscription is over. */
  release(): Promise<void>
}

/** Lets the process end, or keeps it running, for as long as one of some watches asks for that. */
export function holdProcess(timer: NodeJS.Timeout | undefined, subscriptions: Iterable<Subscription>): void {
  for (const { holdsProcess } of subscriptions) if (holdsProcess) return void timer?.ref()
  timer?.unref()
}

/**
 * A watch over a feed: the consumer pulls, so one that is slow costs no memory. Whoever owns the
 * feed calls {@link wake} when something may be new.
 */
export class Subscription implements Changes {
  readonly #feed: Feed
  readonly #signal: AbortSignal | undefined
  readonly #onUnref: () => void
  #holdsProcess = true
  #isNew = true
  #waiting: (() => void) | undefined
  #failure: { readonly error: unknown } | undefined
  #released: Promise<void> | undefined

  /** @param onUnref is told when {@link holdsProcess} is no longer so */
  constructor(feed: Feed, signal: AbortSignal | undefined, onUnref: () => void) {
    this.#feed = feed
    this.#onUnref = onUnref
    this.#signal = signal
    signal?.addEventListener('abort', this.#onAbort)
    if (signal?.aborted) this.#onAbort()
  }

  get position(): string {
    return this.#feed.position
  }

  /** Whether the process is to run on for this watch alone. */
  get holdsProcess(): boolean {
    return this.#holdsProcess
  }

  unref(): void {
    this.#holdsProcess = false
    this.#onUnref()
  }

  /** Something may be new. */
  wake(): void {
    this.#isNew = true
    this.#waiting?.()
  }

  /** Ends the watch with an error, which the consumer gets once. */
  fail(error: unknown): Promise<void> {
    if (this.#released === undefined) this.#failure = { error }
    return this.#end()
  }

  async next(): Promise<IteratorResult<Change[], void>> {
    while (this.#released === undefined) {
      if (!this.#isNew) {
        await new Promise<void>((resolve) => (this.#waiting = resolve))
        continue
      }
      this.#isNew = false
      const changes = await this.#pull()
      if (changes === undefined) continue
      this.#isNew = true
      if (changes.length > 0) return { done: false, value: changes }
      // Long stretches about other keys leave the event loop its turns.
      await new Promise((resolve) => void setImmediate(resolve))
    }
    await this.#released
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
      return this.#released === undefined ? changes : undefined
    } catch (error) {
      // What was closed or aborted under its hands has told why already.
      if (this.#released === undefined) void this.fail(error)
      return undefined
    }
  }

  #end(): Promise<void> {
    if (this.#released === undefined) {
      this.#signal?.removeEventListener('abort', this.#onAbort)
      this.#released = this.#feed.release()
      this.#released.catch(() => {})
      this.#waiting?.()
    }
    return this.#released
  }

  readonly #onAbort = (): void => void this.fail(interrupted(this.#signal))
}
