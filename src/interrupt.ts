/** The signals that ask a process to end. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * Being stopped from outside, for work that has something to finish or to clean up. Until
 * {@link hear} is called a signal ends the process at once, as it does any program.
 */
export class Interrupt {
  readonly #controller = new AbortController()
  #hears = false
  #cause: NodeJS.Signals | undefined

  /** Aborted by the first signal that is heard. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** The signal that was heard. */
  get cause(): NodeJS.Signals | undefined {
    return this.#cause
  }

  /** From now on the first signal aborts {@link signal}; a second ends the process at once. */
  hear(): void {
    if (this.#hears) return
    this.#hears = true
    for (const signal of SIGNALS) process.on(signal, this.#onSignal)
  }

  /** Signals end the process again. */
  forget(): void {
    this.#hears = false
    for (const signal of SIGNALS) process.off(signal, this.#onSignal)
  }

  /** Ends the process by the signal that was heard, as if it never had been; call it when all is cleaned up. */
  raise(): void {
    this.forget()
    if (this.#cause !== undefined) process.kill(process.pid, this.#cause)
  }

  readonly #onSignal = (signal: NodeJS.Signals): void => {
    this.forget()
    this.#cause = signal
    this.#controller.abort()
  }
}
