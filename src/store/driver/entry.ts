/** What a store holds, what is written to it, and what a watch reports: the records that every part of kv speaks of. */

/** A key with what is stored under it. The arrays belong to the caller; those of several entries may share a buffer. */
export interface Entry {
  readonly key: Uint8Array
  /** Empty when only keys were asked for. */
  readonly value: Uint8Array
  /** Of the write that made this entry; grows with every later write to the store. A safe integer. */
  readonly revision: number
  /** When the entry ends, in milliseconds since 1970; `undefined` when it does not. */
  readonly expires: number | undefined
}

/** What is known of an entry without its value. */
export interface Head extends Pick<Entry, 'revision' | 'expires'> {
  /** Length of the value. */
  readonly valueBytes: number
  /** The `checksum` of the entry (checksum.ts), where the engine keeps it. */
  readonly checksum?: number
}

/** When an entry ends: at a moment, or some time after the moment it is written; by default never. Not both. */
export interface Lifetime {
  /** Milliseconds since 1970. */
  readonly expires?: number | undefined
  /** Milliseconds, 1 or more, from when the write has the lock. */
  readonly ttl?: number | undefined
}

/** One step of a batch. */
export type Op =
  | ({ readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array } & Lifetime)
  | { readonly type: 'del'; readonly key: Uint8Array }

/** The step that stores an entry. */
export type Put = Extract<Op, { type: 'put' }>

/** What must hold for a write to be applied, decided in the same atomic step as the write. */
export type Condition =
  | { readonly type: 'absent' }
  | { readonly type: 'value'; readonly value: Uint8Array }
  | { readonly type: 'revision'; readonly revision: number }

/** A condition on the entry of a key. */
export interface KeyCondition {
  readonly key: Uint8Array
  readonly condition: Condition
}

/** What a put did. */
export interface PutResult {
  /** False when the condition did not hold; then nothing was written. */
  readonly applied: boolean
  /** True when the key was not there before. */
  readonly created: boolean
  /** Of this write, or, when not applied, of the entry that is there (0 when none is). */
  readonly revision: number
}

/** What happened to a key: its new entry, or that it is gone. A watch can continue after the position. */
export type Change =
  | ({ readonly type: 'put'; readonly position: string } & Entry)
  | { readonly type: 'del'; readonly position: string; readonly key: Uint8Array }
