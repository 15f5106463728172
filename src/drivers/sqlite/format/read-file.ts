import { closeSync, constants, openSync, statSync } from 'node:fs'

/** Opens a file for reading, and at once: a FIFO would keep until its writer comes. Throws what the file system throws. */
export function openForReading(path: string): number {
  return openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
}

/**
 * Runs `read` on a file, or on `undefined` where it cannot be opened. Not for a file that SQLite has open in this
 * process, see posix-locks.ts.
 */
export function withFile<T>(path: string, read: (fd: number | undefined) => T): T {
  let fd: number | undefined
  try {
    fd = openForReading(path)
  } catch {
    // None, or one that this process may not read.
  }
  try {
    return read(fd)
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

/** Bytes of a file; 0 where there is none. */
export function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}
