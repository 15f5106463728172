/**
 * A record of a run: its head, the key and the value. The head is the length of the key (2 bytes), flags (2), the length
 * of the value (4), the checksum (4), and where the flag says so the expiry (8), all little-endian.
 */
export const HEAD_BYTES = 12
export const EXPIRY_BYTES = 8

/** Flags of a record: it deletes its key; it has an expiry, or a time to live as in a block. */
export const DELETES = 1
export const EXPIRES = 2

/** Where a run lies in its file, in bytes. */
export interface Run {
  readonly from: number
  readonly to: number
}

/** Runs in a file, in the order of the input, and what all of their keys begin with. */
export interface Runs {
  /** The descriptor, which a thread of the process may use too. */
  readonly fd: number
  readonly runs: readonly Run[]
  /** Bytes that all keys begin with. */
  readonly commonPrefix: number
}
