import { createHash, timingSafeEqual } from 'node:crypto'
import { isIP } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Origins } from './origins.ts'
import { HttpError } from '../http/http-error.ts'
import { targetOf } from '../http/request-target.ts'

/** Who may call, and from where. */
export interface AccessOptions {
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
const OPEN = /^\/(?:health|ready|openapi\.json|docs(?:\/.*)?)?\/?$/

/** Of these, what proxies and supervisors ask, under whatever name: answered for any host. */
const PROBED = /^\/(?:health|ready)?\/?$/

/** Headers that may stand in a request once only (RFC 9110, section 5.3): of two, Node hides one. */
const SINGLE = ['host', 'content-type', 'authorization']

/** `Host` headers remembered at most. */
const MAX_KNOWN = 64

const ANY_ADDRESS = new Set(['0.0.0.0', '::'])

/** Whether a host name or address means this machine only. */
export function isLoopback(host: string): boolean {
  const name = host
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '')
  return name === 'localhost' || name.endsWith('.localhost') || name === '::1' || /^127(?:\.\d{1,3}){3}$/.test(name)
}

/** Checks of every request, before anything of it is done. */
export class AccessPolicy {
  readonly #token: Buffer | undefined
  readonly #hosts: ReadonlySet<string>
  readonly #anyAddress: boolean
  readonly #origins: Origins
  /** `Host` headers that were found to be right. */
  readonly #known = new Set<string>()

  constructor({ token, host = '127.0.0.1', allowHosts = [], corsOrigins = [] }: AccessOptions) {
    this.#token = token === undefined ? undefined : digest(token)
    this.#hosts = new Set([host, ...allowHosts].map((name) => name.toLowerCase()))
    this.#anyAddress = ANY_ADDRESS.has(host)
    this.#origins = new Origins(corsOrigins, (name) => this.#matches(name))
  }

  /** Throws 400 for a repeated header, 403 for a foreign `Host` or page, 401 without the token. True: a preflight. */
  check(request: FastifyRequest, reply: FastifyReply): boolean {
    const { raw } = request
    const { headers } = raw
    checkSingle(raw.rawHeaders)
    const { path, authority } = targetOf(raw)
    // What stands in the target counts (RFC 9112, section 3.2.2). HTTP/1.0 has no host: health checks speak it,
    // browsers do not.
    const host = authority ?? headers.host
    if (!this.#knows(host) && !PROBED.test(path) && !(host === undefined && raw.httpVersion === '1.0')) {
      throw new HttpError(403, {
        detail: `this server does not answer for the host ${JSON.stringify(host ?? '')}`,
        code: 'KV_DENIED',
        hint: 'kv serve --allow-host NAME lets it',
      })
    }
    const isOpen = (): boolean => OPEN.test(path)
    if (this.#origins.check(raw, reply, host, isOpen)) return true
    if (this.#token !== undefined && !isOpen()) this.#authorize(headers.authorization)
    return false
  }

  /** Against DNS rebinding. Where the server listens on every address, any address (not any name) is fine. */
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
    throw new HttpError(
      401,
      {
        detail: sent === undefined ? 'this server needs a token' : 'the token is wrong',
        code: 'KV_DENIED',
        hint: 'send it as Authorization: Bearer TOKEN',
      },
      { 'www-authenticate': 'Bearer' },
    )
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

function checkSingle(rawHeaders: readonly string[]): void {
  let seen = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const { length } = rawHeaders[i]!
    if (length !== 4 && length !== 12 && length !== 13) continue
    const at = SINGLE.indexOf(rawHeaders[i]!.toLowerCase())
    if (at < 0) continue
    if ((seen & (1 << at)) !== 0)
      throw new HttpError(400, { detail: `the header ${SINGLE[at]} may be given once only`, code: 'KV_USAGE' })
    seen |= 1 << at
  }
}
