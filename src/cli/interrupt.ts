import { interrupted } from '../errors.ts'

/** The signals that ask a process to end. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * Being stopped from outside, for work that has something to finish or to clean up. Until
 * {@link hear} is called a signal ends the process at once, as it does any program.
 */
export class Interrupt {
  readonly #controller = new AbortController()
  #cause: NodeJS.Signals | undefined

  /** Aborted by the first signal that is heard. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** The signal that was heard. */
  get cause(): NodeJS.Signals | undefined {
    return this.#cause
  }

  /** From now on the first of these signals aborts {@link signal}; a second ends the process at once. */
  hear(signals: readonly NodeJS.Signals[] = SIGNALS): void {
    for (const signal of signals) process.off(signal, this.#onSignal).on(signal, this.#onSignal)
  }

  /** Signals end the process again. */
  forget(): void {
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

/** What a promise settles to, or `KV_INTERRUPTED` when the signal is aborted before that. */
export async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let onAbort = (): void => {}
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(interrupted(signal))
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
    // Nobody waits any more for how it ends.
    promise.catch(() => {})
    aborted.catch(() => {})
  }
}
