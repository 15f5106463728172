/** Every key of a benchmark begins with this, so that it touches no other key of a store. */
export const KEY_PREFIX = 'kv-bench:'

/** A value now or a promise of it. */
export type Awaitable<T> = T | Promise<T>

/** An entry to write. */
export interface KeyValue {
  readonly key: Buffer
  readonly value: Buffer
}

/** Reading a whole set of keys in order. */
export interface ScanOptions {
  readonly reverse: boolean
  /** Whether values may be left unread. */
  readonly keysOnly: boolean
}

/**
 * Something that is measured: a store of kv, or what users would pick instead. Keys and values are
 * text of letters and digits, given as bytes. A method that is missing is something it cannot do.
 */
export interface Target {
  /** As the report names it. */
  readonly name: string
  /** How operations reach it: a call in this process, a socket, a pipe. */
  readonly how: string
  /** Whether a write waits for the disk; `null` where that is not known here. */
  readonly durable: boolean | null
  /** The value, or `undefined` for a key that is not there. */
  get(key: Buffer): Awaitable<unknown>
  put(key: Buffer, value: Buffer): Awaitable<unknown>
  /** Stores several entries in one atomic batch, or the nearest thing there is. */
  putMany(entries: readonly KeyValue[]): Awaitable<unknown>
  del?(key: Buffer): Awaitable<unknown>
  /** Reads up to `limit` entries in key order from `start` on; resolves to how many there were. */
  range?(start: Buffer, limit: number): Awaitable<number>
  /** Reads all keys with a prefix; resolves to how many there were. */
  scan?(prefix: Buffer, options: ScanOptions): Awaitable<number>
  /** Counts the keys with a prefix. */
  count?(prefix: Buffer): Awaitable<number>
  /** What it is, with its version; asked when everything is measured. */
  engine(): Awaitable<string>
  /** Frees everything, and ends what was started. */
  close(): Promise<void>
}
