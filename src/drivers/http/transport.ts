import type { RequestOptions } from 'node:http'
import http from 'node:http'
import https from 'node:https'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { interrupted } from '../../errors.ts'
import { HEADERS } from '../../protocol/http-api.ts'
import type { Answer, Call } from './call.ts'
import { type Failures, Silence } from './failures.ts'

/** After how much silence TCP asks whether the other side is still there, in milliseconds. */
const PROBE_MS = 15_000

/** How long an unused connection is kept, in milliseconds: less than any server keeps it. */
const KEEP_MS = 4000

/** Sends requests to one server over connections that are kept. */
export class Transport {
  readonly #url: URL
  /** What stands before every path. */
  readonly #base: string
  readonly #token: string | undefined
  readonly #timeoutMs: number
  readonly #failures: Failures
  readonly #agent: http.Agent
  readonly #module: typeof http | typeof https

  /** @param timeoutMs how long the server may say nothing while a connection or an answer is waited for */
  constructor(url: URL, token: string | undefined, timeoutMs: number, failures: Failures) {
    this.#url = url
    this.#base = url.pathname.replace(/\/+$/, '')
    this.#token = token
    this.#timeoutMs = timeoutMs
    this.#failures = failures
    this.#module = url.protocol === 'https:' ? https : http
    this.#agent = new this.#module.Agent({
      keepAlive: true,
      keepAliveMsecs: PROBE_MS,
      maxSockets: 64,
      timeout: KEEP_MS,
    })
  }

  /** Ends every connection. */
  close(): void {
    this.#agent.destroy()
  }

  /**
   * Sends a request; settles when its answer begins. Throws `KV_UNAVAILABLE` when the server cannot be reached or the
   * answer to a read is lost, `KV_UNKNOWN_OUTCOME` when the answer to a write is, and what the body of the request
   * throws. A read is sent once more when a kept connection was closed under it.
   */
  send(call: Call, first = true): Promise<Answer> {
    const { method, path, headers, body, length, write, silenceMs = this.#timeoutMs, apart } = call
    const size = body instanceof Uint8Array ? body.length : length
    const options: RequestOptions = {
      method,
      path: this.#base + path,
      agent: apart ? false : this.#agent,
      host: this.#url.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: this.#url.port || undefined,
      headers: {
        [HEADERS.timeout]: String(silenceMs),
        ...headers,
        ...(this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` }),
        ...(size === undefined ? {} : { 'content-length': String(size) }),
      },
    }
    return new Promise((resolve, reject) => {
      const request = this.#module.request(options)
      endWhenAborted(request, call)
      let connected = false
      request.on('socket', (socket) => {
        call.hold?.keep('socket', socket)
        const ready = (): void => {
          connected = true
          socket.setKeepAlive(true, PROBE_MS)
          socket.setTimeout(silenceMs)
        }
        // Of the socket: a request tells of it only where its agent has a timeout.
        const onTimeout = (): void => void request.destroy(new Silence(connected ? silenceMs : this.#timeoutMs))
        socket.on('timeout', onTimeout)
        request.on('close', () => socket.off('timeout', onTimeout))
        if (!socket.connecting) return ready()
        socket.setTimeout(this.#timeoutMs)
        socket.once(this.#url.protocol === 'https:' ? 'secureConnect' : 'connect', ready)
      })
      request.on('response', (body) => {
        answered = true
        // From here on whoever reads the body looks at the clock.
        request.socket?.setTimeout(0)
        body.on('close', () => request.destroy())
        resolve({ status: body.statusCode!, headers: body.headers, body })
      })
      let failed: { readonly error: unknown } | undefined
      let answered = false
      request.on('error', (cause) => {
        // From here on whoever reads the body is told.
        if (answered) return
        if (failed !== undefined) return reject(failed.error)
        // A kept connection that the server closed meanwhile. A read may be sent again; a write may not.
        const wasClosed = request.reusedSocket && !(cause instanceof Silence)
        if (wasClosed && first && !write && !(body instanceof Object && Symbol.asyncIterator in body))
          resolve(this.send(call, false))
        else reject(connected ? this.#failures.lost(call, cause) : this.#failures.unreachable(call, cause))
      })
      if (body === undefined || body instanceof Uint8Array) request.end(body)
      else {
        const source = async function* (): AsyncGenerator<Uint8Array, void, void> {
          try {
            yield* body
          } catch (error) {
            // Not the server's fault: the request ends, and with it what it would have done.
            failed = { error }
            throw error
          }
        }
        // A failure shows as an error of the request.
        pipeline(Readable.from(source()), request).catch(() => {})
      }
    })
  }
}

/** Ends a request, at whatever stage it is, once nobody wants its answer any more. */
function endWhenAborted(request: http.ClientRequest, { signal, graceMs = 0 }: Call): void {
  if (signal === undefined) return
  let timer: NodeJS.Timeout | undefined
  const end = (): void => void request.destroy(interrupted(signal))
  const onAbort = (): void => {
    if (graceMs === 0) end()
    else timer = setTimeout(end, graceMs)
  }
  if (signal.aborted) onAbort()
  else signal.addEventListener('abort', onAbort, { once: true })
  request.on('close', () => {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  })
}
