import type { ServerResponse } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { HEADERS, LATE, type LateAnswer } from '../../protocol/http-api.ts'

/** How often a client is shown that its request is worked on, in milliseconds, at the least and at most. */
const LEAST_MS = 100
const MOST_MS = 10_000

/**
 * For a client that gives up a silent server and says after what time: shows it that its request is worked on.
 * When there is no answer after a third of that time, and the request has come whole, the answer is begun as
 * {@link LATE}: a line feed now and then, and at last the real answer, a {@link LateAnswer}. A line feed in the
 * body passes every proxy; an interim answer (102) does not.
 */
export function sendHeartbeats(request: FastifyRequest, { raw }: FastifyReply): void {
  const patience = Number(request.headers[HEADERS.timeout])
  if (!(patience > 0)) return
  const everyMs = Math.min(MOST_MS, Math.max(LEAST_MS, patience / 3))
  let isLate = false
  const timer = setInterval(() => {
    if (!isLate && (raw.headersSent || !request.raw.complete || raw.socket === null)) return
    if (!isLate) begin(raw)
    isLate = true
    raw.write('\n')
  }, everyMs)
  raw.once('close', () => clearInterval(timer))
}

/** Begins the answer. What the route then sends, head and body in one piece, goes into its last line. */
function begin(raw: ServerResponse): void {
  const end = raw.end.bind(raw) as (text: string) => ServerResponse
  raw.writeHead(200, { 'content-type': LATE, [HEADERS.server]: '1', 'cache-control': 'no-store' })
  const answer = { status: 200, headers: {} as LateAnswer['headers'], body: '' }
  raw.writeHead = (status: number, headers?: unknown) => {
    answer.status = raw.statusCode = status
    answer.headers = headers as LateAnswer['headers']
    return raw
  }
  raw.end = (body?: unknown) => {
    if (typeof body === 'string' || body instanceof Uint8Array) answer.body = Buffer.from(body as string).toString()
    return end(JSON.stringify(answer))
  }
}

/** Aborted when the client of a request is gone: what was only for it need not go on. */
export function whileConnected({ raw }: FastifyReply): AbortSignal {
  const gone = new AbortController()
  raw.once('close', () => gone.abort())
  return gone.signal
}
