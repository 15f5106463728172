import { interrupted } from '../errors.ts'
import type { Sink } from '../io.ts'

/**
 * Collects output and sends it in the background, so that a reader who takes his time holds up whoever
 * writes, and not the event loop: timers go on, and so do signals.
 */
export class Outbox {
  readonly #sink: Sink
  readonly #signal: AbortSignal | undefined
  #parts: Uint8Array[] = []

  /** @param signal ends the wait for the reader */
  constructor(sink: Sink, signal: AbortSignal | undefined) {
    this.#sink = sink
    this.#signal = signal
  }

  /** Adds text or bytes; copies them. */
  write(data: string | Uint8Array): void {
    this.#parts.push(Buffer.from(data as Uint8Array))
  }

  /** Sends what was collected; settles when it is out. Throws what the sink throws, and `KV_INTERRUPTED` when aborted before. */
  async send(): Promise<void> {
    const bytes = Buffer.concat(this.#parts)
    this.#parts = []
    if (bytes.length === 0) return
    const sending = this.#sink.writeLater?.(bytes)
    if (sending === undefined) this.#sink.write(bytes)
    else await unlessAborted(sending, this.#signal)
  }
}

async function unlessAborted(sending: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return sending
  let onAbort = (): void => {}
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(interrupted(signal))
    signal.addEventListener('abort', onAbort)
    if (signal.aborted) onAbort()
  })
  try {
    await Promise.race([sending, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
    // Nobody waits for what the reader does after that.
    sending.catch(() => {})
  }
}
