import { fstatSync, readSync, write, writeSync } from 'node:fs'
import { holdThread, pause } from './async.ts'
import { KvError, reasonOf, unreadable } from './errors.ts'
import { whenUnread } from './process/pipe-reader.ts'

/** Where text and bytes go. */
export interface Sink {
  /** Whether a person sees it. */
  readonly isTTY: boolean
  /** Columns of the terminal now, else of `COLUMNS`; 80 when unknown. */
  columns(): number
  /**
   * Writes all of it before returning. Standard output throws {@link ReaderGone} when nobody reads
   * any more, and `KV_OUTPUT` when it cannot be written; standard error never throws.
   */
  write(data: string | Uint8Array): void
  /**
   * Optional: the same in the background, for large output whose next part takes time to make. The bytes
   * must not change, and nothing else may be written, until it settles.
   */
  writeLater?(data: Uint8Array): Promise<void>
  /**
   * Optional: writes a line without waiting for whoever reads; false when they do not keep up, and then
   * nothing of it is written.
   */
  offer?(line: string): boolean
  /** The same as a stream, for a library that draws on it itself. */
  stream(): NodeJS.WriteStream
  /** Optional: what follows comes over time, and is of interest at once. */
  comesLive?(): void
  /**
   * Optional: calls `tell` once nobody reads any more, also while nothing is written. Where the system does not say
   * (anywhere but in a pipe on Linux), only a write finds out. Returns what ends that.
   */
  whenReaderGone?(tell: () => void): () => void
  /** Settles when the reader has taken most of what was written; absent where `write` waits by itself. */
  drained?(): Promise<void>
}

/** Where input comes from. */
export interface Source {
  /** Whether a person types it. */
  readonly isTTY: boolean
  /** The file descriptor, for whoever streams it; negative where there is none to stream. */
  readonly fd: number
  /** Whether nothing was given: `/dev/null`, or no descriptor at all. Absent: something was. */
  readonly isNull?: boolean
  /** Everything up to the end of input. Throws `KV_TOO_LARGE` when that is more than `maxBytes`. */
  readAll(maxBytes: number): Uint8Array | Promise<Uint8Array>
}

/** The outside world of a command. */
export interface Io {
  readonly stdin: Source
  readonly stdout: Sink
  readonly stderr: Sink
  readonly env: Readonly<Record<string, string | undefined>>
}

/** The reader of our output went away (EPIPE): the end of the work, not a failure. */
export class ReaderGone extends Error {}

/** How long to wait before trying again a descriptor that another process made non-blocking, in milliseconds. */
const RETRY_MS = 2

/** Whether a descriptor is a terminal; loads Node's `tty` only for character devices. */
export function isTerminal(fd: number): boolean {
  try {
    const stat = fstatSync(fd)
    // /dev/null and its kin have major number 1 on Linux.
    if (!stat.isCharacterDevice() || (process.platform === 'linux' && stat.rdev >> 8 === 1)) return false
  } catch {
    return false
  }
  return process.getBuiltinModule('node:tty').isatty(fd)
}

/**
 * Whether a descriptor is neither pipe, file, folder, socket nor terminal: `/dev/null`, or what Node opens in place
 * of a closed one.
 */
export function isNullDevice(fd: number): boolean {
  try {
    return fstatSync(fd).isCharacterDevice() && !isTerminal(fd)
  } catch {
    return true
  }
}

function again(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'EAGAIN'
}

const NOTHING = new Uint8Array()

/** Writes in the background; settles to how many bytes. */
function writeAsync(fd: number, bytes: Uint8Array, at: number): Promise<number> {
  return new Promise((resolve, reject) =>
    write(fd, bytes, at, bytes.length - at, null, (error, written) => (error ? reject(error) : resolve(written))),
  )
}

/**
 * Writes synchronously: what was written is out before the process may end, in order with
 * everything else, and Node's stream machinery (2 ms to load) stays out of a short command.
 */
class FileSink implements Sink {
  readonly #fd: 1 | 2
  #isTTY: boolean | undefined
  #lost = false
  /** Of a line offered, what the reader has not taken yet. */
  #rest: Uint8Array = NOTHING

  constructor(fd: 1 | 2) {
    this.#fd = fd
  }

  get isTTY(): boolean {
    this.#isTTY ??= isTerminal(this.#fd)
    return this.#isTTY
  }

  columns(): number {
    // A terminal of 0 columns, and no terminal (under watch(1)), are as wide as COLUMNS says.
    return (
      (this.isTTY && this.stream().columns) || Number(/^[1-9]\d{0,4}$/.exec(process.env['COLUMNS'] ?? '')?.[0] ?? 80)
    )
  }

  stream(): NodeJS.WriteStream {
    return this.#fd === 1 ? process.stdout : process.stderr
  }

  offer(line: string): boolean {
    // Node makes a pipe non-blocking when it makes a stream of it.
    this.stream()
    if (this.#rest.length > 0 && (!this.#writeNow(this.#rest) || this.#rest.length > 0)) return false
    return this.#writeNow(Buffer.from(line))
  }

  /** Writes what the reader takes now, and keeps the rest for the next time; false when that is all of it. */
  #writeNow(bytes: Uint8Array): boolean {
    try {
      this.#rest = bytes.subarray(writeSync(this.#fd, bytes))
      return true
    } catch (cause) {
      if (again(cause)) return false
      // Nobody reads any more.
      this.#rest = NOTHING
      return true
    }
  }

  write(data: string | Uint8Array): void {
    const text = typeof data === 'string' ? Buffer.from(data) : data
    const bytes = this.#rest.length === 0 ? text : Buffer.concat([this.#rest, text])
    this.#rest = NOTHING
    for (let at = 0; at < bytes.length && !this.#lost;) {
      try {
        at += writeSync(this.#fd, bytes, at, bytes.length - at)
      } catch (cause) {
        if (again(cause)) {
          holdThread(RETRY_MS)
          continue
        }
        // A message that cannot be told must not end the work it is about.
        if (this.#fd === 2) {
          this.#lost = true
          return
        }
        throw outputError(cause)
      }
    }
  }

  whenReaderGone(tell: () => void): () => void {
    return this.#isPipe() ? whenUnread(this.#fd, tell) : () => {}
  }

  #isPipe(): boolean {
    try {
      return process.platform === 'linux' && fstatSync(this.#fd).isFIFO()
    } catch {
      return false
    }
  }

  async writeLater(data: Uint8Array): Promise<void> {
    for (let at = 0; at < data.length;) {
      try {
        at += await writeAsync(this.#fd, data, at)
      } catch (cause) {
        if (!again(cause)) throw outputError(cause)
        await pause(RETRY_MS)
      }
    }
  }
}

function outputError(cause: unknown): Error {
  const { code } = cause as NodeJS.ErrnoException
  if (code === 'EPIPE' || code === 'EBADF') return new ReaderGone()
  return new KvError(
    'KV_OUTPUT',
    code === 'ENOSPC' ? 'no space left to write the output' : `cannot write the output: ${reasonOf(cause)}`,
    { cause },
  )
}

class FileSource implements Source {
  readonly fd: number
  #isTTY: boolean | undefined

  constructor(fd: number) {
    this.fd = fd
  }

  get isTTY(): boolean {
    this.#isTTY ??= isTerminal(this.fd)
    return this.#isTTY
  }

  get isNull(): boolean {
    return isNullDevice(this.fd)
  }

  readAll(maxBytes: number): Uint8Array {
    const chunks: Uint8Array[] = []
    let bytes = 0
    for (let size = 1 << 16; ; size = Math.min(size * 2, 1 << 24)) {
      const chunk = Buffer.allocUnsafe(size)
      let read: number
      try {
        read = readSync(this.fd, chunk)
      } catch (cause) {
        const { code } = cause as NodeJS.ErrnoException
        if (code === 'EAGAIN') {
          holdThread(RETRY_MS)
          continue
        }
        if (code === 'EOF') break
        throw unreadable('standard input', cause)
      }
      if (read === 0) break
      chunks.push(chunk.subarray(0, read))
      bytes += read
      if (bytes > maxBytes)
        throw new KvError('KV_TOO_LARGE', `standard input is longer than a value may be: ${maxBytes} bytes`)
    }
    return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
  }
}

/** The terminal of this process, for who reads single keys from it and draws on it. */
export interface Terminal {
  readonly input: NodeJS.ReadStream
  readonly output: NodeJS.WriteStream
}

/**
 * Node's streams on the terminal, drawn on by stderr, or by stdout where stderr goes elsewhere; to be asked for only
 * where stdin is one.
 */
export function processTerminal(): Terminal {
  return { input: process.stdin, output: process.stderr.isTTY ? process.stderr : process.stdout }
}

/** The streams of this process. */
export function processIo(): Io {
  return { stdin: new FileSource(0), stdout: new FileSink(1), stderr: new FileSink(2), env: process.env }
}
