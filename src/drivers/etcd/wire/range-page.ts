/**
 * The answer to a range without an object for each entry: a long range is decoded several times quicker, and can become text
 * or a block straight from the bytes of the message.
 */
import type { Encodable } from './message.ts'
import { METHODS, type Method, type RangeRequest } from './messages.ts'

/**
 * Entries in the order in which etcd sent them, which is that of their keys. Entry `i` has the key
 * `bytes[keyStart[i] .. keyStart[i] + keyLength[i]]`, and its value likewise. The arrays may be longer than `count`.
 */
export interface RangePage {
  /** The message. */
  readonly bytes: Uint8Array
  count: number
  readonly keyStart: Uint32Array
  readonly keyLength: Uint32Array
  readonly valueStart: Uint32Array
  readonly valueLength: Uint32Array
  readonly revision: Float64Array
  /** The upper and lower 32 bits of the ids of their leases; `undefined` when none has one. */
  readonly lease: { readonly high: Uint32Array; readonly low: Uint32Array } | undefined
  /** The newest revision of the cluster when it answered. */
  readonly clusterRevision: number
  /** Which member answered. */
  readonly member: bigint
  /** Whether the range has more entries than were asked for. */
  readonly more: boolean
  /** Entries of the whole range. */
  readonly total: number
}

/** A range in pages. */
export const RANGE_PAGE: Method<Encodable<typeof RangeRequest>, RangePage> = {
  path: METHODS.range.path,
  encode: METHODS.range.encode,
  decode: decodeRangePage,
}

/** Entries for which there is room at first; more are made room for as they come. */
const FIRST_ROOM = 64

/** What of a message is read so far. */
class Cursor {
  readonly bytes: Uint8Array
  at = 0

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  /** A number below 2^53, such as a length or a revision. */
  number(): number {
    const { bytes } = this
    let byte = bytes[this.at++]!
    if (byte < 0x80) return byte
    let value = byte & 0x7f
    for (let scale = 0x80; byte >= 0x80; scale *= 0x80) {
      byte = bytes[this.at++]!
      value += (byte & 0x7f) * scale
    }
    return value
  }

  /** Any number of 64 bits. */
  bits(): readonly [high: number, low: number] {
    let low = 0
    let high = 0
    for (let shift = 0; ; shift += 7) {
      const byte = this.bytes[this.at++]!
      const bits = byte & 0x7f
      if (shift < 32) low |= bits << shift
      if (shift === 28) high = bits >>> 4
      else if (shift > 28) high |= bits << (shift - 32)
      if (byte < 0x80) return [high >>> 0, low >>> 0]
    }
  }

  skip(wire: number): void {
    if (wire === 0) this.bits()
    else if (wire === 2) this.at += this.number()
    else this.at += wire === 1 ? 8 : 4
  }
}

/** Reads a `RangeResponse`. Throws for what is none. */
export function decodeRangePage(bytes: Uint8Array): RangePage {
  const cursor = new Cursor(bytes)
  const columns = new Columns()
  let clusterRevision = 0
  let member = 0n
  let more = false
  let total = 0
  while (cursor.at < bytes.length) {
    const tag = cursor.number()
    if (tag === KVS) columns.read(cursor)
    else if (tag === HEADER) {
      const end = cursor.number() + cursor.at
      while (cursor.at < end) {
        const field = cursor.number()
        if (field === HEADER_MEMBER) member = big(cursor.bits())
        else if (field === HEADER_REVISION) clusterRevision = cursor.number()
        else cursor.skip(field & 7)
      }
    } else if (tag === MORE) more = cursor.number() === 1
    else if (tag === COUNT) total = cursor.number()
    else cursor.skip(tag & 7)
  }
  if (cursor.at !== bytes.length) throw new Error('the answer of etcd ends in the middle of a field')
  return { bytes, ...columns.take(), clusterRevision, member, more, total }
}

/** Tags of fields: their number and how they are encoded. */
const HEADER = (1 << 3) | 2
const KVS = (2 << 3) | 2
const MORE = 3 << 3
const COUNT = 4 << 3
const HEADER_MEMBER = 2 << 3
const HEADER_REVISION = 3 << 3
const KEY = (1 << 3) | 2
const MOD_REVISION = 3 << 3
const VALUE = (5 << 3) | 2
const LEASE = 6 << 3

/** The fields of entries, each in an array. */
class Columns {
  #count = 0
  #room = FIRST_ROOM
  #keyStart = new Uint32Array(FIRST_ROOM)
  #keyLength = new Uint32Array(FIRST_ROOM)
  #valueStart = new Uint32Array(FIRST_ROOM)
  #valueLength = new Uint32Array(FIRST_ROOM)
  #revision = new Float64Array(FIRST_ROOM)
  #leaseHigh: Uint32Array | undefined
  #leaseLow: Uint32Array | undefined

  /** Reads an entry. */
  read(cursor: Cursor): void {
    const i = this.#count++
    if (i === this.#room) this.#grow()
    const end = cursor.number() + cursor.at
    while (cursor.at < end) {
      const tag = cursor.number()
      if (tag === KEY) {
        const length = cursor.number()
        this.#keyStart[i] = cursor.at
        this.#keyLength[i] = length
        cursor.at += length
      } else if (tag === VALUE) {
        const length = cursor.number()
        this.#valueStart[i] = cursor.at
        this.#valueLength[i] = length
        cursor.at += length
      } else if (tag === MOD_REVISION) this.#revision[i] = cursor.number()
      else if (tag === LEASE) {
        this.#leaseHigh ??= new Uint32Array(this.#room)
        this.#leaseLow ??= new Uint32Array(this.#room)
        ;[this.#leaseHigh[i], this.#leaseLow[i]] = cursor.bits()
      } else cursor.skip(tag & 7)
    }
  }

  take(): Pick<RangePage, 'count' | 'keyStart' | 'keyLength' | 'valueStart' | 'valueLength' | 'revision' | 'lease'> {
    return {
      count: this.#count,
      keyStart: this.#keyStart,
      keyLength: this.#keyLength,
      valueStart: this.#valueStart,
      valueLength: this.#valueLength,
      revision: this.#revision,
      lease: this.#leaseHigh && { high: this.#leaseHigh, low: this.#leaseLow! },
    }
  }

  #grow(): void {
    this.#room *= 4
    this.#keyStart = larger(this.#keyStart, this.#room)
    this.#keyLength = larger(this.#keyLength, this.#room)
    this.#valueStart = larger(this.#valueStart, this.#room)
    this.#valueLength = larger(this.#valueLength, this.#room)
    const revision = new Float64Array(this.#room)
    revision.set(this.#revision)
    this.#revision = revision
    this.#leaseHigh &&= larger(this.#leaseHigh, this.#room)
    this.#leaseLow &&= larger(this.#leaseLow, this.#room)
  }
}

function larger(column: Uint32Array, room: number): Uint32Array<ArrayBuffer> {
  const made = new Uint32Array(room)
  made.set(column)
  return made
}

function big([high, low]: readonly [number, number]): bigint {
  return (BigInt(high) << 32n) | BigInt(low)
}
