import type { FastifyReply, FastifyRequest } from 'fastify'
import { CODES, KvError } from '../../errors.ts'
import { lingeringCloseAfter } from './lingering-close.ts'
import { type ErrorBody, bodyText, toBody } from '../../protocol/errors.ts'
import { HEADERS } from '../../protocol/http-api.ts'
import { note } from './request-log.ts'

/** Why a field of a call was refused: where it stands, and why for people and for programs. */
export interface FieldProblem {
  readonly loc: readonly (string | number)[]
  readonly msg: string
  readonly type: string
}

/** An answer other than success, with its status and body. */
export class HttpError extends Error {
  override readonly name = 'HttpError'
  readonly status: number
  readonly body: ErrorBody
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, body: ErrorBody, headers: Readonly<Record<string, string>> = {}) {
    super(typeof body.detail === 'string' ? body.detail : 'the call is wrong')
    this.status = status
    this.body = body
    this.headers = headers
  }
}

/** 422: fields of the call are missing or of the wrong type. */
export function wrongFields(problems: readonly FieldProblem[]): HttpError {
  return new HttpError(422, { detail: problems })
}

/** 503: too much is under way; the client should come again. */
export function busy(detail: string): HttpError {
  return new HttpError(503, { detail, code: 'KV_UNAVAILABLE' }, { 'retry-after': '1' })
}

/** 400, to nobody: the client went away before it was answered. */
export function clientGone(): HttpError {
  return new HttpError(400, { detail: 'the client went away' })
}

/** 413. */
export function tooLarge(detail: string): HttpError {
  return new HttpError(413, { detail, code: 'KV_TOO_LARGE' }, { connection: 'close' })
}

/** 413: more of something than one request may have. */
export function tooMany(what: string, limit: number): HttpError {
  return new HttpError(413, {
    detail: `more than ${limit} ${what} in one request`,
    code: 'KV_TOO_LARGE',
    hint: 'ask in several requests',
  })
}

/** 404: no route, or a path without the key that belongs there. */
export function noSuchPath(): HttpError {
  return new HttpError(404, { detail: 'Not Found' })
}

/** What the client of a bug is told; the log and `onBug` get the rest. */
const BUG = Object.assign(
  new HttpError(500, { detail: 'a bug in kv; the log of the server has more', code: 'KV_INTERNAL' }),
  { message: 'a bug in kv' },
)

/** The answer for whatever was thrown; `undefined` for a bug. */
export function toHttpError(error: unknown): HttpError | undefined {
  if (error instanceof HttpError) return error
  if (error instanceof KvError) {
    if (error.code === 'KV_INTERNAL') return undefined
    const status = CODES[error.code].http
    return new HttpError(status, toBody(error), status === 503 ? { 'retry-after': '1' } : {})
  }
  const { statusCode, message } = error as { statusCode?: unknown; message?: unknown }
  // What Fastify refuses itself: a broken path, a wrong header.
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500)
    return new HttpError(statusCode, { detail: String(message) })
  return undefined
}

/** Sends an error, or for a bug 500 without details, which only `onBug` gets. */
export function sendError(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  onBug?: (error: unknown) => void,
): void {
  const known = toHttpError(error)
  if (known === undefined) onBug?.(error)
  const { status, headers, body, message } = known ?? BUG
  note(reply.raw, { reason: message })
  if (headers['connection'] === 'close') lingeringCloseAfter(reply.raw)
  // The rest of a body of which some was read; one that was not touched is thrown away by Node.
  if (!request.raw.complete) request.raw.resume()
  if (body.code !== undefined) reply.header(HEADERS.code, body.code)
  void reply.headers(headers).code(status).type('application/json').send(bodyText(body))
}
