import { textParts } from '../bytes.ts'

/** Text in parts that are safe for a terminal, by how a format escapes what is not. */
export function* safeParts(
  parts: Iterable<Uint8Array>,
  escape: (text: string) => string,
): Generator<Buffer, void, void> {
  for (const part of parts) for (const text of textParts(part)) yield Buffer.from(escape(text))
}
