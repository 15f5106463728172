import { monotonicMs } from '../../../async.ts'
import { KvError } from '../../../errors.ts'
import { type CallError, type Mismatch, NO_ANSWER } from './transport.ts'

/** How long to wait between two tries, in milliseconds: twice as long each time, up to the most, of it a random part. */
const FIRST_PAUSE_MS = 20
const LONGEST_PAUSE_MS = 400

/**
 * How long a call is tried, in milliseconds, while at every address nothing listens: members that are started again take less,
 * and who has mistyped an address does not wait longer.
 */
const NOBODY_MS = 3000

/** How long a call waits for a connection, in milliseconds, before it asks another member that it has not asked yet. */
const FIRST_CONNECT_MS = 300

const NOT_LISTENING = 'nothing listens there'
const NO_HOST = 'no such host'

/** How long a short read may take, in milliseconds, while members may be electing a leader; twice as long after each try. */
const FIRST_RETRY_MS = 500

/** Why a member could not be asked, in words for a user. */
const WHY: readonly (readonly [text: RegExp, why: string])[] = [
  [/ECONNREFUSED|^AggregateError/, NOT_LISTENING],
  [/ENOTFOUND/, NO_HOST],
  [/EHOSTUNREACH|ENETUNREACH/, 'the host cannot be reached'],
  [/no leader/, 'it knows of no leader'],
  [new RegExp(NO_ANSWER), 'timed out'],
]

/** Why nobody can be asked at an address, in words for a user. */
const MISMATCHES: Readonly<Record<Mismatch, string>> = {
  untrusted: 'its certificate is not trusted',
  'other host': 'its certificate is for another host',
  expired: 'its certificate has expired',
  'own certificate': 'it does not accept the certificate of kv',
  'needs TLS': 'it speaks TLS',
  'no TLS': 'it does not speak TLS',
  'no HTTP/2': 'it is not etcd',
}

/** The tries of one call that have failed. */
export class Attempts {
  readonly #endpoints: readonly string[]
  readonly #began = monotonicMs()
  readonly #last = new Map<string, CallError>()
  #count = 0

  /** @param endpoints of all members that may be asked */
  constructor(endpoints: readonly string[]) {
    this.#endpoints = endpoints
  }

  /** How long the next try at a member may take to connect, in milliseconds; `undefined`: as long as any. */
  connectMs(endpoint: string): number | undefined {
    return this.#endpoints.length > 1 && !this.#last.has(endpoint) ? FIRST_CONNECT_MS : undefined
  }

  /**
   * How long the next try of a short read may take, in milliseconds. A member that has lost its leader does not answer before the
   * time is up: once that is likely, several short tries find the new leader sooner than a long one. `isLikely`: it is already
   * at the first.
   */
  readMs(most: number, isLikely: boolean): number {
    const failed = isLikely ? this.#count : this.#count - 1
    return failed < 0 ? most : Math.min(most, FIRST_RETRY_MS * 2 ** failed)
  }

  /** Adds one; tells how long to wait before the next, in milliseconds. Every member has its turn before anybody waits. */
  add(error: CallError): number {
    this.#last.set(error.endpoint, error)
    const rounds = ++this.#count - this.#endpoints.length
    if (rounds < 0) return 0
    return Math.min(FIRST_PAUSE_MS * 2 ** rounds, LONGEST_PAUSE_MS) * (0.5 + Math.random() / 2)
  }

  /** Whether at every address somebody is who cannot be asked. */
  get areMismatches(): boolean {
    return this.#endpoints.every((endpoint) => this.#last.get(endpoint)?.mismatch !== undefined)
  }

  /** Whether nobody is there who could answer another try. */
  get isHopeless(): boolean {
    const whys = this.#whys()
    if (whys.every((why) => why === NO_HOST)) return true
    return monotonicMs() - this.#began >= NOBODY_MS && whys.every(isNobody)
  }

  /** The error for a user when time is up; nothing was done. `etcdctl` is how a command line of it begins. */
  error(etcdctl: string): KvError {
    const whys = this.#whys()
    const isOne = new Set(whys).size === 1
    const told = isOne
      ? `${this.#endpoints.join(', ')}: ${whys[0]}`
      : this.#endpoints.map((endpoint, n) => `${endpoint} (${whys[n]})`).join(', ')
    return new KvError('KV_UNAVAILABLE', `no answer from etcd at ${told}`, {
      cause: [...this.#last.values()].at(-1),
      hint: whys.every(isNobody)
        ? 'check the addresses; clients of etcd use port 2379'
        : `most members must be running; which are tells: ${etcdctl} endpoint status`,
      elsewhere: { message: 'the store behind this server cannot be reached' },
    })
  }

  #whys(): string[] {
    return this.#endpoints.map((endpoint) => {
      const error = this.#last.get(endpoint)
      if (error === undefined) return 'not asked'
      const { mismatch, message } = error
      if (mismatch !== undefined) return MISMATCHES[mismatch]
      return WHY.find(([text]) => text.test(message))?.[1] ?? message.replace(/^etcdserver: /, '')
    })
  }
}

function isNobody(why: string): boolean {
  return why === NO_HOST || why === NOT_LISTENING
}
