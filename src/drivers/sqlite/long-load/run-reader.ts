import { readSync } from 'node:fs'
import { type ByteView, byteView, moveBytes } from '../../../blocks/byte-arena.ts'
import { DELETES, EXPIRES, EXPIRY_BYTES, HEAD_BYTES, type Run } from './record.ts'

/** Reads the records of a run one after the other, through a buffer; of a record that is longer, the value in parts. */
export class RunReader {
  readonly #fd: number
  readonly #to: number
  #buffer: ByteView
  /** The record is here in the buffer, and so many bytes are read. */
  #at = 0
  #end = 0
  /** Where in the file the buffer ends. */
  #position: number
  #size = 0
  #keyAt = 0
  #flags = 0
  keyLength = 0
  valueLength = 0
  checksum = 0

  /** @param bufferBytes how much is read at a time */
  constructor(fd: number, run: Run, bufferBytes: number) {
    this.#fd = fd
    this.#position = run.from
    this.#to = run.to
    this.#buffer = byteView(new Uint8Array(bufferBytes))
  }

  /** The buffer with the key, at {@link keyAt}. */
  get bytes(): Uint8Array {
    return this.#buffer.bytes
  }

  get keyAt(): number {
    return this.#keyAt
  }

  /** Whether the record deletes its key. */
  get isDelete(): boolean {
    return (this.#flags & DELETES) !== 0
  }

  /** As in a block: `NaN` for none. */
  get expires(): number {
    return (this.#flags & EXPIRES) === 0 ? Number.NaN : this.#buffer.view.getFloat64(this.#at + HEAD_BYTES, true)
  }

  /** Goes on to the next record; false when there is none. Throws what the file system throws. */
  next(): boolean {
    this.#at += this.#size
    if (this.#at > this.#end) {
      // The rest of a value that was not read.
      this.#position += this.#at - this.#end
      this.#at = this.#end = 0
    }
    if (this.#at === this.#end && this.#position >= this.#to) return false
    this.#provide(HEAD_BYTES)
    const { view } = this.#buffer
    this.keyLength = view.getUint16(this.#at, true)
    this.#flags = view.getUint16(this.#at + 2, true)
    this.valueLength = view.getUint32(this.#at + 4, true)
    this.checksum = view.getUint32(this.#at + 8, true)
    const head = (this.#flags & EXPIRES) === 0 ? HEAD_BYTES : HEAD_BYTES + EXPIRY_BYTES
    const keyEnd = head + this.keyLength
    this.#size = keyEnd + this.valueLength
    this.#provide(this.#size <= this.#buffer.bytes.length ? this.#size : keyEnd)
    this.#keyAt = this.#at + head
    return true
  }

  /** Four bytes of the key from `from` on, the first one highest, with zeros behind its end. */
  window(from: number): number {
    const left = this.keyLength - from
    const at = this.#keyAt + from
    if (left >= 4) return this.#buffer.view.getUint32(at)
    const { bytes } = this.#buffer
    let window = 0
    for (let i = 0; i < left; i++) window |= bytes[at + i]! << (24 - 8 * i)
    return window >>> 0
  }

  /** Copies the key to `to` at `at`; returns the offset after it. */
  copyKey(to: ByteView, at: number): number {
    return moveBytes(this.#buffer, this.#keyAt, this.keyLength, to, at)
  }

  /** The same with the value. */
  copyValue(to: ByteView, at: number): number {
    const from = this.#keyAt + this.keyLength
    const inBuffer = Math.min(this.valueLength, this.#end - from)
    moveBytes(this.#buffer, from, inBuffer, to, at)
    if (inBuffer < this.valueLength) this.#read(to.bytes, at + inBuffer, this.valueLength - inBuffer, this.#position)
    return at + this.valueLength
  }

  /** Makes sure that so many bytes of the record are in the buffer. */
  #provide(bytes: number): void {
    if (this.#end - this.#at >= bytes) return
    let buffer = this.#buffer.bytes
    const rest = buffer.subarray(this.#at, this.#end)
    if (bytes > buffer.length) this.#buffer = byteView((buffer = new Uint8Array(bytes)))
    buffer.set(rest)
    this.#end = rest.length
    this.#at = 0
    const wanted = Math.min(buffer.length - this.#end, this.#to - this.#position)
    this.#read(buffer, this.#end, wanted, this.#position)
    this.#position += wanted
    this.#end += wanted
  }

  #read(into: Uint8Array, at: number, count: number, position: number): void {
    for (let done = 0; done < count;) {
      const read = readSync(this.#fd, into, at + done, count - done, position + done)
      if (read === 0) throw new Error('the temporary file of a load is cut off')
      done += read
    }
  }
}
