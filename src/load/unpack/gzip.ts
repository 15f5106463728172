import zlib from 'node:zlib'
import type { ByteSource } from '../byte-source.ts'
import { unpackStream } from './unpack-stream.ts'

/** Bytes unpacked at once. */
const CHUNK_BYTES = 1 << 18

/** Flags of a member's header (RFC 1952, section 2.3.1). */
const FHCRC = 2
const FEXTRA = 4
const FNAME = 8
const FCOMMENT = 16
const RESERVED = 0xe0

/** Whether bytes begin as a member of gzip does. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b
}

/**
 * Unpacks all members of gzip (RFC 1952), also where zeros fill up a block of tape between or after them. node:zlib
 * would drop what follows such zeros. Throws an `Error` where the data is damaged, cut off, or followed by something
 * else, after everything before that was yielded.
 */
export async function* gunzip(source: ByteSource): AsyncGenerator<Uint8Array, void, void> {
  for (let chunkSize = CHUNK_BYTES; await isMember(source); chunkSize = CHUNK_BYTES >> 2) {
    await skipHeader(source)
    let checksum = 0
    let size = 0
    for await (const chunk of unpackStream(zlib.createInflateRaw({ chunkSize }), source)) {
      checksum = zlib.crc32(chunk, checksum)
      size += chunk.length
      yield chunk
    }
    const trailer = Buffer.from(await exactly(source, 8))
    if (trailer.readUInt32LE(0) !== checksum || trailer.readUInt32LE(4) !== size >>> 0)
      throw new Error('the checksum is wrong')
  }
}

/** Whether another member follows; `false` at the end. */
async function isMember(source: ByteSource): Promise<boolean> {
  for (let bytes = await source.peek(1); bytes.length > 0; bytes = await source.peek(1)) {
    const padding = bytes.findIndex((byte) => byte !== 0)
    if (padding === 0) {
      if (isGzip(await source.peek(2))) return true
      throw new Error('what follows is not gzip')
    }
    await source.take(padding < 0 ? bytes.length : padding)
  }
  return false
}

async function skipHeader(source: ByteSource): Promise<void> {
  const [, , method, flags = 0] = await exactly(source, 10)
  if (method !== 8 || (flags & RESERVED) !== 0) throw new Error('a header is wrong')
  if ((flags & FEXTRA) !== 0) {
    const [low = 0, high = 0] = await exactly(source, 2)
    await exactly(source, low | (high << 8))
  }
  for (const text of [FNAME, FCOMMENT]) {
    if ((flags & text) !== 0) while ((await exactly(source, 1))[0] !== 0);
  }
  if ((flags & FHCRC) !== 0) await exactly(source, 2)
}

async function exactly(source: ByteSource, length: number): Promise<Uint8Array> {
  const bytes = await source.take(length)
  if (bytes.length < length) throw new Error('unexpected end of file')
  return bytes
}
