import { isUtf8 } from 'node:buffer'
import { KvError } from './errors.ts'

/** The encodings a user can name. */
export const ENCODINGS = ['utf8', 'hex', 'base64'] as const

/** How bytes are written as text on the command line and in output. */
export type Encoding = (typeof ENCODINGS)[number]

/** How bytes that are no text are written as text. */
export type BytesEncoding = Exclude<Encoding, 'utf8'>

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

/** Of any bytes; through `asBuffer`, making a Buffer of them takes longer than the text. Not in the types of Node. */
const { utf8Slice } = Buffer.prototype as unknown as { utf8Slice(this: Uint8Array, start: number, end: number): string }

/** The UTF-8 text of `bytes`, or `undefined` when they are not valid UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  return isUtf8(bytes) ? encode(bytes, 'utf8') : undefined
}

/**
 * Bytes from text in a named encoding; `undefined` when the text is not valid in it. Base64 may be of either
 * alphabet (RFC 4648), with padding or without.
 */
export function decode(text: string, encoding: Encoding): Uint8Array | undefined {
  if (encoding === 'utf8') return text.isWellFormed() ? utf8(text) : undefined
  const bytes = utf8(text)
  return encodedLength(bytes, 0, bytes.length, encoding) < 0 ? undefined : Buffer.from(text, encoding)
}

/** In which alphabets of base64 (RFC 4648) a byte is: 1 the usual, 2 the one for URLs, 3 both, 0 none. */
const BASE64 = new Uint8Array(256)
for (const char of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789') BASE64[char.charCodeAt(0)] = 3
for (const char of '+/') BASE64[char.charCodeAt(0)] = 1
for (const char of '-_') BASE64[char.charCodeAt(0)] = 2

const PADDING = 0x3d

/**
 * How many bytes the text between two offsets stands for; -1 when it is not valid in its encoding, see
 * {@link decode}. Changes nothing.
 */
export function encodedLength(bytes: Uint8Array, start: number, end: number, encoding: BytesEncoding): number {
  if (encoding === 'hex') {
    for (let at = start; at < end; at++) if (hexDigit(bytes[at]!) < 0) return -1
    return (end - start) % 2 === 0 ? (end - start) / 2 : -1
  }
  let last = end
  while (last > start && end - last < 2 && bytes[last - 1] === PADDING) last--
  if (last < end && (end - start) % 4 !== 0) return -1
  let alphabets = 3
  for (let at = start; at < last; at++) alphabets &= BASE64[bytes[at]!]!
  const rest = (last - start) % 4
  return alphabets === 0 || rest === 1 ? -1 : Math.floor((last - start) / 4) * 3 + Math.max(0, rest - 1)
}

/** Characters decoded at once: a multiple of 4, so that each part of base64 stands for whole bytes. */
const PART = 1 << 20

/**
 * Replaces the text between two offsets, valid as {@link encodedLength} finds it, by the bytes it stands for, from
 * `start` on; returns how many. In parts, since no string of JavaScript holds the text of the longest value.
 */
export function decodeEncoded(bytes: Uint8Array, start: number, end: number, encoding: BytesEncoding): number {
  const buffer = asBuffer(bytes)
  let to = start
  for (let at = start; at < end; at += PART)
    to += buffer.write(buffer.toString('latin1', at, Math.min(at + PART, end)), to, encoding)
  return to - start
}

/** The value of a hexadecimal digit in ASCII, -1 for any other byte. */
export function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}

/**
 * Text of `bytes` in a named encoding. For `utf8`, check `isUtf8` first: invalid sequences become
 * U+FFFD. Throws `KV_TOO_LARGE` for more than a string of JavaScript can hold (half a gigabyte).
 */
export function encode(bytes: Uint8Array, encoding: Encoding): string {
  try {
    return encoding === 'utf8' ? utf8Slice.call(bytes, 0, bytes.length) : asBuffer(bytes).toString(encoding)
  } catch (cause) {
    throw new KvError('KV_TOO_LARGE', `${bytes.length} bytes are too many for one text in ${encoding}`, { cause })
  }
}

/** The same in parts that are short strings, for what is too long for one. */
export function* encodeParts(bytes: Uint8Array, encoding: BytesEncoding): Generator<string, void, void> {
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
