import { createHash, timingSafeEqual } from 'node:crypto'
import { isIP } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Refusal } from './refusal.ts'
import { targetOf } from './target.ts'

/** Who may call, and from where. */
export interface GuardOptions {
  /** What a client must send as `Authorization: Bearer`; without it, everybody may call. */
  readonly token?: string | undefined
  /** The address the server listens on. */
  readonly host?: string | undefined
  /** Names under which the server may be called besides its host and the loopback names. */
  readonly allowHosts?: readonly string[] | undefined
  /** Origins whose web pages may call. */
  readonly corsOrigins?: readonly string[] | undefined
}

/** Paths that tell nothing of the data: answered without a token. */
const OPEN = /^\/(?:health|ready|openapi\.json|docs(?:\/.*)?)\/?$/

/** `Host` headers remembered at most. */
const MAX_KNOWN = 64

const ANY_ADDRESS = new Set(['0.0.0.0', '::'])

/** Whether a host name or address means this machine only. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase().replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '')
  return name === 'localhost' || name.endsWith('.localhost') || name === '::1' || /^127(?:\.\d{1,3}){3}$/.test(name)
}

/** Checks of every request, before anything of it is done. */
export class Guard {
  readonly #token: Buffer | undefined
  readonly #hosts: ReadonlySet<string>
  readonly #anyAddress: boolean
  readonly #origins: ReadonlySet<string>
  /** `Host` headers that were found to be right. */
  readonly #known = new Set<string>()

  constructor({ token, host = '127.0.0.1', allowHosts = [], corsOrigins = [] }: GuardOptions) {
    this.#token = token === undefined ? undefined : digest(token)
    this.#hosts = new Set([host, ...allowHosts].map((name) => name.toLowerCase()))
    this.#anyAddress = ANY_ADDRESS.has(host)
    this.#origins = new Set(corsOrigins)
  }

  /**
   * Throws 403 for a foreign `Host` or, on a write, a foreign `Origin`, and 401 without the token.
   * Returns true when the request was a preflight and is answered.
   */
  check(request: FastifyRequest, reply: FastifyReply): boolean {
    const { method, headers } = request.raw
    if (!this.#knows(headers.host)) {
      throw new Refusal(403, { detail: `this server does not answer for the host ${JSON.stringify(headers.host ?? '')}`, code: 'KV_USAGE', hint: 'kv serve --allow-host NAME lets it' })
    }
    const { origin } = headers
    if (origin !== undefined) {
      if (this.#origins.has(origin)) {
        reply.header('access-control-allow-origin', origin).header('access-control-expose-headers', 'etag, kv-expires').header('vary', 'origin')
        if (method === 'OPTIONS' && headers['access-control-request-method'] !== undefined) {
          reply.header('access-control-allow-methods', 'GET, HEAD, PUT, POST, DELETE')
          reply.header('access-control-allow-headers', 'authorization, content-type, if-match, if-none-match, kv-if-value-length, last-event-id')
          void reply.header('access-control-max-age', '600').code(204).send()
          return true
        }
      } else if (method !== 'GET' && method !== 'HEAD' && !sameHost(origin, headers.host)) {
        throw new Refusal(403, { detail: `pages of ${origin} may not write here`, code: 'KV_USAGE', hint: 'kv serve --cors ORIGIN lets them' })
      }
    }
    if (this.#token !== undefined && !OPEN.test(targetOf(request.raw).path)) this.#authorize(headers.authorization)
    return false
  }

  /**
   * Against DNS rebinding: a web page under a name that its owner points at this machine sends that
   * name here. Where the server listens on every address, any address (not any name) is fine.
   */
  #knows(header: string | undefined): boolean {
    if (header === undefined) return false
    if (this.#known.has(header)) return true
    if (!this.#matches(header)) return false
    if (this.#known.size >= MAX_KNOWN) this.#known.clear()
    this.#known.add(header)
    return true
  }

  #matches(header: string): boolean {
    const host = header.toLowerCase().replace(/:\d*$/, '')
    if (isLoopback(host) || this.#hosts.has(host) || this.#hosts.has(header.toLowerCase())) return true
    const bare = host.replace(/^\[(.*)\]$/, '$1')
    return this.#hosts.has(bare) || (this.#anyAddress && isIP(bare) !== 0)
  }

  #authorize(header: string | undefined): void {
    const sent = /^Bearer +(\S+) *$/i.exec(header ?? '')?.[1]
    // Digests have one length whatever was sent, so the comparison tells nothing by its time.
    if (sent !== undefined && timingSafeEqual(digest(sent), this.#token!)) return
    throw new Refusal(401, { detail: sent === undefined ? 'this server needs a token' : 'the token is wrong', code: 'KV_UNAVAILABLE', hint: 'send it as Authorization: Bearer TOKEN' }, { 'www-authenticate': 'Bearer' })
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

function sameHost(origin: string, host: string | undefined): boolean {
  try {
    return new URL(origin).host === host?.toLowerCase()
  } catch {
    return false
  }
}
