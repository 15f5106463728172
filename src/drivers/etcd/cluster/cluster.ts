import { monotonicMs, pause } from '../../../async.ts'
import { closedError, interrupted } from '../../../errors.ts'
import type { Method } from '../wire/messages.ts'
import { Unclear, unavailable, verdictOn } from './failures.ts'
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
  /** When to give up, on the clock of `monotonicMs`. Default: that of {@link Cluster.until}. */
  readonly until?: number
  /** Whether a read belongs to a write, and goes on when the store is closed in the meantime. Default: false. */
  readonly partOfWrite?: boolean
  readonly signal?: AbortSignal | undefined
}

/** How often a call logs in anew: members may forget a token while others still learn of it. */
const MOST_LOGINS = 3

/** How long to wait between two tries, in milliseconds: twice as long each time, up to the most, of it a random part. */
const FIRST_PAUSE_MS = 20
const LONGEST_PAUSE_MS = 400

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
   * as {@link call}.
   */
  async with<T>(
    step: (member: Transport, options: CallOptions) => Promise<T>,
    { kind, tryMs = this.#tryMs, until, signal }: Tries,
  ): Promise<T> {
    const end = until ?? monotonicMs() + this.#totalMs
    let last: CallError | undefined
    let logins = 0
    const mismatched = new Set<Transport>()
    for (let tries = 0; ; tries++) {
      if (this.#closed.signal.aborted) throw closedError()
      if (signal?.aborted === true) throw interrupted(signal)
      const left = end - monotonicMs()
      if (left <= 0) throw unavailable(this.endpoints, last)
      const transport = this.#transports[this.#current]!
      let token: string | undefined
      try {
        token = await this.#login.token(transport, this.#tryMs, signal)
        return await step(transport, { deadlineMs: Math.min(tryMs, left), token, signal })
      } catch (error) {
        if (!(error instanceof CallError)) throw error
        last = error
        const verdict = verdictOn(error)
        if (verdict === 'login' && logins++ < MOST_LOGINS && (await this.#login.renew(token))) continue
        if (verdict === 'refused' || verdict === 'login') throw this.#refusals.of(error, kind)
        if (verdict === 'unclear' && kind === 'write') {
          this.leave(transport)
          throw new Unclear(error)
        }
        if (error.mismatch !== undefined && mismatched.add(transport).size === this.#transports.length)
          throw this.#refusals.mismatch(error)
        this.leave(transport)
        // Every member has its turn before anybody waits.
        if (tries + 1 >= this.#transports.length) {
          const longest = Math.min(FIRST_PAUSE_MS * 2 ** (tries + 1 - this.#transports.length), LONGEST_PAUSE_MS)
          await pause(longest * (0.5 + Math.random() / 2), signal)
        }
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

  /** Asks each member by itself; a member that fails has its error in place of the answer. */
  async callEach<Q, R>(method: Method<Q, R>, request: Q, signal?: AbortSignal): Promise<(R | CallError)[]> {
    return Promise.all(
      this.#transports.map(async (transport) => {
        try {
          const token = await this.#login.token(transport, this.#tryMs, signal)
          return await transport.unary(method, request, { deadlineMs: this.#tryMs, token, signal })
        } catch (error) {
          if (error instanceof CallError) return error
          throw error
        }
      }),
    )
  }

  /** Waits for writes, then ends everything. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#writing)
    this.#closed.abort()
    for (const transport of this.#transports) transport.close()
  }

  /** Asks another member from now on, unless that is so already: calls that fail together leave a member once. */
  leave(member: Transport): void {
    if (this.#transports[this.#current] === member) this.#current = (this.#current + 1) % this.#transports.length
  }
}
