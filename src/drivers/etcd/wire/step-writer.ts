/**
 * Steps of a transaction as bytes, written straight from where keys and values lie: loads make many of them, and objects for
 * each take longer than all the rest. What is written is what {@link TxnRequest} of messages.ts would write, but for zeros.
 */
export class StepWriter {
  #bytes: Buffer
  #length = 0

  /** @param size about how many bytes will be written */
  constructor(size: number) {
    this.#bytes = Buffer.allocUnsafe(size)
  }

  /** The steps so far, a view. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  /** Adds a put. */
  put(key: Uint8Array, value: Uint8Array, lease: bigint): void {
    const put = putLength(key, value, lease)
    this.#room(put)
    this.#open(STEP, fieldLength(put))
    this.#put(put, key, value, lease)
  }

  /** Adds a put that is made if the key is not there; otherwise the key is read. */
  putIfAbsent(key: Uint8Array, value: Uint8Array, lease: bigint): void {
    const put = putLength(key, value, lease)
    // Result EQUAL is 0, and so is a revision that is not written; both must be there to be compared with.
    const compare = 2 + 2 + fieldLength(key.length) + 2
    const read = fieldLength(key.length) + 2
    const inner = fieldLength(compare) + fieldLength(fieldLength(put)) + fieldLength(fieldLength(read))
    this.#room(inner)
    this.#open(STEP, fieldLength(inner))
    this.#open(NESTED, inner)
    this.#open(COMPARE, compare)
    this.#pair(RESULT, 0)
    this.#pair(TARGET, MOD_REVISION)
    this.#data(COMPARED_KEY, key)
    this.#pair(COMPARED_REVISION, 0)
    this.#open(STEP, fieldLength(put))
    this.#put(put, key, value, lease)
    this.#open(ELSE, fieldLength(read))
    this.#open(READ, read)
    this.#data(KEY, key)
    this.#pair(KEYS_ONLY, 1)
  }

  /** Adds a delete. */
  del(key: Uint8Array): void {
    const del = fieldLength(key.length)
    this.#room(del)
    this.#open(STEP, fieldLength(del))
    this.#open(DELETE, del)
    this.#data(KEY, key)
  }

  #put(length: number, key: Uint8Array, value: Uint8Array, lease: bigint): void {
    this.#open(PUT, length)
    this.#data(KEY, key)
    this.#data(VALUE, value)
    if (lease === 0n) return
    this.#bytes[this.#length++] = LEASE
    for (let rest = lease; ; rest >>= 7n) {
      const low = Number(rest & 0x7fn)
      if (rest < 0x80n) {
        this.#bytes[this.#length++] = low
        return
      }
      this.#bytes[this.#length++] = low | 0x80
    }
  }

  #open(tag: number, length: number): void {
    this.#bytes[this.#length++] = tag
    while (length >= 0x80) {
      this.#bytes[this.#length++] = (length & 0x7f) | 0x80
      length >>>= 7
    }
    this.#bytes[this.#length++] = length
  }

  #data(tag: number, bytes: Uint8Array): void {
    this.#open(tag, bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  #pair(tag: number, value: number): void {
    this.#bytes[this.#length++] = tag
    this.#bytes[this.#length++] = value
  }

  /** Makes room for so many bytes and what is written around them. */
  #room(bytes: number): void {
    const needed = this.#length + bytes + 32
    if (needed <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#bytes.length))
    larger.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = larger
  }
}

/** Number and type of fields: of a transaction, a step, a comparison, and what a step does. */
const [COMPARE, STEP, ELSE] = [0x0a, 0x12, 0x1a]
const [READ, PUT, DELETE, NESTED] = [0x0a, 0x12, 0x1a, 0x22]
const [RESULT, TARGET, COMPARED_KEY, COMPARED_REVISION, MOD_REVISION] = [0x08, 0x10, 0x1a, 0x30, 2]
const [KEY, VALUE, LEASE, KEYS_ONLY] = [0x0a, 0x12, 0x18, 0x40]

/** Bytes of a put without its own length. */
function putLength(key: Uint8Array, value: Uint8Array, lease: bigint): number {
  return (
    fieldLength(key.length) +
    fieldLength(value.length) +
    (lease === 0n ? 0 : 1 + Math.ceil(lease.toString(2).length / 7))
  )
}

/** Bytes of a field that holds so many, with what is before them. */
function fieldLength(length: number): number {
  return 1 + varintLength(length) + length
}

function varintLength(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x200000 ? 3 : value < 0x10000000 ? 4 : 5
}
