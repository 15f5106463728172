import { asBuffer } from '../bytes.ts'

/** How bytes that are no text are written in input. */
export type BytesEncoding = 'hex' | 'base64'

/** Characters decoded at once: a multiple of 4, so that each part of base64 stands for whole bytes. */
const PART = 1 << 20

/** In which alphabets of base64 (RFC 4648) a byte is: 1 the usual, 2 the one for URLs, 3 both, 0 none. */
const BASE64 = new Uint8Array(256)
for (const char of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789') BASE64[char.charCodeAt(0)] = 3
for (const char of '+/') BASE64[char.charCodeAt(0)] = 1
for (const char of '-_') BASE64[char.charCodeAt(0)] = 2

const PADDING = 0x3d

/**
 * How many bytes the text between two offsets stands for; -1 when it is not valid in its encoding.
 * Base64 may be of either alphabet, with padding or without. Changes nothing.
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
