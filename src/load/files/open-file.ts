import { type Stats, closeSync, constants, fstatSync, openSync, readFileSync, readSync, statSync } from 'node:fs'
import { asBuffer } from '../../bytes.ts'

/** A regular file, open for reading. */
export interface OpenFile {
  /** Bytes of it when it was opened; of what it grows by since then nothing is read. */
  readonly size: number
  /** Copies it to the beginning of `to`; returns how many bytes that were: fewer when it has become shorter. */
  read(to: Uint8Array): number
  close(): void
}

/**
 * Opens a file. Throws an `Error` that says why not, for people: for what is not a regular file without touching it, and
 * for the files that `isRefused` gives a reason for.
 */
export function openFile(path: Uint8Array, isRefused: (stat: Stats) => string | undefined): OpenFile {
  const name = asBuffer(path)
  // A pipe is not to be opened for a look: its writer would take that for its reader.
  check(statSync(name), isRefused)
  const fd = openSync(name, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0))
  try {
    const stat = fstatSync(fd)
    check(stat, isRefused)
    // Files that the kernel makes up have no size.
    const content = stat.size === 0 ? readFileSync(fd) : undefined
    return {
      size: content?.length ?? stat.size,
      read: (to) => (content === undefined ? readInto(fd, to, stat.size) : content.copy(to)),
      close: () => closeSync(fd),
    }
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

function readInto(fd: number, to: Uint8Array, size: number): number {
  let length = 0
  while (length < size) {
    const bytes = readSync(fd, to, length, size - length, null)
    if (bytes === 0) break
    length += bytes
  }
  return length
}

function check(stat: Stats, isRefused: (stat: Stats) => string | undefined): void {
  const reason = stat.isFile() ? isRefused(stat) : `it is a ${kindOf(stat)}`
  if (reason !== undefined) throw new Error(reason)
}

function kindOf(stat: Stats): string {
  if (stat.isDirectory()) return 'folder'
  return stat.isFIFO() ? 'pipe' : stat.isSocket() ? 'socket' : 'device'
}
