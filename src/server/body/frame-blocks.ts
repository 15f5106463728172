import { turn } from '../../async.ts'
import { KvError } from '../../errors.ts'
import { BlockBuilder } from '../../blocks/block-builder.ts'
import type { Block } from '../../blocks/block.ts'
import { checkLifetime } from '../../store/expiry.ts'
import { type BodyLimits, timeFor } from './body.ts'
import { FRAME, type Frame, type FrameLimits, FrameReader, frameBytes } from '../../protocol/frames.ts'

/** Bytes of entries in one block: storing it holds up the event loop, and so other requests, for some milliseconds. */
const BLOCK_BYTES = 1 << 19

/** Entries in one block at most, for the same reason. */
const BLOCK_ENTRIES = 4000

/** How long a load may take once it holds the store's lock, which a client that only says it lives must not keep. */
export class UploadDeadline {
  readonly #limits: BodyLimits
  #since: number | undefined
  #latest = 0
  #bytes = 0

  constructor(limits: BodyLimits) {
    this.#limits = limits
  }

  /** The lock is held from now on. */
  lock(): void {
    this.#since = this.#latest = performance.now()
  }

  /** Whether others wait. */
  get isLocked(): boolean {
    return this.#since !== undefined
  }

  /** Entries have come. */
  came(bytes: number): void {
    this.#bytes += bytes
    this.#latest = performance.now()
  }

  /** Milliseconds until the client must have sent more entries. */
  left(): number {
    if (this.#since === undefined) return Infinity
    const { bodyTimeoutMs } = this.#limits
    return Math.min(this.#latest + bodyTimeoutMs, this.#since + timeFor(this.#bytes, this.#limits)) - performance.now()
  }
}

/** Packs frames into blocks, with a turn of the event loop after each; `keepsEqual` as for {@link BlockBuilder}. Throws `KV_INVALID_INPUT`, `KV_TOO_LARGE`. */
export async function* frameBlocks(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  limits: FrameLimits,
  { deadline, keepsEqual = false }: { readonly deadline?: UploadDeadline; readonly keepsEqual?: boolean } = {},
): AsyncGenerator<Block, void, void> {
  const reader = new FrameReader(limits)
  let frames: Frame[] = []
  let bytes = 0
  let ended = false
  for await (const chunk of chunks) {
    // Cut, so that one large chunk does not become as many objects at once.
    for (let at = 0; at < chunk.length; at += BLOCK_BYTES) {
      for (const frame of reader.push(chunk.subarray(at, at + BLOCK_BYTES))) {
        if (ended) throw new KvError('KV_INVALID_INPUT', 'frames follow the end')
        if (frame.kind === FRAME.alive) continue
        if (frame.kind === FRAME.end) {
          ended = true
          continue
        }
        if (!isOperation(frame)) throw new KvError('KV_INVALID_INPUT', 'neither a put nor a delete')
        checkLifetime(frame)
        frames.push(frame)
        const size = frameBytes(frame.key, frame.value)
        bytes += size
        deadline?.came(size)
        if (frames.length < BLOCK_ENTRIES && bytes < BLOCK_BYTES) continue
        yield pack(frames, bytes, keepsEqual)
        frames = []
        bytes = 0
        await turn()
      }
    }
  }
  if (!ended) throw new KvError('KV_INVALID_INPUT', 'the body is cut off')
  if (frames.length > 0) yield pack(frames, bytes, keepsEqual)
}

function isOperation({ kind, key, value, expires }: Frame): boolean {
  const isBareDelete = kind === FRAME.del && value.length === 0 && expires === undefined
  return (kind === FRAME.entry || isBareDelete) && key.length > 0
}

/** Sorts by itself what does not come in order, and computes the checksums: nothing is taken on trust. */
function pack(frames: readonly Frame[], size: number, keepsEqual: boolean): Block {
  const bytes = new Uint8Array(size)
  const builder = new BlockBuilder(bytes, frames.length, { keepsEqual })
  let at = 0
  for (const { kind, key, value, expires, ttl } of frames) {
    bytes.set(key, at)
    bytes.set(value, at + key.length)
    const end = ttl === undefined ? expires : -ttl
    if (kind === FRAME.del) builder.addDelete(at, key.length)
    else if (end === undefined) builder.add(at, key.length, at + key.length, value.length)
    else builder.addExpiring(at, key.length, at + key.length, value.length, end)
    at += key.length + value.length
  }
  return builder.finish()
}
