/** Answers that are made while the client takes them. */
import type { ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { TLSSocket } from 'node:tls'
import type { FastifyReply } from 'fastify'

/** Bytes made ahead of the client. */
const AHEAD_BYTES = 1 << 16

const STREAMED = Symbol('streamed')

/** Whether an answer is made while the client takes it, so that a slow client holds little memory. */
export function isStreamed(response: ServerResponse): boolean {
  return (response as { [STREAMED]?: boolean })[STREAMED] === true
}

/**
 * Sends chunks as the client takes them. The first is made before the answer begins, so that a
 * failure can still be told by its status; a later failure cuts the answer off. A client that goes
 * away ends the generator, and so frees the snapshot.
 */
export async function sendStream(
  reply: FastifyReply,
  type: string,
  chunks: AsyncGenerator<Buffer, void, void> | Generator<Buffer, void, void>,
): Promise<FastifyReply> {
  const first = await chunks.next()
  reply.type(type)
  if (first.done === true) return reply.send('')
  ;(reply.raw as { [STREAMED]?: boolean })[STREAMED] = true
  const all = async function* (): AsyncGenerator<Buffer, void, void> {
    try {
      yield first.value
      yield* chunks
    } catch (error) {
      cutOff(reply.raw)
      throw error
    } finally {
      await chunks.return()
    }
  }
  return reply.send(Readable.from(all(), { objectMode: false, highWaterMark: AHEAD_BYTES }))
}

/** Ends an answer that cannot be completed by a reset: to HTTP/1.0, closing would make the part look like the whole. */
export function cutOff({ socket }: ServerResponse): void {
  if (socket instanceof Socket && !(socket instanceof TLSSocket)) socket.resetAndDestroy()
}
