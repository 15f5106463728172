import { decodeUtf8, utf8 } from '../../../bytes.ts'
import type { Clock } from '../../../store/driver/driver.ts'
import type { Entry } from '../../../store/driver/entry.ts'

/** What an entry takes besides its key and value, in bytes: about what V8 uses for the objects. */
const OVERHEAD_BYTES = 300

/** The largest part of the cache that one entry may take. */
const LARGEST_PART = 1 / 8

interface Item {
  /** Text once it was asked for as such. */
  value: string | Uint8Array
  readonly revision: number
  /** Milliseconds since 1970; `Infinity`: never. */
  readonly expires: number
  /** What it takes. */
  bytes: number
  /** Whether it was read since the hand of the clock went by. */
  isUsed: boolean
}

/**
 * Entries in memory by the text of their key, up to a number of bytes; those go first that were not read for long (the
 * clock algorithm). Keys that are not UTF-8 have no place in it. It knows nothing of whether its entries are still true.
 */
export class EntryCache {
  readonly #items = new Map<string, Item>()
  readonly #limit: number
  #bytes = 0
  #hand: Iterator<[string, Item]>

  /** @param limit bytes of keys, values and what holds them */
  constructor(limit: number) {
    this.#limit = limit
    this.#hand = this.#items.entries()
  }

  /** What its entries take, in bytes. */
  get bytes(): number {
    return this.#bytes
  }

  /** The value of a key as text; `undefined` when it is not here, has expired, or is not UTF-8. */
  text(key: string, now: Clock): string | undefined {
    const item = this.#living(key, now)
    if (item === undefined) return undefined
    const { value } = item
    return typeof value === 'string' ? value : this.#asText(item, value)
  }

  /** A copy of the value of a key; `undefined` when it is not here, or has expired. */
  value(key: string, now: Clock): Uint8Array | undefined {
    const item = this.#living(key, now)
    return item && bytesOf(item)
  }

  /** A copy of the entry of a key; `undefined` when it is not here, or has expired. */
  entry(key: string, now: Clock): Entry | undefined {
    const item = this.#living(key, now)
    if (item === undefined) return undefined
    const { revision, expires } = item
    return {
      key: new Uint8Array(utf8(key)),
      value: bytesOf(item),
      revision,
      expires: expires === Infinity ? undefined : expires,
    }
  }

  /** Keeps a copy of an entry, unless it is too long for that. */
  set(key: string, { value, revision, expires = Infinity }: Entry): void {
    this.delete(key)
    const bytes = OVERHEAD_BYTES + 2 * key.length + value.length
    if (bytes > this.#limit * LARGEST_PART) return
    this.#items.set(key, { value: new Uint8Array(value), revision, expires, bytes, isUsed: false })
    this.#grow(bytes)
  }

  /** Forgets an entry. */
  delete(key: string): void {
    const item = this.#items.get(key)
    if (item === undefined) return
    this.#items.delete(key)
    this.#bytes -= item.bytes
  }

  /** Forgets everything. */
  clear(): void {
    if (this.#items.size === 0) return
    this.#items.clear()
    this.#bytes = 0
    this.#hand = this.#items.entries()
  }

  #living(key: string, now: Clock): Item | undefined {
    const item = this.#items.get(key)
    if (item === undefined || (item.expires !== Infinity && item.expires <= now())) return undefined
    item.isUsed = true
    return item
  }

  #asText(item: Item, value: Uint8Array): string | undefined {
    const text = decodeUtf8(value)
    if (text === undefined) return undefined
    item.value = text
    // V8 keeps two bytes for each character where one of them needs that.
    const more = text.length === value.length ? 0 : Math.max(0, 2 * text.length - value.length)
    item.bytes += more
    this.#grow(more)
    return text
  }

  #grow(bytes: number): void {
    this.#bytes += bytes
    while (this.#bytes > this.#limit) this.#moveHand()
  }

  /** Looks at the next item: one that was read stays for another round. */
  #moveHand(): void {
    const next = this.#hand.next()
    if (next.done === true) {
      this.#hand = this.#items.entries()
      return
    }
    const [key, item] = next.value
    if (item.isUsed) item.isUsed = false
    else this.delete(key)
  }
}

/** A copy, since what is read belongs to the reader. */
function bytesOf({ value }: Item): Uint8Array {
  return new Uint8Array(typeof value === 'string' ? utf8(value) : value)
}
