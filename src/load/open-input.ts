import { accessSync, constants, createReadStream, fstatSync, openSync, statSync } from 'node:fs'
import { Readable } from 'node:stream'
import { untilAborted } from '../async.ts'
import { KvError, unreadable } from '../errors.ts'
import { openInputFile, readChunks } from './input-file.ts'
import { ByteSource } from './byte-source.ts'
import { gunzip, isGzip } from './unpack/gzip.ts'
import { isZstd } from './unpack/zstd-frame.ts'
import { hasZstd, unzstd } from './unpack/zstd.ts'

/** Bytes of one read of a file. */
const READ_BYTES = 1 << 18

/** Bytes that tell how an input is packed. */
const MAGIC_BYTES = 4

/** Bytes kept of the beginning of an input. */
const HEAD_BYTES = 1 << 16

/** One input of batch-put, opened. */
export interface OpenInput {
  /** As messages name it. */
  readonly name: string
  /** Unpacked bytes. Each chunk is the taker's own. Leaving the loop closes the input. */
  readonly chunks: AsyncIterable<Uint8Array>
  /** Bytes of the file as it lies on disk, when known. */
  readonly size: number | undefined
  /**
   * The descriptor of a file whose bytes are the input as they stand, for another to read from its beginning instead.
   */
  readonly file: number | undefined
  /** The program that unpacks it as it is unpacked here (`gzip -dc`); `undefined` when it is not packed. */
  readonly unpack: string | undefined
  /** Bytes of it read so far. */
  read(): number
  /** The first unpacked bytes that came, 64 KiB at most. */
  head(): Uint8Array
  /** Stops reading, also while waiting for a silent pipe. */
  close(): void
}

/** Throws `KV_USAGE` for a file that cannot be read, without opening it; `-` is standard input, `stdinFd`. */
export function checkInput(path: string, stdinFd: number): void {
  try {
    if (path !== '-') accessSync(path, constants.R_OK)
    const stat = path === '-' ? fstatSync(stdinFd) : statSync(path)
    if (stat.isDirectory()) throw Object.assign(new Error('it is a folder'), { code: 'EISDIR' })
  } catch (cause) {
    throw unreadable(path === '-' ? 'standard input' : path, cause)
  }
}

/**
 * Opens a file (`-`: standard input, `stdinFd`) and unpacks gzip and Zstandard, known by their first bytes.
 * `undefined` when `stop` was called for before anything came. Throws `KV_USAGE` for a file that
 * cannot be read, `KV_NOT_SUPPORTED` with the hint `unpackFirst` for Zstandard on a Node without it; the loop over the
 * chunks throws `KV_INVALID_INPUT` where reading or unpacking fails later.
 */
export async function openInput(
  path: string,
  stop: AbortSignal,
  { stdinFd = 0, unpackFirst }: { stdinFd?: number; unpackFirst?: string } = {},
): Promise<OpenInput | undefined> {
  const name = path === '-' ? 'stdin' : path
  let read = 0
  let raw: Readable | undefined
  try {
    const fd = path !== '-' && statSync(path).isFile() ? openSync(path, 'r') : undefined
    const opened =
      fd === undefined ? streamOf(path, stdinFd, stop) : createReadStream(path, { fd, highWaterMark: READ_BYTES })
    raw = opened
    const close = (): void => void opened.destroy()
    const counted = async function* (): AsyncGenerator<Uint8Array, void, void> {
      try {
        for await (const chunk of opened as AsyncIterable<Buffer>) {
          read += chunk.length
          yield chunk
        }
      } catch (cause) {
        throw unreadable(name, cause, 'KV_INVALID_INPUT')
      }
    }
    const source = new ByteSource(counted())
    const first = await untilAborted(source.peek(MAGIC_BYTES), stop)
    const unpack = unpacker(first, name, unpackFirst)
    let head = new Uint8Array()
    const chunks = async function* (): AsyncGenerator<Uint8Array, void, void> {
      try {
        for await (const chunk of unpack === undefined ? asTheyAre(source) : unpacked(unpack(source), name)) {
          if (head.length < HEAD_BYTES)
            head = new Uint8Array(Buffer.concat([head, chunk.subarray(0, HEAD_BYTES - head.length)]))
          yield chunk
        }
      } finally {
        close()
      }
    }
    const isFile = unpack === undefined && fd !== undefined
    return {
      name,
      chunks: chunks(),
      size: fd === undefined ? undefined : fstatSync(fd).size,
      file: isFile ? fd : undefined,
      unpack: unpack === undefined ? undefined : isGzip(first) ? 'gzip -dc' : 'zstd -dc',
      read: () => read,
      head: () => (isFile ? first.subarray(0, HEAD_BYTES) : head),
      close,
    }
  } catch (cause) {
    raw?.destroy()
    if (stop.aborted) return undefined
    if (cause instanceof KvError) throw cause
    throw unreadable(name, cause)
  }
}

/** Standard input, or what is no file, such as a pipe with a name, which holds no thread until there is a writer. */
function streamOf(path: string, stdinFd: number, stop: AbortSignal): Readable {
  if (path === '-' && stdinFd === 0) return process.stdin
  // Who opened a descriptor of its own closes it too.
  const { fd, close } = path === '-' ? { fd: stdinFd, close() {} } : openInputFile(path)
  const chunks = readChunks(fd, path === '-' ? 'standard input' : path, stop)
  return Readable.from(chunks, { objectMode: false, highWaterMark: READ_BYTES }).once('close', close)
}

async function* asTheyAre(source: ByteSource): AsyncGenerator<Uint8Array, void, void> {
  for (let chunk; (chunk = await source.next()) !== undefined;) yield chunk
}

async function* unpacked(chunks: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Uint8Array, void, void> {
  try {
    yield* chunks
  } catch (cause) {
    if (cause instanceof KvError) throw cause
    throw new KvError(
      'KV_INVALID_INPUT',
      `${name}: the packed data is damaged or cut off: ${(cause as Error).message}`,
      { cause },
    )
  }
}

/** How what begins so is unpacked; `undefined` when it is not packed. */
function unpacker(
  first: Uint8Array,
  name: string,
  unpackFirst: string | undefined,
): ((source: ByteSource) => AsyncIterable<Uint8Array>) | undefined {
  if (isGzip(first)) return gunzip
  if (!isZstd(first)) return undefined
  if (!hasZstd())
    throw new KvError('KV_NOT_SUPPORTED', `${name} is packed with Zstandard, which this Node cannot unpack`, {
      hint: unpackFirst,
    })
  return unzstd
}
