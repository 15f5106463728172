import { interrupted } from '../errors.ts'
import type { Sink } from '../io.ts'

/**
 * Sends parts of output in the background, one after the other, so that a reader who takes his time holds up
 * whoever writes, and not the event loop: timers go on, and so do signals. Settles when they are out. Throws what the
 * sink throws, and `KV_INTERRUPTED` when aborted before.
 */
export async function sendLater(
  sink: Sink,
  parts: Iterable<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (const part of parts) {
    const sending = sink.writeLater?.(part)
    if (sending === undefined) sink.write(part)
    else await unlessAborted(sending, signal)
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
