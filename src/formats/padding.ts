import type { ByteArena } from '../blocks/byte-arena.ts'
import { usageError } from '../errors.ts'
import { countCodePoints } from './utf8.ts'

/** How the text of a field is brought to a width: a number by zeros, text by filling on one side. */
export interface Padding {
  readonly width: number
  readonly kind: 'number' | 'left' | 'right'
  /** The bytes of the character that fills. */
  readonly fill: Uint8Array
}

/** More than any sensible key is wide. */
const WIDEST = 1000

const ZERO = 0x30
const NINE = 0x39
const POINT = 0x2e

const GRAMMAR = 'after the colon: 08 pads numbers with zeros to 8 digits; >8 and <8 pad text, *>8 with stars'

/** The padding that the text after the colon of `{id:08}` asks for. Throws `KV_USAGE`. */
export function parsePadding(text: string): Padding {
  const [, fill, arrow, zero, digits = ''] = /^(?:(.)?([<>]))?(0?)([1-9]\d*)$/su.exec(text) ?? []
  const width = Number(digits)
  if (!(width > 0 && width <= WIDEST) || (zero === '0' && (fill !== undefined || arrow === '<')))
    throw usageError(`not a padding: ${text}`, GRAMMAR)
  if (zero === '0') return { width, kind: 'number', fill: Uint8Array.of(ZERO) }
  if (arrow === undefined) throw usageError(`not a padding: ${text}`, GRAMMAR)
  return { width, kind: arrow === '>' ? 'left' : 'right', fill: Buffer.from(fill ?? ' ') }
}

/** Pads the text that begins at `start` of an arena and is its last. Returns why it cannot be padded, if it cannot. */
export function pad(out: ByteArena, start: number, { width, kind, fill }: Padding): string | undefined {
  let length: number
  if (kind === 'number') {
    length = wholeDigits(out, start)
    if (length < 0) return 'is negative, so padded with zeros it would not sort'
    if (length === 0) return 'is not a plain number'
    if (length > width) return `has more than ${width} digits before the point`
  } else {
    length = countCodePoints(out.bytes, start, out.length)
  }
  const missing = (width - length) * fill.length
  if (missing <= 0) return undefined
  out.reserve(missing)
  const { bytes } = out
  const at = kind === 'right' ? out.length : start
  if (kind !== 'right') bytes.copyWithin(start + missing, start, out.length)
  for (let i = 0; i < missing; i++) bytes[at + i] = fill[i % fill.length]!
  out.length += missing
  return undefined
}

/** Digits of a number before its point; 0 when the text is no plain decimal number, -1 when it is a negative one. */
function wholeDigits({ bytes, length }: ByteArena, start: number): number {
  const isNegative = bytes[start] === 0x2d
  let at = isNegative ? start + 1 : start
  const first = at
  const isDigit = (offset: number): boolean => offset < length && bytes[offset]! >= ZERO && bytes[offset]! <= NINE
  while (isDigit(at)) at++
  const digits = at - first
  if (at < length && bytes[at] === POINT && isDigit(at + 1)) {
    at++
    while (isDigit(at)) at++
  }
  if (digits === 0 || at < length) return 0
  return isNegative ? -1 : digits
}
