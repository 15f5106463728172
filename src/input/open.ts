import { accessSync, constants, createReadStream, openSync, read as fsRead, statSync } from 'node:fs'
import { type Duplex, Readable, pipeline } from 'node:stream'
import zlib from 'node:zlib'
import { KvError, reasonOf } from '../errors.ts'

/** Bytes of one read of a file. */
const READ_BYTES = 1 << 18

/** One input of batch-put, opened. */
export interface OpenInput {
  /** As messages name it. */
  readonly name: string
  /** Unpacked bytes. Each chunk is the taker's own. Leaving the loop closes the input. */
  readonly chunks: AsyncIterable<Uint8Array>
  /** Bytes of the file as it lies on disk, when known. */
  readonly size: number | undefined
  /** The descriptor of a file whose bytes are the input as they stand, for another to read from its beginning instead. */
  readonly file: number | undefined
  /** Bytes of it read so far. */
  read(): number
  /** Stops reading, also while waiting for a silent pipe. */
  close(): void
}

/** Throws `KV_USAGE` for a file that cannot be read, without opening it. */
export function checkInput(path: string): void {
  if (path === '-') return
  try {
    accessSync(path, constants.R_OK)
    if (statSync(path).isDirectory()) throw Object.assign(new Error('it is a folder'), { code: 'EISDIR' })
  } catch (cause) {
    throw unreadable(path, cause)
  }
}

function unreadable(name: string, cause: unknown): KvError {
  return new KvError('KV_USAGE', `cannot read ${name}: ${reasonOf(cause)}`, { cause })
}

/** The error for an input that fails while it is read. */
export function unreadableInput(name: string, reason: string, cause?: unknown): KvError {
  return new KvError('KV_INVALID_INPUT', `${name}: reading failed: ${reason}`, { cause })
}

/**
 * Opens a file (`-`: standard input, `stdinFd`) and unpacks gzip and Zstandard, known by their first bytes.
 * `undefined` when `stop` was called for before anything came. Throws `KV_USAGE` for a file that
 * cannot be read; the loop over the chunks throws `KV_INVALID_INPUT` where reading or unpacking
 * fails later.
 */
export async function openInput(path: string, stop: AbortSignal, stdinFd = 0): Promise<OpenInput | undefined> {
  const name = path === '-' ? 'stdin' : path
  let size: number | undefined
  let read = 0
  let raw: Readable | undefined
  try {
    if (path !== '-') {
      const stat = statSync(path)
      if (stat.isFile()) size = stat.size
    }
    // A pipe with a name is opened by the stream, which does not hold this thread until there is a writer.
    const fd = size === undefined ? undefined : openSync(path, 'r')
    const opened: Readable = path === '-' ? standardInput(stdinFd) : createReadStream(path, { fd, highWaterMark: READ_BYTES })
    raw = opened
    const close = (): void => void opened.destroy()
    const iterator = opened[Symbol.asyncIterator]() as AsyncIterator<Buffer>
    const first = await unless(stop, iterator.next())
    if (first === undefined) {
      close()
      return undefined
    }
    const counted = async function* (): AsyncGenerator<Buffer, void, void> {
      try {
        for (let next = first; next.done !== true; next = await iterator.next()) {
          read += next.value.length
          yield next.value
        }
      } catch (cause) {
        throw unreadableInput(name, reasonOf(cause), cause)
      } finally {
        close()
      }
    }
    const unpack = first.done === true ? undefined : unpacker(first.value, name)
    const chunks = unpack === undefined ? counted() : unpacked(Readable.from(counted()), unpack, name)
    return { name, chunks, size, file: unpack === undefined ? fd : undefined, read: () => read, close }
  } catch (cause) {
    raw?.destroy()
    if (cause instanceof KvError) throw cause
    throw unreadable(name, cause)
  }
}

/** What a promise resolves to, or `undefined` when the signal comes first. */
async function unless<T>(stop: AbortSignal, promise: Promise<T>): Promise<T | undefined> {
  if (stop.aborted) return undefined
  let onStop: () => void = () => {}
  const stopped = new Promise<undefined>((resolve) => {
    onStop = () => resolve(undefined)
    stop.addEventListener('abort', onStop, { once: true })
  })
  try {
    return await Promise.race([promise, stopped])
  } finally {
    stop.removeEventListener('abort', onStop)
    // Once stopped, nobody waits for how it ends.
    promise.catch(() => {})
  }
}

function standardInput(fd: number): Readable {
  // Who opened a descriptor of its own closes it too.
  return fd === 0 ? process.stdin : createReadStream('', { fd, fs: { read: fsRead, close: (_, done) => done?.(null) }, highWaterMark: READ_BYTES })
}

async function* unpacked(packed: Readable, unpack: Duplex, name: string): AsyncGenerator<Uint8Array, void, void> {
  try {
    yield* pipeline(packed, unpack, () => {}) as AsyncIterable<Uint8Array>
  } catch (cause) {
    if (cause instanceof KvError) throw cause
    throw new KvError('KV_INVALID_INPUT', `${name}: the packed data is damaged or cut off: ${(cause as Error).message}`, { cause })
  }
}

function unpacker(first: Buffer, name: string): Duplex | undefined {
  if (first[0] === 0x1f && first[1] === 0x8b) return zlib.createGunzip({ chunkSize: READ_BYTES })
  if (first.length < 4 || first.readUInt32LE(0) !== 0xfd2fb528) return undefined
  const { createZstdDecompress } = zlib as { createZstdDecompress?: () => Duplex }
  if (createZstdDecompress === undefined) {
    throw new KvError('KV_NOT_SUPPORTED', `${name} is packed with Zstandard, which this Node cannot unpack`, { hint: `zstd -dc ${name} | kv batch-put, or a newer Node` })
  }
  return createZstdDecompress()
}
