import { isUtf8 } from 'node:buffer'
import { KvError } from './errors.ts'

/** The encodings a user can name. */
export const ENCODINGS = ['utf8', 'hex', 'base64'] as const

/** How bytes are written as text on the command line and in output. */
export type Encoding = (typeof ENCODINGS)[number]

/** The UTF-8 bytes of a text. Lone surrogates become U+FFFD, so check text of unknown origin first. */
export function utf8(text: string): Uint8Array {
  // A third of the time that TextEncoder takes for a short text.
  return Buffer.from(text)
}

/** A Buffer over the same memory: no copy, so a change of one shows in the other. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Unsigned byte order, the order of every store: negative, 0 or positive like `Array.sort` wants it. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b)
}

/** The smallest byte string after `key`: the key followed by a zero byte. */
export function successor(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1)
  next.set(key)
  return next
}

/**
 * The exclusive end of the range of all keys that begin with `prefix`;
 * `undefined` when there is none (an empty prefix, or one of 0xff bytes only).
 */
export function prefixEnd(prefix: Uint8Array): Uint8Array | undefined {
  let length = prefix.length
  while (length > 0 && prefix[length - 1] === 0xff) length--
  if (length === 0) return undefined
  const end = new Uint8Array(prefix.subarray(0, length))
  end[length - 1]! += 1
  return end
}

/** The UTF-8 text of `bytes`, or `undefined` when they are not valid UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  return isUtf8(bytes) ? encode(bytes, 'utf8') : undefined
}

/**
 * Bytes from text in a named encoding; `undefined` when the text is not valid in it. Base64 may be of either alphabet.
 */
export function decode(text: string, encoding: Encoding): Uint8Array | undefined {
  switch (encoding) {
    case 'utf8':
      return text.isWellFormed() ? utf8(text) : undefined
    case 'hex':
      return text.length % 2 === 0 && /^[0-9a-fA-F]*$/.test(text) ? Buffer.from(text, 'hex') : undefined
    case 'base64': {
      const bare = text.replace(/={1,2}$/, '')
      const padded = text.length === bare.length || text.length % 4 === 0
      return padded && bare.length % 4 !== 1 && /^(?:[A-Za-z0-9+/]*|[A-Za-z0-9_-]*)$/.test(bare)
        ? Buffer.from(bare, 'base64')
        : undefined
    }
  }
}

/**
 * Text of `bytes` in a named encoding. For `utf8`, check `isUtf8` first: invalid sequences become
 * U+FFFD. Throws `KV_TOO_LARGE` for more than a string of JavaScript can hold (half a gigabyte).
 */
export function encode(bytes: Uint8Array, encoding: Encoding): string {
  try {
    return asBuffer(bytes).toString(encoding)
  } catch (cause) {
    throw new KvError('KV_TOO_LARGE', `${bytes.length} bytes are too many for one text in ${encoding}`, { cause })
  }
}

/** The same in parts that are short strings, for what is too long for one. */
export function* encodeParts(bytes: Uint8Array, encoding: 'hex' | 'base64'): Generator<string, void, void> {
  // A multiple of 3, so that no part but the last ends in padding.
  const part = 3 << 20
  for (let at = 0; at < bytes.length; at += part) yield encode(bytes.subarray(at, at + part), encoding)
}

/** Where the character of UTF-8 begins that has a byte at this index; the index itself at the end, or in what is no text. */
export function characterStart(bytes: Uint8Array, index: number): number {
  let at = index
  while (at > index - 3 && at > 0 && at < bytes.length && (bytes[at]! & 0xc0) === 0x80) at--
  return at
}

/** Bytes of a slice of text at most. */
const SLICE = 1 << 16

/** Bytes of text in slices that are not long, none of which ends inside a character. */
export function* textSlices(bytes: Uint8Array): Generator<Uint8Array, void, void> {
  for (let at = 0; at < bytes.length;) {
    const end = characterStart(bytes, Math.min(at + SLICE, bytes.length))
    yield bytes.subarray(at, end)
    at = end
  }
}

/** The text of these. What is not UTF-8 becomes U+FFFD. */
export function* textParts(bytes: Uint8Array): Generator<string, void, void> {
  for (const slice of textSlices(bytes)) yield asBuffer(slice).toString()
}
