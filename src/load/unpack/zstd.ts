import zlib from 'node:zlib'
import type { ByteSource, ChunkSource } from '../byte-source.ts'
import { type Unpacker, unpackStream } from './unpack-stream.ts'
import { ZstdFrame, isSkippable, isZstd } from './zstd-frame.ts'

/** Unpacks one frame, to the end of its chunks; throws an `Error` where they are damaged. */
export type UnpackFrame = (frame: ChunkSource) => AsyncIterable<Uint8Array>

/** What unpacks a frame: node:zlib from Node 22.15 on, else the code of zstd in WebAssembly, loaded when asked for. */
export async function frameUnpacker(): Promise<UnpackFrame> {
  const { createZstdDecompress } = zlib as { createZstdDecompress?: () => Unpacker }
  if (createZstdDecompress !== undefined) return (frame) => unpackStream(createZstdDecompress(), frame)
  return (await import('./zstd-wasm.ts')).unpackFrame
}

/**
 * Unpacks all frames of Zstandard (RFC 8878); skippable ones are skipped. node:zlib takes one frame of them, and up to
 * Node 22 a part of one for the whole, so where a frame ends is found here. Throws an `Error` where the data is
 * damaged, cut off, or followed by something else, after everything before that was yielded, and
 * {@link NotUnpackedError} before a frame that needs too much memory or a dictionary.
 */
export async function* unzstd(
  source: ByteSource,
  unpack?: UnpackFrame | undefined,
): AsyncGenerator<Uint8Array, void, void> {
  const unpackFrame = unpack ?? (await frameUnpacker())
  for (;;) {
    const magic = await source.peek(4)
    if (magic.length === 0) return
    if (magic.length < 4) throw new Error('unexpected end of file')
    if (!isZstd(magic)) throw new Error('what follows is not Zstandard')
    const frame = new FrameSource(source)
    if (isSkippable(magic)) while ((await frame.next()) !== undefined);
    else yield* unpackFrame(frame)
  }
}

/** The chunks of one frame. */
class FrameSource implements ChunkSource {
  readonly #source: ByteSource
  readonly #frame = new ZstdFrame()
  #isOver = false

  constructor(source: ByteSource) {
    this.#source = source
  }

  async next(): Promise<Uint8Array | undefined> {
    if (this.#isOver) return undefined
    const chunk = await this.#source.next()
    if (chunk === undefined) throw new Error('unexpected end of file')
    const end = this.#frame.end(chunk)
    if (end < 0) return chunk
    this.#isOver = true
    this.#source.unread(chunk.subarray(end))
    return chunk.subarray(0, end)
  }

  unread(bytes: Uint8Array): void {
    // The end of the frame is known from its blocks; a decoder that stops elsewhere has met something else.
    if (bytes.length > 0) throw new Error('a frame does not end with its last block')
  }
}
