import { KvError, interrupted } from '../../errors.ts'
import { type ErrorBody, fromBody, parseBody } from '../../protocol/errors.ts'
import { HEADERS } from '../../protocol/http-api.ts'
import type { Answer, Call } from './call.ts'

/** Codes of certificates that are not accepted. */
const CERTIFICATE = /^(?:CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_(?:GET|VERIFY)_|ERR_TLS_CERT_)/

/** Why there is no connection, by Node's code. */
const UNREACHABLE: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'no such host',
}

/** What helps a client of a server, where the server's own hint would not. */
const HINTS: Readonly<Record<string, string>> = {
  KV_LOCKED: 'the server waits as long as its own --lock-timeout says: kv serve --lock-timeout 60s',
}

/** A server has said nothing for too long. */
export class Silence extends Error {
  /** For a hint. */
  readonly moreTime: string

  constructor(ms: number) {
    super(`nothing came for ${ms / 1000} s`)
    this.moreTime = `more time gives --timeout ${Math.ceil(ms / 500)}s`
  }
}

/** What goes wrong with the requests to one server, as errors for the user. */
export class Failures {
  readonly #origin: string

  constructor(origin: string) {
    this.#origin = origin
  }

  /** The error for an answer that is not what a kv server gives. */
  notKv(call: Call, { status }: Answer<unknown>): KvError {
    const what = `${this.#origin} answered ${status}, and not as kv does`
    // Who refuses a request has not passed it on.
    if (call.write && (status < 400 || status >= 500)) return unknownOutcome(call, what)
    const hint =
      status === 413
        ? 'a proxy before it limits the length of a body (nginx: client_max_body_size)'
        : 'a proxy, a login page or another program may answer in its place'
    return unavailable(what, { hint })
  }

  /** The error that a refusal of the server stands for; `text` is its body. */
  refusal(call: Call, answer: Answer, text: string): KvError {
    const { status } = answer
    const body = call.method === 'HEAD' ? bodyless(answer) : parseBody(text)
    if (body === undefined) return this.notKv(call, answer)
    const { code, message, hint: told, details } = fromBody(body, status)
    const hint = status === 401 ? 'set KV_TOKEN, or KV_TOKEN_FILE' : (HINTS[code] ?? told)
    // Of a key that is not there a server says so by its code.
    if (status === 404 && body.code === undefined) {
      return unavailable(`${this.#origin} is a kv server, but not at this path`, {
        hint: 'check the path of the address, and what a proxy makes of it',
      })
    }
    if (code === 'KV_DENIED') return new KvError(code, `${this.#origin}: ${message}`, { hint })
    if (code === 'KV_UNAVAILABLE') return unavailable(`${this.#origin}: ${message}`, { hint })
    return new KvError(code, message, { hint, details })
  }

  /** The error for a request that did not reach the server: nothing was done. */
  unreachable({ signal }: Call, cause: unknown): KvError {
    if (signal?.aborted) return interrupted(signal)
    const { code = '', message } = cause as NodeJS.ErrnoException
    if (CERTIFICATE.test(code)) {
      return unavailable(`the certificate of ${this.#origin} is not trusted: ${message}`, {
        cause,
        hint: 'if you trust its issuer, name the file of its certificate in NODE_EXTRA_CA_CERTS',
      })
    }
    if (code === 'EPROTO' || message.includes('WRONG_VERSION_NUMBER'))
      return unavailable(`${this.#origin} does not speak TLS`, { cause, hint: 'try it as http://' })
    if (cause instanceof Silence) {
      return unavailable(`cannot reach ${this.#origin}: ${message}`, {
        cause,
        hint: `check the address; ${cause.moreTime}`,
      })
    }
    const why = UNREACHABLE[code] ?? (message || code || 'no connection')
    return unavailable(`cannot reach ${this.#origin}: ${why}`, { cause, hint: 'start a server with: kv serve' })
  }

  /** The error for an answer that did not come, or not whole. */
  lost(call: Call, cause: unknown): KvError {
    if (call.signal?.aborted && !call.write) return interrupted(call.signal)
    if (cause instanceof KvError && cause.code !== 'KV_INTERRUPTED') return cause
    const why = (cause as Error).message
    if (!call.write) {
      const hint = cause instanceof Silence ? cause.moreTime : undefined
      return unavailable(`the answer of ${this.#origin} was lost: ${why}`, { cause, hint })
    }
    return unknownOutcome(call, `the answer of ${this.#origin} was lost (${why})`, cause)
  }
}

/** A server whose own store is this one tells its clients neither where it is nor what helps here. */
function unavailable(message: string, options: { cause?: unknown; hint?: string | undefined }): KvError {
  return new KvError('KV_UNAVAILABLE', message, {
    ...options,
    elsewhere: { message: 'the store behind this server cannot be reached' },
  })
}

function unknownOutcome({ ifLost }: Call, what: string, cause?: unknown): KvError {
  const hint = ifLost ?? 'read the key to see; putting the same value again does no harm'
  const told = (who: string): string => `${who}; the write may or may not have been done`
  return new KvError('KV_UNKNOWN_OUTCOME', told(what), {
    cause,
    hint,
    elsewhere: { message: told('the answer of the store behind this server was lost'), hint },
  })
}

/** What an error says that cannot have a body. */
function bodyless({ status, headers }: Answer): ErrorBody {
  const code = headers[HEADERS.code]
  return { detail: `the server answered ${status}`, ...(typeof code === 'string' ? { code } : {}) }
}
