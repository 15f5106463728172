import { within } from '../../async.ts'
import { KvError } from '../../errors.ts'
import { FRAME, FrameWriter, frameBytes } from '../../protocol/frames.ts'
import { type Block, type Blocks, blockOps } from '../../blocks/block.ts'

/** Bytes of one chunk of a load. */
const CHUNK_BYTES = 1 << 18

const NOTHING = new Uint8Array()

/** How often a load with nothing to send shows that it lives at the least, in milliseconds: servers wait for 30 s. */
const MAX_ALIVE_MS = 10_000

/** Bytes of blocks as frames, the end included; `undefined` where they come one by one. */
export function totalBytes(blocks: Blocks): number | undefined {
  if (!Array.isArray(blocks)) return undefined
  const empty = frameBytes(NOTHING, NOTHING)
  return (blocks as Block[]).reduce((sum, { count, keyLength, valueLength }) => {
    for (let i = 0; i < count; i++) sum += empty + keyLength[i]! + valueLength[i]!
    return sum
  }, empty)
}

/**
 * Blocks as frames, up to the end frame. While no block comes, a frame every `aliveMs` says that more may come. Throws
 * `KV_NOT_SUPPORTED` at a delete that the server would not take.
 */
export async function* blockChunks(
  blocks: Blocks,
  { aliveMs, takesDeletes }: { readonly aliveMs: number; readonly takesDeletes: boolean },
): AsyncGenerator<Uint8Array, void, void> {
  const writer = new FrameWriter(CHUNK_BYTES)
  const source = Symbol.asyncIterator in blocks ? blocks[Symbol.asyncIterator]() : blocks[Symbol.iterator]()
  let next = Promise.resolve(source.next())
  let isWaiting = true
  try {
    for (;;) {
      const result = await within(next, Math.min(aliveMs, MAX_ALIVE_MS))
      if (result === undefined) {
        writer.add(FRAME.alive)
        yield writer.take()
        continue
      }
      isWaiting = false
      if (result.done === true) break
      for (const op of blockOps(result.value)) {
        if (op.type === 'put') writer.put(op)
        else if (takesDeletes) writer.add(FRAME.del, op.key)
        else throw olderServer('takes no deletes in a load')
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

/** The error for a load that an older server would not take as it is meant. */
export function olderServer(what: string): KvError {
  return new KvError('KV_NOT_SUPPORTED', `the server runs an older version of kv, which ${what}`, {
    hint: 'update kv where the server runs',
  })
}
