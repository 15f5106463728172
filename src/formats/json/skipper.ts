import type { JsonScanner } from './scanner.ts'

const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const OPEN_ARRAY = 0x5b
const QUOTE = 0x22
const COLON = 0x3a
const COMMA = 0x2c

/** What the text must go on with. */
type Next = 'value' | 'value or end' | 'name' | 'name or end' | 'rest of name' | 'rest of value' | 'colon' | 'separator'

/** Passes over a value whose text comes in several buffers, without holding it. */
export class JsonSkipper {
  /** Whether the value has been passed over. */
  done = true
  readonly #scanner: JsonScanner
  #next: Next = 'value'
  /** Whether whole containers are looked for: nearly all are there to their end. */
  #triesWhole = true
  #depth = 0
  /** The closing bracket of each container that is open. */
  #closing = new Uint8Array(64)

  /** @param scanner what goes through the text */
  constructor(scanner: JsonScanner) {
    this.#scanner = scanner
  }

  /** The next byte begins a value, perhaps with blanks before it. */
  begin(): void {
    this.done = false
    this.#next = 'value'
    this.#depth = 0
  }

  /**
   * Goes on at `at`; where the text is `open`, more of it follows. Returns the offset up to which it is passed over. When
   * that is not {@link done}, the scanner has failed: at the end, or where the text is not JSON.
   */
  skip(at: number, open: boolean): number {
    this.#triesWhole = true
    for (let isOn = true; isOn && !this.done;) {
      const from = at
      at = this.#step(at, open)
      isOn = at >= 0
      if (!isOn) at = this.#isInString ? this.#scanner.resumeAt : from
    }
    return at
  }

  get #isInString(): boolean {
    return this.#next === 'rest of name' || this.#next === 'rest of value'
  }

  #step(at: number, open: boolean): number {
    const scanner = this.#scanner
    if (this.#isInString) {
      const end = scanner.string(at - 1)
      if (end < 0) return -1
      if (this.#next === 'rest of value') return this.#complete(end)
      this.#next = 'colon'
      return end
    }
    at = scanner.space(at)
    const byte = scanner.at(at)
    const closing = this.#closing[this.#depth - 1]
    switch (this.#next) {
      case 'colon':
        if (byte !== COLON) return scanner.fail(at, "':'")
        this.#next = 'value'
        return at + 1
      case 'separator':
        if (byte === closing) return this.#close(at)
        if (byte !== COMMA) return scanner.fail(at, closing === CLOSE_OBJECT ? "',' or '}'" : "',' or ']'")
        this.#next = closing === CLOSE_OBJECT ? 'name' : 'value'
        return at + 1
      case 'name or end':
      case 'name':
        if (byte === closing && this.#next === 'name or end') return this.#close(at)
        if (byte !== QUOTE) return scanner.fail(at, 'a string')
        this.#next = 'rest of name'
        return at + 1
      default:
        if (byte === closing && this.#next === 'value or end') return this.#close(at)
        return this.#value(at, byte, open)
    }
  }

  #value(at: number, byte: number, open: boolean): number {
    if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      const end = this.#triesWhole ? this.#scanner.value(at) : -1
      if (end >= 0) return this.#complete(end)
      // Once in a buffer, or one with many open brackets would be gone through again and again.
      this.#triesWhole = false
      this.#open(byte + 2)
      this.#next = byte === OPEN_OBJECT ? 'name or end' : 'value or end'
      return at + 1
    }
    if (byte === QUOTE) {
      this.#next = 'rest of value'
      return at + 1
    }
    const end = this.#scanner.value(at)
    // A number at the end may go on.
    if (end >= 0 && open && this.#scanner.at(end) < 0) return this.#scanner.fail(end, '')
    return end < 0 ? -1 : this.#complete(end)
  }

  #open(closing: number): void {
    if (this.#depth === this.#closing.length) {
      const larger = new Uint8Array(this.#depth * 2)
      larger.set(this.#closing)
      this.#closing = larger
    }
    this.#closing[this.#depth++] = closing
  }

  #close(at: number): number {
    this.#depth--
    return this.#complete(at + 1)
  }

  #complete(at: number): number {
    this.#next = 'separator'
    this.done = this.#depth === 0
    return at
  }
}
