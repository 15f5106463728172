import type { Socket } from 'node:net'
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify'
import type { Store } from '../store/store.ts'
import { type Checks, type RequestHook, addRequestHooks, requestHook } from './admission/request-hooks.ts'
import { answerUnrouted, answerClientError } from './http/raw-responses.ts'
import { batchRoutes } from './routes/batch-routes.ts'
import { textRoutes } from './routes/text-routes.ts'
import { Connections } from './http/connections.ts'
import { documentationRoutes } from './docs/routes.ts'
import { LoadLimits } from './admission/load-limits.ts'
import { AccessPolicy, type AccessOptions } from './admission/access.ts'
import { Metrics } from './http/metrics.ts'
import { opsRoutes } from './routes/ops-routes.ts'
import { RequestLog } from './http/request-log.ts'
import { ReadBatcher } from './read-batcher.ts'
import { HttpError, noSuchPath, sendError } from './http/http-error.ts'
import { WITHOUT_COMPILERS } from './docs/schema.ts'
import type { RouteContext } from './route-context.ts'
import { routePath } from './http/request-target.ts'
import { historyRoutes } from './routes/history-routes.ts'
import { keyRoutes } from './routes/key-routes.ts'
import { rangeRoutes } from './routes/range-routes.ts'
import { usageRoutes } from './routes/usage-routes.ts'
import { watchRoutes } from './routes/watch-routes.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** What is open, for whoever ends the server. */
    connections: Connections
  }
  interface FastifyContextConfig {
    /** The route writes: refused by a server that only reads. */
    write?: boolean
    /** The route takes conditions; others that write refuse them, since what was to be conditional must not be done. */
    conditional?: boolean
    /** The route answers with changes as they come: no request in the sense of the limits. */
    watch?: boolean
    /** The answer may take long, and is sent in one piece: a client that asks for it is shown life before. */
    long?: boolean
    /** Answered also when too much is under way. */
    always?: boolean
  }
}

/** How a server answers. */
export interface ServerOptions extends AccessOptions {
  /** Refuse every write. Default: false. */
  readonly readOnly?: boolean | undefined
  /** Bytes of a body, or of an answer that must be whole before it goes out. Default: 64 MB. */
  readonly maxBodyBytes?: number | undefined
  /** Bytes of bodies and answers in memory; more are answered 503. Default: four bodies, at least 256 MB. */
  readonly maxMemoryBytes?: number | undefined
  /** Requests under way at a time; more are answered 503. Default: 1024. */
  readonly maxRequests?: number | undefined
  /** Requests that read a range at a time; more are answered 503. Default: 128. */
  readonly maxStreams?: number | undefined
  /** Watches at a time; more are answered 503. Default: 1024. */
  readonly maxWatches?: number | undefined
  /** How long a client may send nothing within a body, in milliseconds. Default: 30 s. */
  readonly bodyTimeoutMs?: number | undefined
  /** How long a body held in memory may take besides a second for each 50 kB, in milliseconds. Default: 60 s. */
  readonly uploadGraceMs?: number | undefined
  /** How long a connection may be idle, in milliseconds. Default: 75 s, longer than proxies keep one. */
  readonly idleTimeoutMs?: number | undefined
  /** How long a client may take nothing of a range or watch, in milliseconds. Default: 15 min. */
  readonly sendTimeoutMs?: number | undefined
  /** How often an idle watch shows that it lives, in milliseconds. Default: a fifth of `idleTimeoutMs`. */
  readonly heartbeatMs?: number | undefined
  /** How long the head of a request may take, and a TLS handshake, in milliseconds. Default: 10 s. */
  readonly headTimeoutMs?: number | undefined
  /** PEM texts: serve HTTPS. */
  readonly tls?: { readonly cert: string | Buffer; readonly key: string | Buffer } | undefined
  /** Takes one line of JSON for each request, see {@link RequestLog}; false when it cannot. */
  readonly log?: ((line: string) => unknown) | undefined
  /** Told of errors that are bugs; the client gets no details of them. */
  readonly onBug?: ((error: unknown) => void) | undefined
  /** Show figures of the whole process in `/metrics`. Default: false. */
  readonly processMetrics?: boolean | undefined
}

/** Connections open at a time; more are closed at once. */
const MAX_CONNECTIONS = 4096

/** Longest head of a request, in bytes: the longest key percent-encoded, and room for headers. */
const MAX_HEAD_BYTES = 256 * 1024

/** The server over a store; never listens. Closing it leaves the store open. */
export async function buildApp(store: Store, options: ServerOptions = {}): Promise<FastifyInstance> {
  const { maxBodyBytes = 64_000_000, bodyTimeoutMs = 30_000, uploadGraceMs = 60_000, readOnly = false } = options
  const { idleTimeoutMs = 75_000, heartbeatMs = idleTimeoutMs / 5, sendTimeoutMs = 15 * 60_000 } = options
  const limits = new LoadLimits({
    requests: options.maxRequests ?? 1024,
    bytes: options.maxMemoryBytes ?? Math.max(4 * maxBodyBytes, 256_000_000),
    streams: options.maxStreams ?? 128,
    watches: options.maxWatches ?? 1024,
  })
  const context: RouteContext = {
    store,
    reads: new ReadBatcher(store),
    limits,
    metrics: new Metrics(store, { watches: () => limits.watches, process: options.processMetrics ?? false }),
    bodyLimits: { maxBodyBytes, bodyTimeoutMs, uploadGraceMs },
    heartbeatMs,
    readOnly,
  }
  const log = options.log && new RequestLog(options.log)
  const app = createApp(options, idleTimeoutMs, log)
  answerUnrouted(app.server, log)
  app.decorate('connections', new Connections(app.server, { max: MAX_CONNECTIONS, sendTimeoutMs }))
  // None is left out: Node would drop those after the first thousand without a word. Their bytes are limited.
  app.server.maxHeadersCount = 0
  // Bodies are read by the handlers, as bytes; answers are made by them too.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
  app.setErrorHandler((error, request, reply) => sendError(error, request, reply, options.onBug))
  const checks: Checks = { ...context, access: new AccessPolicy(options), log }
  addRequestHooks(app, checks)
  const paths = new Map<string, string[]>()
  app.addHook('onRoute', ({ url, method }) => {
    if (method === 'OPTIONS') return
    const path = url.replace(':key', '-').replace(/(.)\/$/, '$1')
    paths.set(path, [...(paths.get(path) ?? []), ...[method].flat()])
  })
  const preValidation: RequestHook = (request, reply, done) =>
    requestHook(checks, request.method, 'none')(request, reply, done)
  app.setNotFoundHandler({ preValidation }, (request) => {
    const methods = paths.get((request.raw.url ?? '').replace(/(.)\/$/, '$1'))
    if (methods === undefined) throw noSuchPath()
    throw new HttpError(405, { detail: 'Method Not Allowed' }, { allow: [...new Set(methods)].join(', ') })
  })
  const routes = (to: FastifyInstance): void => {
    for (const add of [
      textRoutes,
      keyRoutes,
      rangeRoutes,
      usageRoutes,
      historyRoutes,
      batchRoutes,
      watchRoutes,
      opsRoutes,
    ])
      add(to, context)
  }
  routes(app)
  documentationRoutes(app, routes, { needsToken: options.token !== undefined })
  app.addHook('preClose', (done) => {
    limits.close()
    app.connections.stopAccepting()
    // After a turn, in which what a client has just sent is read.
    setImmediate(() => app.connections.closeUnused())
    done()
  })
  app.addHook('onClose', () => app.connections.allClosed())
  return app
}

function createApp(
  { tls, headTimeoutMs = 10_000 }: ServerOptions,
  idleTimeoutMs: number,
  log: RequestLog | undefined,
): FastifyInstance {
  const http = {
    maxHeaderSize: MAX_HEAD_BYTES,
    requireHostHeader: false,
    headersTimeout: headTimeoutMs,
    connectionsCheckingInterval: 1000,
  }
  const common = {
    ...WITHOUT_COMPILERS,
    logger: false as const,
    rewriteUrl: routePath,
    routerOptions: { ignoreTrailingSlash: true, querystringParser: (): Record<string, unknown> => ({}) },
    return503OnClosing: false,
    forceCloseConnections: 'idle' as const,
    connectionTimeout: idleTimeoutMs,
    keepAliveTimeout: idleTimeoutMs,
    // The time of a body is limited where it is read: see ./body.ts.
    requestTimeout: 0,
    clientErrorHandler: (error: NodeJS.ErrnoException, socket: Socket) => answerClientError(error, socket, log),
    frameworkErrors: ((error: unknown, request: FastifyRequest, reply: FastifyReply) =>
      sendError(error, request, reply)) as never,
  }
  const app =
    tls === undefined
      ? fastify({ ...common, http })
      : fastify({ ...common, https: { ...http, cert: tls.cert, key: tls.key, handshakeTimeout: headTimeoutMs } })
  return app as unknown as FastifyInstance
}
