import { asBuffer } from '../bytes.ts'
import { KvError } from '../errors.ts'
import type { KeyCondition, Lifetime } from '../store/driver/entry.ts'

/** What a frame is. Numbers are part of the protocol. */
export const FRAME = {
  /** An entry, or the put of one. */
  entry: 0,
  /** The delete of a key. */
  del: 1,
  /** In the place of an entry that is not there. */
  missing: 2,
  /** Nothing follows; without it a stream is cut off. */
  end: 3,
  /** The rest failed: the code of kv is the key, the message the value. */
  error: 4,
  /** Nothing: whoever sends is waiting for more to send. */
  alive: 5,
  /** The put of an entry whose expiry is a time to live in milliseconds; read as `entry`. */
  temporary: 6,
  /** Of a batch: the entry of the key must have this revision; 0: it must not be there. */
  ifRevision: 7,
  /** Of a batch: the entry of the key must have this value. */
  ifValue: 8,
  /**
   * Of a history: from when on a key was what the next frame says, in milliseconds since 1970 in the place of an expiry (NaN:
   * from before the history began). That is an entry, `del` with the revision of the delete, or `missing` for one that had
   * expired.
   */
  since: 9,
} as const

/** A frame: kind, key, value, revision (0 in writes), and in writes perhaps a time to live. */
export interface Frame extends Lifetime {
  readonly kind: number
  readonly key: Uint8Array
  readonly value: Uint8Array
  readonly revision: number
  readonly expires: number | undefined
  readonly ttl: number | undefined
}

/** Bytes before key and value: kind (1), both lengths (4 each), revision and expiry (floats of 8; NaN: never). */
export const HEADER_BYTES = 25

const NOTHING = new Uint8Array()

/** Bytes that a key and a value take as a frame. */
export function frameBytes(key: Uint8Array, value: Uint8Array): number {
  return HEADER_BYTES + key.length + value.length
}

/** Collects frames in one buffer. */
export class FrameWriter {
  #bytes: Buffer
  #length = 0

  /** `capacity`: bytes expected; more is fine. */
  constructor(capacity: number = 1 << 16) {
    this.#bytes = Buffer.allocUnsafe(capacity)
  }

  /** Bytes collected. */
  get length(): number {
    return this.#length
  }

  /** Adds a frame. */
  add(
    kind: number,
    key: Uint8Array = NOTHING,
    value: Uint8Array = NOTHING,
    revision = 0,
    expires: number | undefined = undefined,
  ): void {
    const size = frameBytes(key, value)
    if (this.#length + size > this.#bytes.length) this.#grow(this.#length + size)
    const out = this.#bytes
    let at = this.#length
    out[at] = kind
    out.writeUInt32LE(key.length, at + 1)
    out.writeUInt32LE(value.length, at + 5)
    out.writeDoubleLE(revision, at + 9)
    out.writeDoubleLE(expires ?? Number.NaN, at + 17)
    at += HEADER_BYTES
    out.set(key, at)
    out.set(value, at + key.length)
    this.#length += size
  }

  /** Adds a put. */
  put({ key, value, expires, ttl }: { readonly key: Uint8Array; readonly value: Uint8Array } & Lifetime): void {
    if (ttl === undefined) this.add(FRAME.entry, key, value, 0, expires)
    else this.add(FRAME.temporary, key, value, 0, ttl)
  }

  /** Adds a condition of a batch. */
  condition({ key, condition }: KeyCondition): void {
    if (condition.type === 'value') this.add(FRAME.ifValue, key, condition.value)
    else this.add(FRAME.ifRevision, key, NOTHING, condition.type === 'absent' ? 0 : condition.revision)
  }

  /** The bytes collected; the writer begins anew in other memory. */
  take(): Buffer {
    const taken = this.#bytes.subarray(0, this.#length)
    this.#bytes = Buffer.allocUnsafe(this.#bytes.length)
    this.#length = 0
    return taken
  }

  #grow(needed: number): void {
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, needed))
    larger.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = larger
  }
}

/** Sizes above which a reader of frames refuses with `KV_TOO_LARGE`, before it collects them. */
export interface FrameLimits {
  readonly maxKeyBytes: number
  readonly maxValueBytes: number
}

/** Takes a stream of frames apart, however its chunks are cut. */
export class FrameReader {
  readonly #limits: FrameLimits | undefined
  #parts: Uint8Array[] = []
  #have = 0
  #need = HEADER_BYTES

  constructor(limits?: FrameLimits) {
    this.#limits = limits
  }

  /** Whether a frame has begun and not ended. */
  get isWithinFrame(): boolean {
    return this.#have > 0
  }

  /** The frames that a chunk completes, sharing its memory. Throws `KV_TOO_LARGE` and `KV_INVALID_INPUT`. */
  push(chunk: Uint8Array): Frame[] {
    this.#parts.push(chunk)
    this.#have += chunk.length
    if (this.#have < this.#need) return []
    const bytes = this.#parts.length === 1 ? asBuffer(chunk) : Buffer.concat(this.#parts)
    const frames: Frame[] = []
    let at = 0
    for (this.#need = HEADER_BYTES; bytes.length - at >= this.#need; this.#need = HEADER_BYTES) {
      const size = this.#size(bytes, at)
      if (bytes.length - at < size) {
        this.#need = size
        break
      }
      frames.push(frameAt(bytes, at))
      at += size
    }
    this.#parts = at === bytes.length ? [] : [bytes.subarray(at)]
    this.#have = bytes.length - at
    return frames
  }

  #size(bytes: Buffer, at: number): number {
    if (bytes[at]! > FRAME.since) throw new KvError('KV_INVALID_INPUT', `not a frame of kv: kind ${bytes[at]}`)
    const keyLength = bytes.readUInt32LE(at + 1)
    const valueLength = bytes.readUInt32LE(at + 5)
    const { maxKeyBytes, maxValueBytes } = this.#limits ?? { maxKeyBytes: 2 ** 30, maxValueBytes: 2 ** 30 }
    if (keyLength > maxKeyBytes)
      throw new KvError('KV_TOO_LARGE', `a key of ${keyLength} bytes is over the limit of ${maxKeyBytes}`)
    if (valueLength > maxValueBytes)
      throw new KvError('KV_TOO_LARGE', `a value of ${valueLength} bytes is over the limit of ${maxValueBytes}`)
    return HEADER_BYTES + keyLength + valueLength
  }
}

function frameAt(bytes: Buffer, at: number): Frame {
  const keyStart = at + HEADER_BYTES
  const valueStart = keyStart + bytes.readUInt32LE(at + 1)
  const number = bytes.readDoubleLE(at + 17)
  const end = Number.isNaN(number) ? undefined : number
  const isTemporary = bytes[at] === FRAME.temporary
  return {
    kind: isTemporary ? FRAME.entry : bytes[at]!,
    key: new Uint8Array(bytes.buffer, bytes.byteOffset + keyStart, valueStart - keyStart),
    value: new Uint8Array(bytes.buffer, bytes.byteOffset + valueStart, bytes.readUInt32LE(at + 5)),
    revision: bytes.readDoubleLE(at + 9),
    expires: isTemporary ? undefined : end,
    ttl: isTemporary ? (end ?? Number.NaN) : undefined,
  }
}
