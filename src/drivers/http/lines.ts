import { KvError } from '../../errors.ts'

const LINE_FEED = 0x0a

/** The error for an answer without its end. */
export function cutOff(): KvError {
  return new KvError('KV_UNAVAILABLE', 'the answer of the server is cut off')
}

/** Chunks of whole lines, without the empty line that marks the end. Throws `KV_UNAVAILABLE` when it does not come. */
export async function* wholeLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<Uint8Array, void, void> {
  let rest: Buffer[] = []
  let last = LINE_FEED
  let isOver = false
  for await (const chunk of chunks) {
    isOver = chunk.at(-1) === LINE_FEED && (chunk.at(-2) ?? last) === LINE_FEED
    last = chunk.at(-1) ?? last
    const end = isOver ? chunk.length - 1 : chunk.lastIndexOf(LINE_FEED) + 1
    if (end > 0) {
      yield rest.length === 0 ? chunk.subarray(0, end) : Buffer.concat([...rest, chunk.subarray(0, end)])
      rest = []
    }
    if (!isOver && end < chunk.length) rest.push(chunk.subarray(end))
  }
  if (!isOver) throw cutOff()
}
