/** How many keys a store has and how many bytes they take, folder by folder. */

/** What is asked: the keys from `start` (included) up to `end` (excluded), which all begin with `prefix`. */
export interface UsageQuery {
  readonly start: Uint8Array | undefined
  readonly end: Uint8Array | undefined
  /** Delimiters are looked for after these bytes. */
  readonly prefix: Uint8Array
  /** What folders end with, all of the same length, 1 byte or more. Of several the one that comes first in a key counts. */
  readonly delimiters: readonly Uint8Array[]
  /** Levels of folders that are told apart; with 0 there is none. */
  readonly depth: number
  /** Whether a key that lies in no folder is told by itself. */
  readonly keys: boolean
  /** Only so many of the biggest, the biggest first; `undefined`: all in key order. */
  readonly top: number | undefined
}

/** What a key, the keys of a folder, or all keys of a query take. */
export interface Usage {
  /** The total comes last, always. */
  readonly type: 'key' | 'folder' | 'total'
  /** The key; the beginning that the keys of the folder have in common, with its delimiter; the prefix of the query. */
  readonly name: Uint8Array
  readonly keys: number
  /** Bytes of keys and values. What the engine adds to them does not count. */
  readonly bytes: number
}

/** How it is followed and stopped. */
export interface UsageProgress {
  /** Told how many keys were counted so far. */
  readonly onProgress?: ((keys: number) => void) | undefined
  /** Ends it with `KV_INTERRUPTED`. */
  readonly signal?: AbortSignal | undefined
}
