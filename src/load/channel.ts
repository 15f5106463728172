/**
 * Passes items from one that gives to one that takes, one at a time: `give` settles when the item
 * has been taken and the taker asks for the next, so that the giver may use its memory again.
 */
export class Handover<T> implements AsyncIterable<T> {
  #item: { readonly value: T } | undefined
  #ended = false
  #failure: { readonly error: unknown } | undefined
  #refusal: { readonly error: unknown } | undefined
  #wake: (() => void) | undefined
  #given: (() => void) | undefined

  /** Offers an item. Rejects when the taker has given up. */
  async give(value: T): Promise<void> {
    this.#throwIfRefused()
    this.#item = { value }
    const done = new Promise<void>((resolve) => (this.#given = resolve))
    this.#wake?.()
    await done
    this.#throwIfRefused()
  }

  /** Nothing more follows. */
  end(): void {
    this.#ended = true
    this.#wake?.()
  }

  /** The giver failed: so does the taker's loop. */
  fail(error: unknown): void {
    this.#failure = { error }
    this.#wake?.()
  }

  /** The taker failed: so does whoever gives. */
  refuse(error: unknown): void {
    this.#refusal = { error }
    this.#given?.()
  }

  #throwIfRefused(): void {
    if (this.#refusal !== undefined) throw this.#refusal.error
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
      this.#given?.()
    }
  }
}
