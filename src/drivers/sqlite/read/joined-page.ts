/**
 * Pages of entries that the engine joins: all keys, all values and all numbers of a page are one column each, since to make
 * an array of JavaScript for each of them takes longer than all the rest.
 */
import type { Entry } from '../../../store/driver/entry.ts'
import type { SqlValue } from '../engine/engine.ts'
import { damagedRow } from '../engine/result-codes.ts'

/** The numbers of a row that has `key`, `value`, `revision` and `expires`; an `x` stands for a null value. */
export const JOINED = `cast(group_concat(key, '') as blob), cast(group_concat(value, '') as blob),
  group_concat(length(key) || ' ' || coalesce(length(value), 'x') || ' ' || revision || ' ' || coalesce(expires, ''), ',')`

/** What a statement of {@link JOINED} answers; nulls where there are no rows, or no values. */
export type JoinedRow = [keys: SqlValue, values: SqlValue, numbers: SqlValue]

/** An entry of a page; its value is `undefined` where that was null. */
export type JoinedEntry = Omit<Entry, 'value'> & { value: Uint8Array | undefined }

/** The entries of a page. Throws where damage has given columns types that the table does not allow. */
export function entriesOf([keys, values, numbers]: JoinedRow): JoinedEntry[] {
  const entries: JoinedEntry[] = []
  if (numbers === null) return entries
  if (typeof numbers !== 'string') throw damagedRow()
  const [keyBytes, valueBytes] = [new Parts(keys), new Parts(values)]
  const text = new Numbers(numbers)
  while (!text.isAtEnd) {
    const keyLength = text.next()
    const valueLength = text.next()
    const revision = text.next()
    const expires = text.next()
    if (keyLength === undefined || revision === undefined) throw damagedRow()
    entries.push({
      key: keyBytes.take(keyLength),
      value: valueLength === undefined ? undefined : valueBytes.take(valueLength),
      revision,
      expires,
    })
  }
  if (!keyBytes.isAtEnd || !valueBytes.isAtEnd) throw damagedRow()
  return entries
}

const [ZERO, MINUS] = [0x30, 0x2d]

/** Whole numbers in a text, each followed by one character; what is none is `undefined`. */
class Numbers {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#text.length
  }

  next(): number | undefined {
    const text = this.#text
    const isNegative = text.charCodeAt(this.#at) === MINUS
    if (isNegative) this.#at++
    const start = this.#at
    let number = 0
    let at = start
    for (let digit: number; (digit = text.charCodeAt(at) - ZERO) >= 0 && digit <= 9; at++) number = number * 10 + digit
    const isNumber = at > start
    // A letter in place of a number.
    if (!isNumber && text.charCodeAt(at) > ZERO) at++
    this.#at = at + 1
    if (!isNumber) return undefined
    if (number > Number.MAX_SAFE_INTEGER) throw damagedRow()
    return isNegative ? -number : number
  }
}

/** Up to this many bytes V8 keeps in its own memory, where they are made at once. */
const SMALL_BYTES = 64

/** As Node has it for its Buffers: longer ones have memory of their own, shorter ones share so much. */
const SHARED_BYTES = 8192
const LONG_BYTES = SHARED_BYTES / 2

/**
 * Parts of a sequence of bytes, one behind the other. They keep no more in memory than {@link SHARED_BYTES} besides their own,
 * however long the sequence is, and none overlaps another.
 */
class Parts {
  readonly #bytes: Uint8Array
  #at = 0
  #shared: Uint8Array = NOTHING
  #sharedStart = 0

  constructor(bytes: SqlValue) {
    if (bytes !== null && !(bytes instanceof Uint8Array)) throw damagedRow()
    this.#bytes = bytes ?? NOTHING
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  take(length: number): Uint8Array {
    const start = this.#at
    const end = start + length
    if (end > this.#bytes.length) throw damagedRow()
    this.#at = end
    if (length <= SMALL_BYTES || length > LONG_BYTES) return this.#bytes.slice(start, end)
    if (end > this.#sharedStart + this.#shared.length) {
      this.#sharedStart = start
      this.#shared = this.#bytes.slice(start, start + SHARED_BYTES)
      keepWhole(this.#shared.buffer)
    }
    return this.#shared.subarray(start - this.#sharedStart, end - this.#sharedStart)
  }
}

const NOTHING = new Uint8Array()

let markAsUntransferable: ((buffer: ArrayBufferLike) => void) | undefined

/** Lets nobody give a buffer to another thread, which would take it from all who share it. */
function keepWhole(buffer: ArrayBufferLike): void {
  markAsUntransferable ??= process.getBuiltinModule('node:worker_threads').markAsUntransferable ?? ((): void => {})
  markAsUntransferable(buffer)
}
