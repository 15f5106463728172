import type { IncomingMessage } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { LoadLimits } from '../admission/load-limits.ts'
import { HttpError, clientGone, tooLarge } from '../http/http-error.ts'

/** How bodies are read. */
export interface BodyLimits {
  /** Bytes of a body that is held in memory. */
  readonly maxBodyBytes: number
  /** How long a client may send nothing in the middle of a body, in milliseconds. */
  readonly bodyTimeoutMs: number
  /** How long a body that is held in memory may take besides the time that its bytes are given, in milliseconds. */
  readonly uploadGraceMs: number
}

/** Bytes a second that a body must come with that others wait for, beyond the grace. */
const SLOWEST_UPLOAD = 50_000

/** Bytes that a chunk takes besides its own: a body may come in very small ones. */
const CHUNK_BYTES = 200

/** How long a client may take to send so many bytes while others wait for it or for its memory, in milliseconds. */
export function timeFor(bytes: number, { uploadGraceMs }: BodyLimits): number {
  return uploadGraceMs + (bytes / SLOWEST_UPLOAD) * 1000
}

/** Throws 415 for a packed body, 400 for a part of one (RFC 9110, section 14.5). */
function checkEncoding({ headers }: FastifyRequest): void {
  if (headers['content-range'] !== undefined)
    throw new HttpError(400, { detail: 'a part of a value cannot be written: Content-Range', code: 'KV_USAGE' })
  const transfer = headers['transfer-encoding']
  if (transfer !== undefined && transfer.trim().toLowerCase() !== 'chunked')
    throw new HttpError(415, { detail: `bodies sent in ${transfer} are not unpacked here`, code: 'KV_NOT_SUPPORTED' })
  const encoding = headers['content-encoding']
  if (encoding !== undefined && encoding !== 'identity')
    throw new HttpError(415, { detail: `bodies in ${encoding} are not unpacked here`, code: 'KV_NOT_SUPPORTED' })
}

/** The whole body. Throws 413 above the limit, 503 when there is no memory for it, 408 when it comes too slowly. */
export async function readBody(
  request: FastifyRequest,
  reply: FastifyReply,
  { limits, bodyLimits }: { readonly limits: LoadLimits; readonly bodyLimits: BodyLimits },
): Promise<Buffer> {
  checkEncoding(request)
  const { maxBodyBytes } = bodyLimits
  const declared = request.headers['content-length']
  const most =
    declared === undefined ? (request.headers['transfer-encoding'] === undefined ? 0 : maxBodyBytes) : Number(declared)
  if (most > maxBodyBytes) throw tooLarge(`a body of ${most} bytes is over this server's limit of ${maxBodyBytes}`)
  if (most === 0) return Buffer.alloc(0)
  const chunks: Buffer[] = []
  let length = 0
  const began = performance.now()
  const timeLeft = (): number => began + timeFor(length, bodyLimits) - performance.now()
  for await (const chunk of bodyChunks(request, bodyLimits, timeLeft)) {
    length += chunk.length
    if (length > maxBodyBytes) throw tooLarge(`the body is over this server's limit of ${maxBodyBytes} bytes`)
    limits.reserve(chunk.length + CHUNK_BYTES, reply.raw)
    chunks.push(chunk)
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, length)
}

/** The chunks of a body of any length. Throws 415 for a packed one, 408 when the client is too slow. */
export async function* bodyChunks(
  request: FastifyRequest,
  { bodyTimeoutMs }: Pick<BodyLimits, 'bodyTimeoutMs'>,
  timeLeft: () => number = () => Infinity,
): AsyncGenerator<Buffer, void, void> {
  checkEncoding(request)
  const { raw } = request
  // What came together with the head is there once the parser has returned.
  await undefined
  for (;;) {
    const chunk = raw.read() as Buffer | null
    if (chunk !== null) yield chunk
    else if (raw.readableEnded || (raw.complete && raw.readableLength === 0)) return
    else {
      const left = timeLeft()
      const why = left < bodyTimeoutMs ? 'the body came too slowly' : `nothing of the body came for ${bodyTimeoutMs} ms`
      if (left <= 0) throw late(why)
      await moreOf(raw, Math.min(left, bodyTimeoutMs), why)
    }
  }
}

/** A text without the byte order mark that some programs put before it. */
export function withoutMark(text: Buffer): Buffer {
  return text[0] === 0xef && text[1] === 0xbb && text[2] === 0xbf ? text.subarray(3) : text
}

function late(detail: string): HttpError {
  return new HttpError(408, { detail, code: 'KV_UNAVAILABLE' }, { connection: 'close' })
}

/** Waits for more of a body, or its end. An iterator would close the connection at a stall, and the answer with it. */
function moreOf(raw: IncomingMessage, timeoutMs: number, detail: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (refusal?: HttpError): void => {
      clearTimeout(timer)
      raw.off('readable', more).off('end', more).off('error', gone).off('close', gone)
      if (refusal === undefined) resolve()
      else reject(refusal)
    }
    const more = (): void => settle()
    const gone = (): void => settle(clientGone())
    const timer = setTimeout(() => settle(late(detail)), timeoutMs)
    if (raw.destroyed && !raw.readableEnded) gone()
    else raw.on('readable', more).on('end', more).on('error', gone).on('close', gone)
  })
}
