import type { IncomingMessage } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Gate } from './gate.ts'
import { Refusal, tooLarge } from './refusal.ts'

/** How bodies are read. */
export interface BodyLimits {
  /** Bytes of a body that is held in memory. */
  readonly maxBodyBytes: number
  /** How long a client may send nothing in the middle of a body, in milliseconds. */
  readonly bodyTimeoutMs: number
}

/** Refuses a packed body (415): its bytes are not the client's data. */
function checkEncoding({ headers }: FastifyRequest): void {
  const transfer = headers['transfer-encoding']
  if (transfer !== undefined && transfer.trim().toLowerCase() !== 'chunked') throw new Refusal(415, { detail: `bodies sent in ${transfer} are not unpacked here`, code: 'KV_NOT_SUPPORTED' })
  const encoding = headers['content-encoding']
  if (encoding !== undefined && encoding !== 'identity') throw new Refusal(415, { detail: `bodies in ${encoding} are not unpacked here`, code: 'KV_NOT_SUPPORTED' })
}

/**
 * The whole body. Throws 413 above the limit, 503 when the gate has no memory for it, 408 when the
 * client stops sending.
 */
export async function readBody(request: FastifyRequest, reply: FastifyReply, gate: Gate, limits: BodyLimits): Promise<Buffer> {
  checkEncoding(request)
  const { maxBodyBytes } = limits
  const declared = request.headers['content-length']
  const most = declared === undefined ? (request.headers['transfer-encoding'] === undefined ? 0 : maxBodyBytes) : Number(declared)
  if (most > maxBodyBytes) throw tooLarge(`a body of ${most} bytes is over this server's limit of ${maxBodyBytes}`)
  if (most === 0) return Buffer.alloc(0)
  gate.reserve(most, reply)
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of bodyChunks(request, limits)) {
    length += chunk.length
    if (length > maxBodyBytes) throw tooLarge(`the body is over this server's limit of ${maxBodyBytes} bytes`)
    chunks.push(chunk)
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, length)
}

/** The chunks of a body of any length. Throws 415 for a packed one, 408 when the client stops sending. */
export async function* bodyChunks(request: FastifyRequest, { bodyTimeoutMs }: Pick<BodyLimits, 'bodyTimeoutMs'>): AsyncGenerator<Buffer, void, void> {
  checkEncoding(request)
  const { raw } = request
  // What came together with the head is there once the parser has returned.
  await undefined
  for (;;) {
    const chunk = raw.read() as Buffer | null
    if (chunk !== null) yield chunk
    else if (raw.readableEnded || (raw.complete && raw.readableLength === 0)) return
    else await moreOf(raw, bodyTimeoutMs)
  }
}

/** Waits for more of a body, or its end. An iterator would close the connection at a stall, and the answer with it. */
function moreOf(raw: IncomingMessage, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (refusal?: Refusal): void => {
      clearTimeout(timer)
      raw.off('readable', more).off('end', more).off('error', gone).off('close', gone)
      if (refusal === undefined) resolve()
      else reject(refusal)
    }
    const more = (): void => settle()
    const gone = (): void => settle(new Refusal(400, { detail: 'the client went away within the body' }))
    const timer = setTimeout(
      () => settle(new Refusal(408, { detail: `nothing of the body came for ${timeoutMs} ms`, code: 'KV_UNAVAILABLE' }, { connection: 'close' })),
      timeoutMs,
    )
    if (raw.destroyed && !raw.readableEnded) gone()
    else raw.on('readable', more).on('end', more).on('error', gone).on('close', gone)
  })
}
