/** An error as it goes over the wire, and back. */
import { asBuffer } from '../bytes.ts'
import { CODES, type Code, KvError, type KvErrorDetails } from '../errors.ts'
import { escapeJson } from '../safe-text.ts'
import { FRAME, type Frame, type FrameWriter } from './frames.ts'

/** The body of every answer that is an error. The five endpoints for text give `detail` alone. */
export interface ErrorBody {
  /** A text, or from the endpoints for text a list of what is wrong with each field. */
  readonly detail: unknown
  readonly code?: string | undefined
  readonly hint?: string | undefined
  readonly details?: KvErrorDetails | undefined
}

/** The body for an error: what those are told who reach the store through a server. */
export function toBody({ code, details, elsewhere: { message, hint } }: KvError): ErrorBody {
  return { detail: message, code, hint, details }
}

/** A body as JSON text. */
export function bodyText(body: ErrorBody): string {
  return escapeJson(JSON.stringify(body))
}

/** The JSON object that a text is; `undefined` when it is none. */
export function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value = JSON.parse(text) as Record<string, unknown> | null
    return typeof value === 'object' ? (value ?? undefined) : undefined
  } catch {
    return undefined
  }
}

/** The body that a text is; `undefined` when it is none. */
export function parseBody(text: string): ErrorBody | undefined {
  const body = parseObject(text)
  return body && 'detail' in body ? (body as Readonly<Record<string, unknown>> & ErrorBody) : undefined
}

/** The error that a body stands for; `status` is that of its answer, for a body without a code that is known here. */
export function fromBody({ detail, code = '', hint, details }: ErrorBody, status = 500): KvError {
  const known = Object.hasOwn(CODES, code) ? (code as Code) : codeOf(status)
  return new KvError(known, typeof detail === 'string' ? detail : JSON.stringify(detail), {
    hint,
    details: detailsOf(details),
  })
}

/** Of what another program says, what is understood here. */
function detailsOf(details: KvErrorDetails | undefined): KvErrorDetails | undefined {
  const condition = details?.condition
  return Number.isSafeInteger(condition) && condition! >= 0 ? { condition } : undefined
}

/** Adds an error as the last frame of a stream. */
export function addError(writer: FrameWriter, error: KvError): void {
  writer.add(FRAME.error, Buffer.from(error.code), Buffer.from(error.elsewhere.message))
}

/** The error of such a frame. */
export function errorOf({ key, value }: Frame): KvError {
  return fromBody({ detail: asBuffer(value).toString(), code: asBuffer(key).toString() })
}

function codeOf(status: number): Code {
  if (status === 401 || status === 403) return 'KV_DENIED'
  if (status === 404) return 'KV_NOT_FOUND'
  if (status === 413) return 'KV_TOO_LARGE'
  if (status === 408 || status === 503) return 'KV_UNAVAILABLE'
  return status < 500 ? 'KV_USAGE' : 'KV_IO'
}
