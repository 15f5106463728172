/** The signals that ask a process to end. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * Being stopped from outside, for work that has something to finish or to clean up. Until
 * {@link handle} is called a signal ends the process at once, as it does any program.
 */
export class Interrupt {
  // Made when it is first asked for: Node loads the class then, a quarter of a millisecond.
  #lazyController: AbortController | undefined
  /** Whether anything can abort {@link signal}. */
  isHandling = false
  #receiver: ((signal: NodeJS.Signals) => void) | undefined
  /** The signal that came. */
  received: NodeJS.Signals | undefined

  /** From now on the first of these signals aborts {@link signal}; a second ends the process at once. */
  handle(signals: readonly NodeJS.Signals[] = SIGNALS): void {
    this.isHandling = true
    for (const signal of signals) process.off(signal, this.#onSignal).on(signal, this.#onSignal)
  }

  /** From now on each of these signals, as often as it comes, is only handed to `receiver`. */
  passTo(receiver: (signal: NodeJS.Signals) => void): void {
    this.#receiver = receiver
    // In this order: with no listener in between, a signal that has just come would be lost, or end the process.
    for (const signal of SIGNALS) process.on(signal, receiver).off(signal, this.#onSignal)
  }

  /** Signals end the process again. */
  release(): void {
    for (const signal of SIGNALS) {
      process.off(signal, this.#onSignal)
      if (this.#receiver !== undefined) process.off(signal, this.#receiver)
    }
  }

  /** Ends the process by the signal that came, as if it never had been; call it when all is cleaned up. */
  raise(): void {
    this.release()
    if (this.received !== undefined) process.kill(process.pid, this.received)
  }

  readonly #onSignal = (signal: NodeJS.Signals): void => {
    this.release()
    this.received = signal
    this.#controller.abort()
  }

  /** Aborted by the first signal that is handled. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  get #controller(): AbortController {
    return (this.#lazyController ??= new AbortController())
  }
}

/** The work that a session is doing, and that its user can stop; one at a time. */
export class Foreground {
  #controller: AbortController | undefined
  #running: Promise<unknown> | undefined

  /** Aborted when the user stops the work under way. */
  get signal(): AbortSignal {
    return (this.#controller ?? new AbortController()).signal
  }

  /** Runs a step that {@link stop} can stop; a step within another is part of it. */
  async run<T>(step: () => Promise<T>): Promise<T> {
    if (this.#controller !== undefined) return step()
    this.#controller = new AbortController()
    const running = step().finally(() => (this.#controller = undefined))
    this.#running = running.catch(() => {})
    return running
  }

  /** Stops the work; false when there is none. */
  stop(): boolean {
    this.#controller?.abort()
    return this.#controller !== undefined
  }

  /** Stops the work and waits until it has cleaned up. */
  async end(): Promise<void> {
    this.stop()
    await this.#running
  }
}
