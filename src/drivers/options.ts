import { KvError } from '../errors.ts'
import type { Abortable, Clock } from '../store/driver/driver.ts'

/** How a store is opened. What its driver cannot honour is refused with `KV_NOT_SUPPORTED`. */
export interface OpenOptions extends Abortable {
  /**
   * When false, a write is acknowledged before it is on disk: a power loss can take the newest
   * ones, never break the store. Default: true. A server decides that for itself.
   */
  durable?: boolean | undefined
  /** Whether a damaged file is opened too, for its repair: then the first operation tells of the damage. Default: false. */
  evenDamaged?: boolean | undefined
  /**
   * How long to wait for somebody else, in milliseconds: a write for that of another process, any operation for a
   * server that says nothing, or for a cluster of which no member can answer. Default: 5000 for a file, 30,000 for a server,
   * 15,000 for etcd.
   */
  timeoutMs?: number | undefined
  /**
   * Whether `close` waits until no file is open or left, for a program that goes on. Before Node 22.13 that takes a collection
   * of garbage. Default: false; `openStore` sets it.
   */
  freeAtClose?: boolean | undefined
  /** What proves to a server who is asking. */
  credentials?: Credentials | undefined
  /**
   * How many entries a store has at most that is made: what is put beyond that has the oldest written go, those that have
   * expired first. It is kept in the file. A store that was made with another number, or without, is refused with
   * `KV_USAGE`; a server decides that for itself. Default: any number.
   */
  maxEntries?: number | undefined
  /** Whether a store that is there may have another bound than `maxEntries`, or none. Default: false. */
  anyBound?: boolean | undefined
  /**
   * Keeps what single keys hold in memory, up to so many bytes of keys, values and what holds them. For a store in a file:
   * one in memory needs none, and a server has its own.
   *
   * Then `get`, `getSync`, `getText`, `getTextSync`, `getJson`, `getEntry`, `getMany`, `head` and `has` of one turn of the
   * event loop (one event with all promises that it settles) see one moment of the store, as in a read transaction of that
   * length: its first read asks whether anyone has committed. What this process commits is seen at once, what another
   * commits in the next turn at the latest. A loop that awaits nothing but such reads stays in one turn. Default: 0.
   */
  cache?: number | undefined
  /** Whether the first write makes the file's folder too. Default: false. */
  makeFolder?: boolean | undefined
  /** The time that tells expired entries, for tests. Default: `Date.now`; a server has a clock of its own. */
  clock?: Clock | undefined
}

/** What a server wants to know of who is asking. */
export interface Credentials {
  /** For a `kv serve`: sent as `Authorization: Bearer`. */
  readonly token?: string | undefined
  /** For etcd: the user, in place of the one that the location names. */
  readonly user?: string | undefined
  /** For etcd: the password of the user. */
  readonly password?: string | undefined
  /** For etcd: a file with the password, but for a line feed at its end, where the location names none. */
  readonly passwordFile?: string | undefined
}

/** What a token is, and whether a text is one: a header can hold it. */
export const TOKEN_FORM = 'a token is one word of printable ASCII'
export const isToken = (text: string): boolean => /^[\x21-\x7e]+$/.test(text)

/** How long a server may be silent by default, in milliseconds. */
export const DEFAULT_TIMEOUT_MS = 30_000

/** How long a write waits for another's by default, in milliseconds. */
export const DEFAULT_LOCK_TIMEOUT_MS = 5000

/** Throws `KV_NOT_SUPPORTED` for options that a driver cannot honour, when they are given. */
export function refuseOptions(options: OpenOptions, driver: string, names: readonly (keyof OpenOptions)[]): void {
  for (const name of names)
    if (options[name] !== undefined && options[name] !== false)
      throw new KvError('KV_NOT_SUPPORTED', `a store of the ${driver} driver has no use for the option ${name}`, {
        hint: 'leave it out',
      })
}
