/** What a driver has in memory of single keys, by their text; each answer is as new as that of `get`. */
export interface Cached {
  /** The value of a key as text; `undefined` where it is not in memory, or not UTF-8. */
  text(key: string): string | undefined
  /** The value of a key, the caller's own; `undefined` where it is not in memory. */
  bytes(key: string): Uint8Array | undefined
}
