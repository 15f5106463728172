/** Old versions of entries, which a store keeps once it was told to. */

import type { Entry } from './entry.ts'

/** What a store keeps of the past. */
export interface HistoryStatus {
  /** Old values kept of each key at most; 0: no history is kept. */
  readonly keep: number
  /** The newest revision when the history began, and when that was, in milliseconds since 1970. */
  readonly since: { readonly revision: number; readonly time: number } | undefined
  /** Old values that are kept now. */
  readonly versions: number
  /** Bytes of these and their keys. */
  readonly bytes: number
}

/**
 * What a key was from a time on, in milliseconds since 1970 (`undefined`: from before the history began): an entry, or
 * gone, by a delete or because its entry had expired. The expiry of an entry is no write, and has no revision.
 */
export type Version =
  | ({ readonly type: 'put'; readonly time: number | undefined } & Entry)
  | { readonly type: 'del'; readonly key: Uint8Array; readonly time: number; readonly revision: number }
  | { readonly type: 'expired'; readonly key: Uint8Array; readonly time: number }

/** A moment of the past: right after the write of this revision, or a time in milliseconds since 1970. */
export type Moment = { readonly revision: number } | { readonly time: number }

/** An operation on the history that can be stopped, with `KV_INTERRUPTED`. */
export interface HistoryCall {
  readonly signal?: AbortSignal | undefined
}

/** How versions are listed. */
export interface VersionsOptions extends HistoryCall {
  /** At most so many. Default: all. */
  readonly limit?: number | undefined
}

/** What a driver offers that can keep old versions. Reads throw `KV_HISTORY_GAP` in a store that keeps none. */
export interface History {
  /**
   * Begins to keep old values, `keep` of each key, whoever writes them; in a store that does, changes how many. Not undone by
   * anything but `off`.
   */
  on(keep: number, options?: HistoryCall): Promise<void>
  /** Drops all old versions and keeps none from now on; settles to how many values were dropped. */
  off(options?: HistoryCall): Promise<number>
  status(options?: HistoryCall): HistoryStatus | Promise<HistoryStatus>
  /** The versions of a key that are kept, the newest first, in pages that are never empty: what it is now, and before. */
  versions(key: Uint8Array, options?: VersionsOptions): AsyncIterable<Version[]>
  /**
   * The entry of a key at a moment; `undefined` when it was not there. At a revision, also one that has expired since. Throws
   * `KV_HISTORY_GAP` when what is kept does not tell, and `KV_USAGE` for a moment that is still to come.
   */
  at(key: Uint8Array, moment: Moment, options?: HistoryCall): Entry | undefined | Promise<Entry | undefined>
}
