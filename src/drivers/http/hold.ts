/** The connection and timer of a call, which keep the process running until they are released. */
export class Hold {
  readonly #held = new Map<'socket' | 'timer', { unref(): unknown }>()
  #isReleased = false

  /** Whether the process may end meanwhile. */
  get isReleased(): boolean {
    return this.#isReleased
  }

  /** Notes what keeps the process running now, in place of the one before of this kind. */
  keep(kind: 'socket' | 'timer', what: { unref(): unknown }): void {
    this.#held.set(kind, what)
    if (this.#isReleased) what.unref()
  }

  /** Lets the process end. */
  release(): void {
    this.#isReleased = true
    for (const what of this.#held.values()) what.unref()
  }
}
