import type {
  FastifyContextConfig,
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  RouteOptions,
  onRequestHookHandler,
} from 'fastify'
import { KvError, usageError } from '../../errors.ts'
import type { AccessPolicy } from './access.ts'
import type { LoadLimits } from './load-limits.ts'
import { sendHeartbeats } from '../http/heartbeats.ts'
import { afterEarlier, isPipelined } from './pipelining.ts'
import { FRAMES, HEADERS } from '../../protocol/http-api.ts'
import { clientGone } from '../http/http-error.ts'
import type { Metrics } from '../http/metrics.ts'
import type { RequestLog } from '../http/request-log.ts'

/** Headers that make a write depend on what is there. */
const CONDITIONS = ['if-match', 'if-none-match', HEADERS.ifRevision, HEADERS.ifValueLength] as const

/** Takes a request in, or refuses it, and notes how it ended. */
export type RequestHook = (request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void) => void

/** What is asked before a request, and told after it. */
export interface Checks {
  readonly access: AccessPolicy
  readonly limits: LoadLimits
  readonly readOnly: boolean
  readonly metrics: Metrics
  readonly log: RequestLog | undefined
}

/** From now on every route added to the server has the checks. */
export function addRequestHooks(app: FastifyInstance, checks: Checks): void {
  app.addHook('onRoute', (route: RouteOptions) => {
    route.onRequest = requestHook(checks, String(route.method), route.url, route.config) as onRequestHookHandler
  })
}

/** The checks before the requests of one route, made once: to look up for each request what holds would cost more. */
export function requestHook(
  { access, limits, readOnly, metrics, log }: Checks,
  method: string,
  route: string,
  { write = false, conditional = false, watch = false, long = false, always = false }: FastifyContextConfig = {},
): RequestHook {
  const refused = write && readOnly
  const unconditional = write && !conditional
  const count = metrics.counter(method, route)
  const admit: RequestHook = (request, reply, done) => {
    const began = performance.now()
    const { raw } = reply
    const logEnd = log?.begin(request.raw)
    let isOver = false
    const isBehindOthers = raw.socket === null
    const over = (): void => {
      if (isOver) return
      isOver = true
      if (isBehindOthers) request.raw.socket.off('close', over)
      limits.release(raw)
      const ms = performance.now() - began
      count(raw.statusCode, ms)
      logEnd?.(raw, ms)
    }
    raw.on('close', over)
    // An answer that waits for those before it on its connection is told nothing when that ends.
    if (isBehindOthers) request.raw.socket.setMaxListeners(0).once('close', over)
    reply.header(HEADERS.server, '1')
    // No answer is for another site to load, to show in a frame, or to be taken for a page or a script.
    reply
      .header('x-content-type-options', 'nosniff')
      .header('cross-origin-resource-policy', 'same-origin')
      .header('content-security-policy', "frame-ancestors 'none'")
    try {
      if (request.raw.socket.destroyed) throw clientGone()
      if (access.check(request, reply)) return
      if (watch) limits.acquireWatch(raw)
      else if (!always) limits.acquire(raw)
      if (long) sendHeartbeats(request, reply)
      if (refused) throw new KvError('KV_READ_ONLY', 'this server only reads')
      const { headers } = request.raw
      if (unconditional && CONDITIONS.some((name) => headers[name] !== undefined))
        throw usageError('this call takes no condition', 'PUT and DELETE of /v1/keys/{key} do')
      // Bodies are bytes, whatever they are called; Fastify would refuse a type that is none.
      if (headers['content-type'] !== undefined && headers['content-type'] !== FRAMES)
        headers['content-type'] = 'application/octet-stream'
    } catch (error) {
      return done(error as Error)
    }
    done()
  }
  return (request, reply, done) => {
    if (!isPipelined(reply.raw)) return admit(request, reply, done)
    try {
      afterEarlier(request.raw, reply.raw, () => admit(request, reply, done))
    } catch (error) {
      done(error as Error)
    }
  }
}
