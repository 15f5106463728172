import type { IncomingHttpHeaders, RequestOptions } from 'node:http'
import http from 'node:http'
import https from 'node:https'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { interrupted } from '../../errors.ts'
import { HEADERS, LATE, type LateAnswer } from '../../protocol/http-api.ts'
import { Failures, Silence } from './failures.ts'
import type { Hold } from './hold.ts'

/** One request to a server. */
export interface Call {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE'
  /** With the query. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  /** The body, in chunks when it is long; their sum in bytes when it is known. */
  readonly body?: Uint8Array | AsyncIterable<Uint8Array>
  readonly length?: number | undefined
  /** A lost answer means that the write may have been done. */
  readonly write: boolean
  /** What to do then, where it is not one key that is put. */
  readonly ifLost?: string
  /** How long the server may say nothing, in milliseconds. Default: what the client was told. */
  readonly silenceMs?: number
  /** On a connection of its own, which is not kept: the answer has no end. */
  readonly apart?: boolean
  /** Told of what keeps the process running while the answer is waited for. */
  readonly hold?: Hold
  /** Aborted when nobody wants the answer any more. */
  readonly signal?: AbortSignal | undefined
  /**
   * How long the answer is still waited for then, in milliseconds: an outcome that is known is worth a moment.
   * Default: not at all.
   */
  readonly graceMs?: number
}

/** An answer whose body has not been read. */
export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Readable
}

/**
 * After how much silence the system asks whether the other side is still there, in milliseconds; it gives up some
 * seconds later.
 */
const PROBE_MS = 15_000

/**
 * How long an unused connection is kept, in milliseconds: less than any server does, so that it is not closed under a
 * request.
 */
const KEEP_MS = 4000

/** Longest body of a refusal that is read, in bytes. */
const MAX_ERROR_BYTES = 1 << 16

/** Calls one server over connections that are kept. */
export class HttpClient {
  /** The errors of this server's answers. */
  readonly failures: Failures
  readonly #url: URL
  /** What stands before every path. */
  readonly #base: string
  readonly #token: string | undefined
  readonly #timeoutMs: number
  readonly #agent: http.Agent
  readonly #module: typeof http | typeof https

  /**
   * @param timeoutMs how long the server may say nothing while something is wanted of it: a connection, an answer,
   * more of one
   */
  constructor(url: URL, token: string | undefined, timeoutMs: number) {
    this.#url = url
    this.failures = new Failures(url.origin)
    this.#base = url.pathname.replace(/\/+$/, '')
    this.#token = token
    this.#timeoutMs = timeoutMs
    this.#module = url.protocol === 'https:' ? https : http
    this.#agent = new this.#module.Agent({
      keepAlive: true,
      keepAliveMsecs: PROBE_MS,
      maxSockets: 64,
      timeout: KEEP_MS,
    })
  }

  /**
   * Sends a request; settles when its answer begins. Statuses other than success are thrown as what
   * the server said, but for those in `expected`. Throws `KV_UNAVAILABLE` when the server cannot be
   * reached or the answer to a read is lost or not from kv, `KV_UNKNOWN_OUTCOME` when the answer to
   * a write is.
   */
  async call(call: Call, expected: readonly number[] = []): Promise<Answer> {
    const first = await this.#send(call, true)
    if (first.headers[HEADERS.server] === undefined) {
      first.body.destroy()
      throw this.failures.strange(call, first)
    }
    const answer = first.headers['content-type'] === LATE ? await this.#late(first, call) : first
    if ((answer.status >= 200 && answer.status < 300) || expected.includes(answer.status)) return answer
    throw this.failures.refusal(call, answer, await this.text(answer, call, MAX_ERROR_BYTES))
  }

  /** The answer that is within a late one. */
  async #late(answer: Answer, call: Call): Promise<Answer> {
    const text = await this.text(answer, call)
    let late: LateAnswer
    try {
      late = JSON.parse(text) as LateAnswer
    } catch (cause) {
      throw this.failures.lost(call, cause)
    }
    return {
      status: late.status,
      headers: { ...answer.headers, ...late.headers },
      body: Readable.from([Buffer.from(late.body)]),
    }
  }

  /** The rest of an answer. Throws as {@link call} does when it is cut off. */
  async bytes(answer: Answer, call: Call, max: number = Infinity): Promise<Buffer> {
    const chunks: Buffer[] = []
    let length = 0
    for await (const chunk of this.chunks(answer, call)) {
      chunks.push(chunk)
      length += chunk.length
      if (length > max) break
    }
    return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
  }

  /** The same as text. */
  async text(answer: Answer, call: Call, max?: number): Promise<string> {
    return (await this.bytes(answer, call, max)).toString()
  }

  /**
   * The same as it comes. Leaving the loop ends the connection. Only the time that is waited for a chunk counts as
   * silence.
   */
  async *chunks({ body }: Answer, call: Call): AsyncGenerator<Buffer, void, void> {
    const { silenceMs = this.#timeoutMs } = call
    const chunks = body[Symbol.asyncIterator]() as AsyncIterator<Buffer, void>
    try {
      for (;;) {
        const timer = setTimeout(() => body.destroy(new Silence(silenceMs)), silenceMs)
        call.hold?.keep('timer', timer)
        const { value, done } = await chunks.next().finally(() => clearTimeout(timer))
        if (done === true) return
        yield value
      }
    } catch (cause) {
      throw this.failures.lost(call, cause)
    } finally {
      await chunks.return?.()
    }
  }

  /** Ends every connection. */
  close(): void {
    this.#agent.destroy()
  }

  #send(call: Call, first: boolean): Promise<Answer> {
    const { method, path, headers, body, length, write, silenceMs = this.#timeoutMs, apart } = call
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
        ...lengthHeader(body, length),
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
          resolve(this.#send(call, false))
        else reject(connected ? this.failures.lost(call, cause) : this.failures.unreachable(call, cause))
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

function lengthHeader(body: Call['body'], length: number | undefined): Record<string, string> {
  if (body instanceof Uint8Array) return { 'content-length': String(body.length) }
  return length === undefined ? {} : { 'content-length': String(length) }
}
