import { closeSync, constants, fstatSync, openSync, read, readFileSync, readlinkSync, statSync } from 'node:fs'
import { pause, turn } from '../async.ts'
import { type Code, KvError, interrupted, unreadable } from '../errors.ts'
import { isTerminal } from '../io.ts'

/**
 * How long to wait at most before asking again for what is not there yet, in milliseconds; the first times only a
 * turn of the event loop.
 */
const RETRY_MS = 20
const TURNS = 20
/** Bytes read at once. */
const READ_BYTES = 1 << 18

/** What a user named as an input, opened without waiting for whoever may write it. */
export interface InputFile {
  readonly fd: number
  /** Whether it is a terminal, whose keys are perhaps read by somebody already. */
  readonly isTerminal: boolean
  close(): void
}

/** Opens a file, a pipe with a name (also one that nobody writes yet) or a device. Throws `KV_USAGE`. */
export function openInputFile(path: string): InputFile {
  let fd: number
  try {
    fd = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0))
  } catch (cause) {
    throw unreadable(path, cause)
  }
  return { fd, isTerminal: isTerminal(fd), close: () => closeSync(fd) }
}

/** Whether a name means a terminal: `/dev/stdin`, `/dev/tty` and their like. */
export function isTerminalPath(path: string): boolean {
  try {
    // A pipe is not to be opened for a look: its writer would take that for its reader.
    if (!statSync(path).isCharacterDevice()) return false
    const { isTerminal, close } = openInputFile(path)
    close()
    return isTerminal
  } catch {
    return false
  }
}

/**
 * The bytes of an open input as they come. While there are none the event loop has its turn, and no thread is held.
 * Throws `code` with `name` when it cannot be read, `KV_INTERRUPTED` when aborted.
 */
export async function* readChunks(
  fd: number,
  name: string,
  signal?: AbortSignal,
  code: Code = 'KV_USAGE',
): AsyncGenerator<Uint8Array, void, void> {
  const buffer = Buffer.allocUnsafe(READ_BYTES)
  let hasBegun = !isNamedPipe(fd)
  for (let waits = 0; ; waits++) {
    if (signal?.aborted) throw interrupted(signal)
    const length = await readOnce(fd, buffer, name, code)
    if (length === 0 && hasBegun) return
    if (length !== 0) hasBegun = true
    if (length > 0) {
      yield new Uint8Array(buffer.subarray(0, length))
      waits = -1
    } else if (waits < TURNS) await turn()
    else await pause(Math.min(waits - TURNS + 1, RETRY_MS), signal)
  }
}

/** All of a named input. Throws what {@link openInputFile} and {@link readToEnd} throw. */
export async function readInputFile(path: string, maxBytes: number, signal?: AbortSignal): Promise<Uint8Array> {
  const { fd, close } = openInputFile(path)
  try {
    return await readToEnd(fd, path, maxBytes, signal)
  } finally {
    close()
  }
}

/** All of an open input. Throws `KV_TOO_LARGE` when that is more than `maxBytes`, and what {@link readChunks} throws. */
export async function readToEnd(fd: number, name: string, maxBytes: number, signal?: AbortSignal): Promise<Uint8Array> {
  const tooLong = (): KvError => new KvError('KV_TOO_LARGE', `${name} is longer than a value may be: ${maxBytes} bytes`)
  const stat = fstatSync(fd)
  if (stat.size > maxBytes) throw tooLong()
  if (stat.isFile()) {
    try {
      return readFileSync(fd)
    } catch (cause) {
      throw unreadable(name, cause)
    }
  }
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of readChunks(fd, name, signal)) {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes > maxBytes) throw tooLong()
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
}

/**
 * A pipe with a name is at its end also before its first writer has come; one without had its writer from the start,
 * and so had standard input.
 */
function isNamedPipe(fd: number): boolean {
  if (fd === 0 || !fstatSync(fd).isFIFO()) return false
  try {
    return readlinkSync(`/proc/self/fd/${fd}`).startsWith('/')
  } catch {
    return true
  }
}

/** Resolves to the bytes read; -1: none yet. */
function readOnce(fd: number, buffer: Buffer, name: string, code: Code): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, buffer, 0, buffer.length, null, (error, length) => {
      if (error === null) resolve(length)
      else if (error.code === 'EAGAIN') resolve(-1)
      else if (error.code === 'EOF') resolve(0)
      else reject(unreadable(name, error, code))
    })
  })
}
