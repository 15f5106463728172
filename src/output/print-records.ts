import { DeferredText } from '../formats/deferred-text.ts'
import type { TextOutput } from '../formats/byte-buffer.ts'
import type { Sink } from '../io.ts'
import { escapeText, safeParts } from '../safe-text.ts'

/** Prints items as they come, each as `write` writes it and a line feed; safe on a terminal. */
export async function printRecords<T>(
  sink: Sink,
  pages: AsyncIterable<readonly T[]>,
  write: (out: TextOutput, item: T) => void,
): Promise<void> {
  const out = new DeferredText()
  for await (const page of pages) {
    for (const item of page) {
      write(out, item)
      out.text('\n')
    }
    for (const part of sink.isTTY ? safeParts(out.take(), escapeText) : out.take()) sink.write(part)
  }
}
