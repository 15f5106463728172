import type { Abortable, Clock } from '../store/driver.ts'

/** How a store is opened. */
export interface OpenOptions extends Abortable {
  /** How long a write waits for another process's write, in milliseconds. Default: 5000. */
  lockTimeoutMs?: number | undefined
  /**
   * When false, a write is acknowledged before it is on disk: a power loss can take the newest
   * ones, never break the store. Default: true. A server decides that for itself, so that asking one for
   * false is `KV_NOT_SUPPORTED`.
   */
  sync?: boolean | undefined
  /** Whether the first write makes the file's folder too. Default: false. */
  makeFolder?: boolean | undefined
  /** What a server wants to be sent as `Authorization: Bearer`. Only for `http:` and `https:`. */
  token?: string | undefined
  /**
   * How long a server may be silent while an answer of it is waited for, in milliseconds. Only for `http:` and
   * `https:`. Default: 30,000.
   */
  timeoutMs?: number | undefined
  /** The time that tells expired entries, for tests. Default: `Date.now`. */
  clock?: Clock | undefined
}

/** How long a server may be silent by default, in milliseconds. */
export const DEFAULT_TIMEOUT_MS = 30_000

/** How long a write waits for another's by default, in milliseconds. */
export const DEFAULT_LOCK_TIMEOUT_MS = 5000
