import { untilAborted } from '../async.ts'
import { DeferredText } from '../formats/deferred-text.ts'
import type { Sink } from '../io.ts'
import type { Change } from '../store/driver/entry.ts'
import { safeParts } from '../safe-text.ts'

/** Prints changes, each at once, by the writer that `begin` makes; see {@link Printer.changes}. */
export async function printChanges(
  sink: Sink,
  pages: AsyncIterable<readonly Change[]>,
  escape: ((text: string) => string) | undefined,
  signal: AbortSignal | undefined,
  begin: (out: DeferredText) => Promise<(change: Change) => void>,
): Promise<void> {
  sink.comesLive?.()
  const out = new DeferredText()
  const write = await begin(out)
  for await (const page of pages) {
    for (const change of page) write(change)
    const parts = sink.isTTY && escape !== undefined ? safeParts(out.take(), escape) : out.take()
    for (const part of parts) {
      const sending = sink.writeLater?.(part)
      if (sending === undefined) sink.write(part)
      // A slow reader holds up this loop, and not the event loop: timers go on, and so do signals.
      else await untilAborted(sending, signal)
    }
  }
}
