import { LONGEST_TIMER_MS, monotonicMs, pause, within } from '../async.ts'
import { compareBytes, utf8 } from '../bytes.ts'
import { KvError, interrupted } from '../errors.ts'
import type { Condition } from '../store/driver/entry.ts'
import type { Store } from '../store/store.ts'

/** How long to wait before a lock that is held is looked at again, in milliseconds: at first, and at most. */
const FIRST_POLL_MS = 20
const LONGEST_POLL_MS = 250

/** Parts of its time to live after which a lease is renewed, a failed renewal is tried again, and it is given up. */
const RENEW_AFTER = 1 / 3
const RETRY_AFTER = 1 / 30
const GIVE_UP_AFTER = 5 / 6

/** What a lock is and how long it is had. */
export interface LeaseOptions {
  /** The value while it is ours: nobody else may write the same. */
  readonly token: string
  /** For how long the entry lives after each renewal, in milliseconds. */
  readonly ttlMs: number
}

/**
 * A lock that is ours: an entry that expires, renewed until {@link release}. By the store's clock it is nobody else's
 * for its time to live after the newest renewal.
 */
export class Lease {
  readonly #store: Store
  readonly #key: Uint8Array
  readonly #token: Uint8Array
  readonly #ttlMs: number
  /** When the entry may expire at the earliest, in `monotonicMs` time. */
  #until: number
  readonly #ended = new AbortController()
  /** Settles to why the lock is ours no more, or soon may not be; never, if that does not come. */
  readonly lost: Promise<string>
  /** Whether {@link lost} has settled. */
  isLost = false
  readonly #renewing: Promise<string | undefined>

  /** @param takenAt before the entry was written, in `monotonicMs` time */
  private constructor(store: Store, key: Uint8Array, { token, ttlMs }: LeaseOptions, takenAt: number) {
    this.#store = store
    this.#key = key
    this.#token = utf8(token)
    this.#ttlMs = ttlMs
    this.#until = takenAt + ttlMs
    this.#renewing = this.#renewUntilEnded()
    this.lost = new Promise((resolve) => {
      void this.#renewing.then((reason) => {
        if (reason === undefined) return
        this.isLost = true
        resolve(reason)
      })
    })
  }

  /**
   * Takes the lock that a key stands for as soon as nobody has it; resolves to `undefined` when that is not within
   * `waitMs` milliseconds. Throws `KV_INTERRUPTED` when aborted; then it is not taken.
   */
  static async take(
    store: Store,
    key: Uint8Array,
    options: LeaseOptions,
    { waitMs, onWait, signal }: { waitMs: number; onWait: () => Promise<void>; signal: AbortSignal },
  ): Promise<Lease | undefined> {
    const deadline = monotonicMs() + waitMs
    for (let poll = FIRST_POLL_MS; ; poll = Math.min(poll * 1.5, LONGEST_POLL_MS)) {
      const takenAt = monotonicMs()
      if (await takes(store, key, options)) {
        const lease = new Lease(store, key, options, takenAt)
        if (!signal.aborted) return lease
        await lease.release()
      }
      if (signal.aborted) throw interrupted(signal)
      const left = deadline - monotonicMs()
      if (left <= 0) return undefined
      if (poll === FIRST_POLL_MS) await onWait()
      // Those who wait must not all come at the same moment.
      await pause(Math.min(left, poll * (0.5 + Math.random())), signal)
    }
  }

  /** Gives the lock back; false when it was not ours any more. Throws what a delete throws: then it goes by itself. */
  async release(): Promise<boolean> {
    this.#ended.abort()
    await this.#renewing
    return this.#store.del(this.#key, { condition: this.#isOurs })
  }

  /** Resolves to why the lock is lost; to `undefined` when it was released. */
  async #renewUntilEnded(): Promise<string | undefined> {
    const { signal } = this.#ended
    for (let wait = this.#ttlMs * RENEW_AFTER; ;) {
      await pause(Math.min(wait, LONGEST_TIMER_MS), signal)
      if (signal.aborted) return undefined
      const giveUpAt = this.#until - this.#ttlMs * (1 - GIVE_UP_AFTER)
      const began = monotonicMs()
      // An answer that comes too late is none.
      const outcome = await within(this.#renew(), Math.max(0, giveUpAt - began))
      if (outcome === true) {
        this.#until = began + this.#ttlMs
        wait = this.#ttlMs * RENEW_AFTER
        continue
      }
      if (outcome === false) return 'another has taken or deleted it'
      if (monotonicMs() + this.#ttlMs * RETRY_AFTER >= giveUpAt)
        return `it could not be renewed in time${outcome === undefined ? '' : `: ${outcome.message}`}`
      wait = this.#ttlMs * RETRY_AFTER
    }
  }

  /** Whether the lock was still ours, and lives on; or why that is not known. */
  async #renew(): Promise<boolean | Error> {
    try {
      const { applied } = await this.#store.put(this.#key, this.#token, { ttl: this.#ttlMs, condition: this.#isOurs })
      return applied
    } catch (error) {
      return error as Error
    }
  }

  get #isOurs(): Condition {
    return { type: 'value', value: this.#token }
  }
}

async function takes(store: Store, key: Uint8Array, { token, ttlMs }: LeaseOptions): Promise<boolean> {
  // A read waits for nobody; a write would wait for other writers only to find that the lock is held.
  if (await store.has(key)) return false
  try {
    return (await store.put(key, token, { ttl: ttlMs, condition: { type: 'absent' } })).applied
  } catch (error) {
    if (!(error instanceof KvError && error.code === 'KV_UNKNOWN_OUTCOME')) throw error
    const there = await store.get(key)
    return there !== undefined && compareBytes(there, utf8(token)) === 0
  }
}
