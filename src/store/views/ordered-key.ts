import { decodeUtf8, utf8 } from '../../bytes.ts'
import { KvError } from '../../errors.ts'
import { kindOf } from '../input.ts'
import type { Codec } from './codec.ts'

/** What a part of an ordered key can be. */
export type OrderedPart = string | number | bigint | boolean | Date | Uint8Array

/** The first byte of each part. */
const TYPE = { bytes: 0x01, text: 0x02, zero: 0x14, number: 0x21, false: 0x26, true: 0x27, date: 0x40 }

/** An integer of more than 8 bytes has its length in a byte of its own. */
const SHORT = 8
const LONGEST = 255

/**
 * The bytes of a key of several parts, which sort as the parts do: by the first part, where that is equal by the second,
 * and so on. The key of the first parts begins the keys of all that have them, so it is their prefix.
 *
 * ```ts
 * await store.put(orderedKey('login', new Date(), userId), ip)
 * for await (const { key } of store.range({ prefix: orderedKey('login'), gte: orderedKey('login', monday) }))
 *   console.log(decodeOrderedKey(key)) // [ 'login', 2026-03-02T08:15:00.000Z, 'user:1' ]
 * ```
 *
 * Each part is a byte that tells its type, and then:
 *
 * | part | bytes |
 * |---|---|
 * | bytes | 01, the bytes with each 00 as 00 ff, 00 |
 * | text | 02, its UTF-8 with each 00 as 00 ff, 00; sorts by code points |
 * | bigint 0 | 14 |
 * | positive bigint of n bytes, n up to 8 | 14 + n, the bytes, the highest first |
 * | longer positive bigint, up to 255 bytes | 1d, n, the bytes |
 * | negative bigint of n bytes, n up to 8 | 14 - n, the bytes of its absolute value, each inverted |
 * | longer negative bigint | 0b, n inverted, the bytes inverted |
 * | number | 21, the IEEE 754 double, highest byte first: of a positive one with the first bit inverted, of a negative one with all |
 * | false, true | 26, 27 |
 * | Date | 40, its milliseconds since 1970 as the double of a number, without 21 |
 *
 * Without dates that is the tuple layer of FoundationDB. Numbers sort among numbers and bigints among bigints; -0 is 0.
 * Throws `KV_INVALID_KEY` for what is no part, NaN and invalid dates among them, and for no part at all.
 */
export function orderedKey(...parts: readonly OrderedPart[]): Uint8Array {
  if (parts.length === 0) throw notAKey('an ordered key has at least one part')
  return Buffer.concat(parts.map(encodePart))
}

/** The parts of a key that {@link orderedKey} made. Throws `KV_INVALID_KEY` for other bytes. */
export function decodeOrderedKey(key: Uint8Array): OrderedPart[] {
  const parts: OrderedPart[] = []
  const reader = new Reader(key)
  while (!reader.isAtEnd) parts.push(reader.part())
  if (parts.length === 0) throw notAKey('the empty key is no ordered key')
  return parts
}

/** Keys of views that are lists of parts: `orderedKeyCodec<[Date, string]>()`. That stored keys are is the caller's word. */
export function orderedKeyCodec<T extends readonly OrderedPart[] = OrderedPart[]>(): Codec<T> {
  return CODEC as unknown as Codec<T>
}

const CODEC: Codec<readonly OrderedPart[]> = {
  encode(parts: unknown) {
    if (!Array.isArray(parts)) throw notAKey(`an ordered key is an array of its parts, not ${kindOf(parts)}`)
    return orderedKey(...(parts as OrderedPart[]))
  },
  decode: decodeOrderedKey,
}

function encodePart(part: unknown): Uint8Array {
  if (typeof part === 'string') {
    if (!part.isWellFormed()) throw notAKey('a part holds a lone surrogate, which has no UTF-8 bytes')
    return ended(TYPE.text, utf8(part))
  }
  if (typeof part === 'number') return double(TYPE.number, part, 'NaN')
  if (typeof part === 'bigint') return integer(part)
  if (typeof part === 'boolean') return Uint8Array.of(part ? TYPE.true : TYPE.false)
  if (part instanceof Date) return double(TYPE.date, part.getTime(), 'an invalid date')
  if (part instanceof Uint8Array) return ended(TYPE.bytes, part)
  throw notAKey(`a part of an ordered key is text, a number, a bigint, a boolean, a Date or bytes, not ${kindOf(part)}`)
}

/** Bytes that end with a 00: so the shorter of two that begin alike sorts first. */
function ended(type: number, bytes: Uint8Array): Uint8Array {
  const zeros = bytes.reduce((count, byte) => (byte === 0 ? count + 1 : count), 0)
  const out = new Uint8Array(bytes.length + zeros + 2)
  let at = 0
  out[at++] = type
  for (const byte of bytes) {
    out[at++] = byte
    if (byte === 0) out[at++] = 0xff
  }
  return out
}

function double(type: number, value: number, nothing: string): Uint8Array {
  if (Number.isNaN(value)) throw notAKey(`${nothing} has no place in an order`)
  const out = new Uint8Array(9)
  out[0] = type
  // -0 and 0 are equal, and so one key.
  new DataView(out.buffer).setFloat64(1, value === 0 ? 0 : value)
  invert(out.subarray(1), out[1]! >= 0x80)
  return out
}

/** Makes doubles sort as bytes, or takes that back: all bits of a negative one are inverted, of others the first. */
function invert(bytes: Uint8Array, all: boolean): void {
  if (all) for (let i = 0; i < bytes.length; i++) bytes[i]! ^= 0xff
  else bytes[0]! ^= 0x80
}

function integer(value: bigint): Uint8Array {
  if (value === 0n) return Uint8Array.of(TYPE.zero)
  const digits = (value < 0n ? -value : value).toString(16)
  const bytes = Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex')
  const { length } = bytes
  if (length > LONGEST) throw notAKey(`an integer of an ordered key has at most ${LONGEST} bytes`)
  const step = Math.min(length, SHORT + 1)
  const head = length > SHORT ? [TYPE.zero + step, length] : [TYPE.zero + step]
  if (value > 0n) return Buffer.concat([Uint8Array.from(head), bytes])
  head[0] = TYPE.zero - step
  if (head.length > 1) head[1]! ^= 0xff
  return Buffer.concat([Uint8Array.from(head), bytes.map((byte) => byte ^ 0xff)])
}

class Reader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  part(): OrderedPart {
    const type = this.#take(1)[0]!
    if (type === TYPE.bytes) return this.#ended()
    if (type === TYPE.text) {
      const text = decodeUtf8(this.#ended())
      if (text === undefined) throw damaged()
      return text
    }
    if (type === TYPE.number) return this.#double()
    if (type === TYPE.date) {
      const date = new Date(this.#double())
      if (Number.isNaN(date.getTime())) throw damaged()
      return date
    }
    if (type === TYPE.false || type === TYPE.true) return type === TYPE.true
    const step = type - TYPE.zero
    if (Math.abs(step) <= SHORT + 1) return this.#integer(step)
    throw damaged()
  }

  #ended(): Uint8Array {
    const out: number[] = []
    for (;;) {
      const byte = this.#take(1)[0]!
      if (byte !== 0) out.push(byte)
      else if (this.#bytes[this.#at] === 0xff) {
        this.#at++
        out.push(0)
      } else return Uint8Array.from(out)
    }
  }

  #double(): number {
    const bytes = this.#take(8)
    invert(bytes, bytes[0]! < 0x80)
    const value = new DataView(bytes.buffer, bytes.byteOffset).getFloat64(0)
    if (Number.isNaN(value)) throw damaged()
    return value
  }

  #integer(step: number): bigint {
    if (step === 0) return 0n
    const mask = step < 0 ? 0xff : 0
    const length = Math.abs(step) > SHORT ? this.#take(1)[0]! ^ mask : Math.abs(step)
    const bytes = this.#take(length).map((byte) => byte ^ mask)
    if (length === 0 || bytes[0] === 0 || (Math.abs(step) > SHORT && length <= SHORT)) throw damaged()
    const value = BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
    return step < 0 ? -value : value
  }

  /** A copy of the next bytes. */
  #take(length: number): Uint8Array {
    const end = this.#at + length
    if (end > this.#bytes.length) throw damaged()
    const bytes = new Uint8Array(this.#bytes.slice(this.#at, end))
    this.#at = end
    return bytes
  }
}

function notAKey(message: string): KvError {
  return new KvError('KV_INVALID_KEY', message)
}

function damaged(): KvError {
  return notAKey('these bytes are no ordered key')
}
