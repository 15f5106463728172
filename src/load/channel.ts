/**
 * Passes items from a sender to a receiver, one at a time: `send` settles when the receiver has taken the item and
 * asks for the next, so that the sender may use its memory again.
 */
export class Channel<T> implements AsyncIterable<T> {
  #item: { readonly value: T } | undefined
  #ended = false
  #failure: { readonly error: unknown } | undefined
  #cancelled: { readonly error: unknown } | undefined
  #wake: (() => void) | undefined
  #taken: (() => void) | undefined

  /** Offers an item. Rejects with what the receiver failed with. */
  async send(value: T): Promise<void> {
    this.#throwIfCancelled()
    this.#item = { value }
    const done = new Promise<void>((resolve) => (this.#taken = resolve))
    this.#wake?.()
    await done
    this.#throwIfCancelled()
  }

  /** Nothing more follows. */
  close(): void {
    this.#ended = true
    this.#wake?.()
  }

  /** The sender failed: so does the receiver's loop. */
  abort(error: unknown): void {
    this.#failure = { error }
    this.#wake?.()
  }

  /** The receiver failed: so does whoever sends. */
  cancel(error: unknown): void {
    this.#cancelled = { error }
    this.#taken?.()
  }

  #throwIfCancelled(): void {
    if (this.#cancelled !== undefined) throw this.#cancelled.error
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, void> {
    for (;;) {
      while (this.#item === undefined && !this.#ended && this.#failure === undefined) {
        await new Promise<void>((resolve) => (this.#wake = resolve))
      }
      if (this.#failure !== undefined) throw this.#failure.error
      if (this.#item === undefined) return
      const { value } = this.#item
      this.#item = undefined
      yield value
      this.#taken?.()
    }
  }
}
