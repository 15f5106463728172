import { ByteBuffer } from '../formats/byte-buffer.ts'
import type { EntryForm, Format, Output } from '../formats/format.ts'
import type { Sink } from '../io.ts'
import { safeParts } from '../safe-text.ts'
import type { TextForm } from '../store/driver/text-form.ts'
import type { Entry } from '../store/driver/entry.ts'

/** Entries as they come, or their text. */
export type Pages = AsyncIterable<Uint8Array | readonly Entry[]> | Iterable<readonly Entry[]>

/** Entries to print; one of these is asked, once. */
export interface EntrySource {
  /** Optional: whole lines of text in this form that the engine makes, and entries where it does not. */
  text?(form: TextForm): Pages | undefined
  pages(): Pages
}

/**
 * Prints entries in a format, or, where no terminal shows it, text that the engine made of them. On a terminal the text
 * is made safe, unless `isExact`.
 */
export async function printEntries(
  sink: Sink,
  output: Omit<Output, 'text'>,
  source: EntrySource,
  { entryWriter, escape }: Format,
  form: EntryForm,
  isExact: boolean,
): Promise<void> {
  const out = new ByteBuffer(sink.isTTY && !isExact && escape !== undefined ? safeSink(sink, escape) : sink)
  const writer = await entryWriter!({ ...output, text: out }, form)
  const text = writer.text !== undefined && !sink.isTTY ? source.text?.(writer.text) : undefined
  let writing: Promise<void> | undefined
  for await (const page of text ?? source.pages()) {
    // The page before is written while the engine makes this one.
    await writing
    writing = undefined
    if (page instanceof Uint8Array) {
      // Such text goes past the buffer.
      out.flush()
      writing = sink.writeLater?.(page)
      if (writing === undefined) sink.write(page)
      else writing.catch(() => {})
      continue
    }
    for (const entry of page) {
      writer.write(entry)
      out.flushIfFull()
    }
    writer.endPage?.()
    out.flush()
  }
  await writing
  writer.end?.()
  out.flush()
}

function safeSink(sink: Sink, escape: (text: string) => string): Pick<Sink, 'write'> {
  return {
    write(data) {
      for (const part of safeParts([Buffer.from(data as Uint8Array)], escape)) sink.write(part)
    },
  }
}
