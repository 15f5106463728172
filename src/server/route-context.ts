import type { FastifyReply, FastifyRequest } from 'fastify'
import { KvError } from '../errors.ts'
import type { Store } from '../store/store.ts'
import type { Parameter } from '../protocol/http-api.ts'
import type { BodyLimits } from './body/body.ts'
import type { LoadLimits } from './admission/load-limits.ts'
import type { Metrics } from './http/metrics.ts'
import type { ReadBatcher } from './read-batcher.ts'
import { noSuchPath } from './http/http-error.ts'
import { Query, decodeKey, percentDecode, targetOf } from './http/request-target.ts'

/** What the routes work with. */
export interface RouteContext {
  readonly store: Store
  readonly reads: ReadBatcher
  readonly limits: LoadLimits
  readonly metrics: Metrics
  readonly bodyLimits: BodyLimits
  /** How often a watch with nothing to report shows that it lives, in milliseconds. */
  readonly heartbeatMs: number
  readonly readOnly: boolean
}

const NO_PARAMETERS = new Query('')

/** The parameters of a request; unknown ones are refused. Throws `KV_USAGE`. */
export function queryOf(request: FastifyRequest, names: readonly Parameter[]): Query {
  const text = targetOf(request.raw).query
  if (text === '') return NO_PARAMETERS
  const query = new Query(text)
  query.only(names)
  return query
}

/** The key in the path of a request, its exact bytes. Throws `KV_INVALID_KEY`. */
export function keyOf(request: FastifyRequest, query: Query): Uint8Array {
  const { key } = targetOf(request.raw)
  if (key === undefined) throw noSuchPath()
  const bytes = percentDecode(key)
  if (bytes === undefined)
    throw new KvError('KV_INVALID_KEY', 'the key in the path is not percent-encoded: a % needs two hex digits after it')
  return decodeKey(bytes, query.encoding)
}

/** The media type of JSON, whole: Fastify would put the character set in for each answer. */
export const JSON_TYPE = 'application/json; charset=utf-8'

/** Sends a value as JSON. */
export function sendJson(reply: FastifyReply, value: unknown): FastifyReply {
  return reply.type(JSON_TYPE).send(JSON.stringify(value))
}
