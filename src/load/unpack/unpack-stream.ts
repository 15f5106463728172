import type { Duplex } from 'node:stream'
import type { ChunkSource } from '../byte-source.ts'

/** A stream of node:zlib. */
export interface Unpacker extends Duplex {
  /** Bytes of input that it has used. */
  readonly bytesWritten: number
}

/**
 * Unpacks one packed stream that begins at `source`, which goes on after the last byte of it. What was unpacked before
 * a fault is yielded before it is thrown: what `source` or node:zlib found.
 */
export async function* unpackStream(stream: Unpacker, source: ChunkSource): AsyncGenerator<Uint8Array, void, void> {
  let wake = (): void => {}
  let failure: Error | undefined
  let isTaken = true
  stream.on('readable', () => wake())
  stream.on('end', () => wake())
  stream.on('error', (error: Error) => {
    failure = error
    wake()
  })
  let given = 0
  try {
    while (!stream.readableEnded) {
      const chunk = await source.next()
      isTaken = false
      if (chunk === undefined) stream.end()
      else {
        given += chunk.length
        stream.write(chunk, () => {
          isTaken = true
          wake()
        })
      }
      // Not every Node says that a chunk is taken when the packed stream ends within it.
      while (!stream.readableEnded) {
        const woken = new Promise<void>((resolve) => (wake = resolve))
        const wasTaken = isTaken
        for (let out: Buffer | null; (out = stream.read() as Buffer | null) !== null;) yield out
        if (failure !== undefined) throw failure
        if (wasTaken) break
        if (!stream.readableEnded && !isTaken) await woken
      }
      const unused = given - stream.bytesWritten
      if (chunk === undefined || unused === 0) continue
      source.unread(chunk.subarray(chunk.length - unused))
      return
    }
  } finally {
    stream.destroy()
  }
}
