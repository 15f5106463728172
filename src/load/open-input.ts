import { accessSync, constants, fstatSync, statSync } from 'node:fs'
import { untilAborted } from '../async.ts'
import { KvError, unreadable } from '../errors.ts'
import { type Encoding, toUtf8 } from './encoding/encoding.ts'
import { openInputFile, readChunks } from './input-file.ts'
import { ByteSource } from './byte-source.ts'
import { gunzip, isGzip } from './unpack/gzip.ts'
import { NotUnpackedError, isZstd } from './unpack/zstd-frame.ts'
import { unzstd } from './unpack/zstd.ts'

/** A part of what packed data begins with that does not tell yet: of gzip, of a frame of Zstandard and of one to skip. */
const PART_OF_MAGIC = /^(?:\x1f|\x28(?:\xb5\x2f?)?|[\x50-\x5f](?:\x2a\x4d?)?)$/

/** Bytes kept of the beginning of an input. */
const HEAD_BYTES = 1 << 16

/** One input of batch-put, opened. */
export interface OpenInput {
  /** As messages name it. */
  readonly name: string
  /** Unpacked bytes, as UTF-8 where they are text in another encoding. Each chunk is the taker's own. Leaving the loop closes the input. */
  readonly chunks: AsyncIterable<Uint8Array>
  /**
   * The first of these bytes, which still come; none at the end. Only before the loop. Throws what that throws where
   * nothing else comes before.
   */
  begin(): Promise<Uint8Array>
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
  /** How many bytes its text became longer by in UTF-8; negative: shorter. */
  grown(): number
  /** The first unpacked bytes that came, 64 KiB at most, as UTF-8. */
  head(): Uint8Array
  /** Stops reading, also while waiting for a silent pipe. */
  close(): void
}

/** How an input is opened. */
export interface OpenOptions {
  /** The descriptor of standard input. */
  readonly stdinFd?: number
  /** The encoding of its text; `undefined`: UTF-8, or no text. */
  readonly encoding?: Encoding | undefined
  /** The command that gives what a program unpacks to kv, for hints. */
  readonly unpackFirst?: (program: string) => string
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
 * cannot be read; the loop over the chunks throws `KV_INVALID_INPUT` where reading or unpacking fails later, with the
 * hint `unpackFirst` where the program in it unpacks what kv does not.
 */
export async function openInput(
  path: string,
  stop: AbortSignal,
  { stdinFd = 0, encoding, unpackFirst }: OpenOptions = {},
): Promise<OpenInput | undefined> {
  const isStdin = path === '-'
  const name = isStdin ? 'stdin' : path
  let close = (): void => {}
  try {
    // Who opened a descriptor of its own closes it too.
    const { fd, close: closeFile } = isStdin ? { fd: stdinFd, close() {} } : openInputFile(path)
    // Before anything is read: a short file is closed by then.
    const stat = isStdin ? undefined : fstatSync(fd)
    const size = stat?.isFile() === true ? stat.size : undefined
    const closing = new AbortController()
    const usesProcess = isStdin && fd === 0
    let read = 0
    const counted = (async function* (): AsyncGenerator<Uint8Array, void, void> {
      try {
        const raw = usesProcess ? process.stdin : readChunks(fd, name, closing.signal, 'KV_INVALID_INPUT')
        for await (const chunk of raw as AsyncIterable<Uint8Array>) {
          read += chunk.length
          yield chunk
        }
      } catch (cause) {
        throw cause instanceof KvError ? cause : unreadable(name, cause, 'KV_INVALID_INPUT')
      } finally {
        closeFile()
      }
    })()
    close = () => {
      closing.abort()
      if (usesProcess) process.stdin.destroy()
      void counted.return()
    }
    const source = new ByteSource(counted)
    const first = await untilAborted(beginningOf(source), stop)
    const { unpack, program } = unpackerOf(first)
    let head = new Uint8Array()
    let grown = 0
    const unpacked = async function* (): AsyncGenerator<Uint8Array, void, void> {
      for await (const chunk of unpack(source)) {
        grown -= chunk.length
        yield chunk
      }
    }
    const chunks = async function* (): AsyncGenerator<Uint8Array, void, void> {
      try {
        for await (const chunk of encoding === undefined ? unpack(source) : toUtf8(unpacked(), encoding, name)) {
          if (encoding !== undefined) grown += chunk.length
          if (head.length < HEAD_BYTES)
            head = new Uint8Array(Buffer.concat([head, chunk.subarray(0, HEAD_BYTES - head.length)]))
          yield chunk
        }
      } catch (cause) {
        if (cause instanceof KvError) throw cause
        if (cause instanceof NotUnpackedError) throw notUnpacked(name, cause, unpackFirst)
        const message = `${name}: the packed data is damaged or cut off: ${(cause as Error).message}`
        throw new KvError('KV_INVALID_INPUT', message, { cause })
      } finally {
        close()
      }
    }
    const out = new ByteSource(chunks())
    const isPlainFile = program === undefined && encoding === undefined && size !== undefined
    return {
      name,
      chunks: asTheyAre(out, close),
      begin: async () => (isPlainFile ? first : out.peek(1)),
      size,
      file: isPlainFile ? fd : undefined,
      unpack: program,
      read: () => read,
      grown: () => grown,
      head: () => (isPlainFile ? first.subarray(0, HEAD_BYTES) : head),
      close,
    }
  } catch (cause) {
    close()
    if (stop.aborted) return undefined
    if (cause instanceof KvError) throw cause
    throw unreadable(name, cause)
  }
}

/** The first bytes of an input: enough to tell how it is packed, and no more, since a live pipe may wait with the next. */
async function beginningOf(source: ByteSource): Promise<Uint8Array> {
  let bytes = await source.peek(1)
  for (let length = 0; length < bytes.length && PART_OF_MAGIC.test(Buffer.from(bytes).toString('latin1'));) {
    length = bytes.length
    bytes = await source.peek(length + 1)
  }
  return bytes
}

/** The chunks that are left. Leaving the loop calls `close`. */
async function* asTheyAre(source: ByteSource, close = (): void => {}): AsyncGenerator<Uint8Array, void, void> {
  try {
    for (let chunk; (chunk = await source.next()) !== undefined;) yield chunk
  } finally {
    close()
  }
}

/** How what begins so is unpacked, and the program that does the same. */
function unpackerOf(first: Uint8Array): {
  unpack: (source: ByteSource) => AsyncIterable<Uint8Array>
  program?: string
} {
  if (isGzip(first)) return { unpack: gunzip, program: 'gzip -dc' }
  return isZstd(first) ? { unpack: unzstd, program: 'zstd -dc' } : { unpack: (source) => asTheyAre(source) }
}

function notUnpacked(
  name: string,
  cause: NotUnpackedError,
  unpackFirst: ((program: string) => string) | undefined,
): KvError {
  const hint = cause.option === undefined ? undefined : unpackFirst?.(`zstd -dc ${cause.option}`)
  return new KvError('KV_INVALID_INPUT', `${name}: ${cause.message}`, { hint, cause })
}
