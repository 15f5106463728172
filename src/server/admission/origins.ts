import type { IncomingMessage } from 'node:http'
import type { FastifyReply } from 'fastify'
import { HEADERS } from '../../protocol/http-api.ts'
import { HttpError } from '../http/http-error.ts'

/** Names of headers as a page may ask to send them. */
const NAMES = /^[\w!#$%&'*+.^`|~, -]{1,4096}$/

/** What pages may read of an answer besides its body. */
const EXPOSED = ['etag', HEADERS.expires, HEADERS.revision, HEADERS.server, 'retry-after'].join(', ')

/** Which web pages may call: a request may write, and whether an answer loads tells whether a key is there. */
export class Origins {
  readonly #allowed: ReadonlySet<string>
  readonly #knows: (host: string) => boolean

  /** @param knows whether the server may be called under a host */
  constructor(allowed: readonly string[], knows: (host: string) => boolean) {
    this.#allowed = new Set(allowed)
    this.#knows = knows
  }

  /** Throws 403 for a page of another origin, but for links to what `isOpen`. True: a preflight, answered. */
  check(
    { method = '', headers }: IncomingMessage,
    reply: FastifyReply,
    host: string | undefined,
    isOpen: () => boolean,
  ): boolean {
    const { origin } = headers
    if (this.#allowed.size > 0) reply.header('vary', 'origin')
    if (origin !== undefined && this.#allowed.has(origin)) {
      reply.header('access-control-allow-origin', origin).header('access-control-expose-headers', EXPOSED)
      return (
        method === 'OPTIONS' &&
        headers['access-control-request-method'] !== undefined &&
        answerPreflight(reply, headers['access-control-request-headers'])
      )
    }
    const site = headers['sec-fetch-site']
    const isForeign = (site === 'cross-site' || site === 'same-site') && !(isNavigation(method, headers) && isOpen())
    if (isForeign || (origin !== undefined && !this.#isOwn(origin, host, site))) {
      throw new HttpError(403, {
        detail: `pages of ${origin ?? 'other sites'} may not call here`,
        code: 'KV_DENIED',
        hint: 'kv serve --cors ORIGIN lets them',
      })
    }
    return false
  }

  /** Behind a proxy that changes the host, the browser's word counts, for pages of a known host. */
  #isOwn(origin: string, host: string | undefined, site: string | string[] | undefined): boolean {
    if (!URL.canParse(origin)) return false
    const { host: own } = new URL(origin)
    return own === host?.toLowerCase() || (site === 'same-origin' && this.#knows(own))
  }
}

/** Whatever headers the page asks to send: tracers add their own to every call. */
function answerPreflight(reply: FastifyReply, asked: string | undefined): boolean {
  reply.header('access-control-allow-methods', 'GET, HEAD, PUT, POST, DELETE').header('access-control-max-age', '600')
  if (asked !== undefined && NAMES.test(asked)) reply.header('access-control-allow-headers', asked)
  void reply.code(204).send()
  return true
}

/** Whether a browser opens an address in a window of its own. */
function isNavigation(method: string, headers: IncomingMessage['headers']): boolean {
  return method === 'GET' && headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document'
}
