import { setMaxListeners } from 'node:events'
import { monotonicMs, pause } from '../../../async.ts'
import { closedError, interrupted } from '../../../errors.ts'
import type { Method } from '../wire/messages.ts'
import { Attempts } from './attempts.ts'
import { Unclear, verdictOn } from './failures.ts'
import type { Login } from './login.ts'
import type { Refusals } from './refusals.ts'
import { CallError, type CallOptions, type Transport } from './transport.ts'

/** How a call is tried. */
export interface Tries {
  /**
   * A read is sent again after any failure that may pass; a write only when it was certainly not done, and otherwise ends with
   * {@link Unclear}.
   */
  readonly kind: 'read' | 'write'
  /** How long one try may take, in milliseconds. Default: that of short calls. */
  readonly tryMs?: number
  /**
   * When to give up, on the clock of `monotonicMs`. Default: that of {@link Cluster.until}; for a read whose tries may take
   * longer than those of short calls, twice as long.
   */
  readonly until?: number
  /** Whether a read belongs to a write, and goes on when the store is closed in the meantime. Default: false. */
  readonly partOfWrite?: boolean
  readonly signal?: AbortSignal | undefined
}

/** What one member does. */
export type Step<T> = (member: Transport, options: CallOptions) => Promise<T>

/** How often a call logs in anew: members may forget a token while others still learn of it. */
const MOST_LOGINS = 3

/**
 * The members of a cluster, of which one is asked until it fails: then the next is, and so on until the time is over. Any
 * member answers for all of them.
 */
export class Cluster {
  readonly endpoints: readonly string[]
  readonly #transports: readonly Transport[]
  readonly #login: Login
  readonly #refusals: Refusals
  readonly #tryMs: number
  readonly #totalMs: number
  readonly #writing = new Set<Promise<unknown>>()
  readonly #closed = new AbortController()
  readonly #ended = new AbortController()
  #current = 0

  /** @param totalMs how long a call is tried, in milliseconds */
  constructor(
    transports: readonly Transport[],
    login: Login,
    refusals: Refusals,
    { tryMs, totalMs }: { readonly tryMs: number; readonly totalMs: number },
  ) {
    this.endpoints = transports.map(({ endpoint }) => endpoint)
    // Many processes with the same location do not all ask the same member.
    const first = Math.floor(Math.random() * transports.length)
    this.#transports = [...transports.slice(first), ...transports.slice(0, first)]
    this.#login = login
    this.#refusals = refusals
    this.#tryMs = tryMs
    this.#totalMs = totalMs
  }

  /**
   * Asks until a member answers. Throws `KV_DENIED` and other refusals, `KV_UNAVAILABLE` when nobody answered and nothing was
   * done, {@link Unclear} for a write of which that is not certain, `KV_INTERRUPTED`, and `KV_CLOSED`.
   */
  call<Q, R>(method: Method<Q, R>, request: Q, tries: Tries): Promise<R> {
    return this.with((member, options) => member.unary(method, request, options), tries)
  }

  /**
   * Has one member do a step, such as to open a stream, and another when the step throws a {@link CallError} that may pass. Throws
   * as {@link call}. The signal that the step gets is for as long as the step takes.
   */
  async with<T>(step: Step<T>, tries: Tries): Promise<T> {
    const { partOfWrite = tries.kind === 'write', signal } = tries
    const either = new EitherSignal(signal, partOfWrite ? this.#ended.signal : this.#closed.signal)
    try {
      return await this.#untilDone(step, tries, either.signal)
    } finally {
      either.release()
    }
  }

  async #untilDone<T>(step: Step<T>, tries: Tries, stop: AbortSignal): Promise<T> {
    const { kind, tryMs = this.#tryMs, signal } = tries
    const isLong = kind === 'read' && tryMs > this.#tryMs
    const until = tries.until ?? this.until() + (isLong ? this.#totalMs : 0)
    const attempts = new Attempts(this.endpoints)
    let logins = 0
    for (;;) {
      if (stop.aborted) throw signal?.aborted === true ? interrupted(signal) : closedError()
      const left = until - monotonicMs()
      if (left <= 0 || attempts.isHopeless) throw attempts.error(this.#refusals.etcdctl)
      const transport = this.#transports[this.#current]!
      const connectMs = attempts.connectMs(transport.endpoint)
      let token: string | undefined
      try {
        const login = { deadlineMs: Math.min(this.#tryMs, left), connectMs, signal: stop }
        token = await this.#login.token(transport, login)
        const isShortRead = kind === 'read' && !isLong
        const mostMs = isShortRead ? attempts.readMs(tryMs, tries.partOfWrite === true) : tryMs
        return await step(transport, { deadlineMs: Math.min(mostMs, left), connectMs, token, signal: stop })
      } catch (error) {
        if (!(error instanceof CallError)) throw error
        const verdict = verdictOn(error)
        if (verdict === 'login' && logins++ < MOST_LOGINS && (await this.#login.renew(token))) continue
        if (verdict === 'refused' || verdict === 'login') throw this.#refusals.of(error, kind)
        if (!stop.aborted) this.leave(transport)
        if (verdict === 'unclear' && kind === 'write') throw new Unclear(error)
        const pauseMs = attempts.add(error)
        if (attempts.areMismatches) throw this.#refusals.mismatch(error)
        await pause(Math.max(0, Math.min(pauseMs, until - monotonicMs())), stop)
      }
    }
  }

  /** When a call that begins now gives up, on the clock of `monotonicMs`. */
  until(): number {
    return monotonicMs() + this.#totalMs
  }

  /** Does what {@link close} waits for. */
  async write<T>(work: () => Promise<T>): Promise<T> {
    const writing = work()
    this.#writing.add(writing)
    try {
      return await writing
    } finally {
      this.#writing.delete(writing)
    }
  }

  /**
   * Asks each member by itself; a member that fails has its error in place of the answer.
   *
   * @param deadlineMs how long a member may take, in milliseconds
   */
  async callEach<Q, R>(
    method: Method<Q, R>,
    request: Q,
    signal?: AbortSignal,
    deadlineMs = this.#tryMs,
  ): Promise<(R | CallError)[]> {
    const ask = async (member: Transport, isFirst: boolean): Promise<R | CallError> => {
      let token: string | undefined
      try {
        token = await this.#login.token(member, { deadlineMs: this.#tryMs, signal })
        return await member.unary(method, request, { deadlineMs, token, signal })
      } catch (error) {
        if (!(error instanceof CallError)) throw error
        const isAgain = isFirst && verdictOn(error) === 'login' && (await this.#login.renew(token))
        return isAgain ? ask(member, false) : error
      }
    }
    return Promise.all(this.#transports.map((member) => ask(member, true)))
  }

  /** Ends reads with `KV_CLOSED`, then waits for writes. */
  async close(): Promise<void> {
    this.#closed.abort()
    await Promise.allSettled(this.#writing)
    this.#ended.abort()
    for (const transport of this.#transports) transport.close()
  }

  /** Asks another member from now on, unless that is so already: calls that fail together leave a member once. */
  leave(member: Transport): void {
    if (this.#transports[this.#current] === member) this.#current = (this.#current + 1) % this.#transports.length
  }
}

/** Aborted when either of two signals is; holds on to neither once it is released. */
class EitherSignal {
  readonly #one: AbortSignal | undefined
  readonly #other: AbortSignal
  readonly #either = new AbortController()
  readonly #abort = (): void => this.#either.abort()

  constructor(one: AbortSignal | undefined, other: AbortSignal) {
    this.#one = one
    this.#other = other
    for (const signal of one === undefined ? [other] : [one, other]) {
      // Many calls at the same time are no leak, at which Node would warn.
      setMaxListeners(0, signal)
      signal.addEventListener('abort', this.#abort)
    }
    if (one?.aborted === true || other.aborted) this.#abort()
  }

  get signal(): AbortSignal {
    return this.#either.signal
  }

  release(): void {
    this.#one?.removeEventListener('abort', this.#abort)
    this.#other.removeEventListener('abort', this.#abort)
  }
}
