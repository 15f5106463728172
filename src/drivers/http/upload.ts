import { within } from '../../async.ts'
import { FRAME, FrameWriter, frameBytes } from '../../protocol/frames.ts'
import { type Block, type Blocks, blockOps } from '../../blocks/block.ts'

/** Bytes of one chunk of a load. */
const CHUNK_BYTES = 1 << 18

const NOTHING = new Uint8Array()

/** Bytes of a block as frames. */
export function blockBytes({ count, keyLength, valueLength }: Block): number {
  let sum = count * frameBytes(NOTHING, NOTHING)
  for (let i = 0; i < count; i++) sum += keyLength[i]! + valueLength[i]!
  return sum
}

/**
 * Blocks as frames, up to the end frame. While no block comes for `aliveMs`, what is there is sent, and that more may
 * come.
 */
export async function* blockChunks(blocks: Blocks, aliveMs: number): AsyncGenerator<Uint8Array, void, void> {
  const writer = new FrameWriter(CHUNK_BYTES)
  const source = Symbol.asyncIterator in blocks ? blocks[Symbol.asyncIterator]() : blocks[Symbol.iterator]()
  let next = Promise.resolve(source.next())
  let isWaiting = true
  try {
    for (;;) {
      const result = await within(next, aliveMs)
      if (result === undefined) {
        writer.add(FRAME.alive)
        yield writer.take()
        continue
      }
      isWaiting = false
      if (result.done === true) break
      for (const op of blockOps(result.value)) {
        writer.put(op)
        if (writer.length >= CHUNK_BYTES) yield writer.take()
      }
      next = Promise.resolve(source.next())
      isWaiting = true
    }
  } finally {
    const ended = source.return?.()
    // A source that waits ends when its wait does; what it then fails with is nobody's any more.
    if (isWaiting) Promise.all([next, ended]).catch(() => {})
    else await ended
  }
  writer.add(FRAME.end)
  yield writer.take()
}
