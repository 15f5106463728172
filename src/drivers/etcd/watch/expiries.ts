import { asBuffer, compareBytes } from '../../../bytes.ts'

/** Keys of which it is known when they expire, at most: about 20 MB of them. */
const MOST_KEYS = 100_000

/** An entry that expires. */
export interface Expiring {
  readonly key: Uint8Array
  /** In milliseconds since 1970. */
  readonly expires: number
  /** Of its write. */
  readonly revision: number
}

/**
 * When the watched entries expire. etcd removes them seconds later, after the loss of a leader much later; readers do not see them
 * any more, and a watch does not wait for it either.
 */
export class Expiries {
  /** By the key. */
  readonly #waiting = new Map<string, Expiring>()
  /** The same keys, by their expiry. */
  readonly #moments = new Map<number, Set<string>>()
  /** The first of those, perhaps too early. */
  #next = Infinity
  /** What nobody sees, and etcd has not removed. */
  readonly #gone = new Set<string>()
  /** Keys that have changed since {@link begin}, until all entries of before are known. */
  #changed: Set<string> | undefined
  #isComplete = true

  /** False: of some entries it is not known that they expire. */
  get isComplete(): boolean {
    return this.#isComplete
  }

  /** Whether an entry has expired that etcd has still to remove. */
  get hasGone(): boolean {
    return this.#gone.size > 0
  }

  /** When the next expires, or earlier, in milliseconds since 1970; `Infinity`: none does. */
  get next(): number {
    return this.#next
  }

  /** A key was put. */
  put({ key, expires, revision }: Omit<Expiring, 'expires'> & { readonly expires: number | undefined }): void {
    const name = nameOf(key)
    this.#changed?.add(name)
    this.#gone.delete(name)
    this.#forget(name)
    if (expires !== undefined) this.#add(name, { key, expires, revision })
  }

  /** A key was removed; false: it was gone before for everybody. */
  del(key: Uint8Array): boolean {
    const name = nameOf(key)
    this.#changed?.add(name)
    this.#forget(name)
    return !this.#gone.delete(name)
  }

  /** From now on the entries of some moment are told, while others change. */
  begin(): void {
    this.#changed = new Set()
  }

  /** An entry that was there at that moment, seen by somebody or gone for everybody. */
  found(entry: Expiring, isGone: boolean): void {
    const name = nameOf(entry.key)
    if (this.#changed?.has(name) === true) return
    if (isGone) this.#gone.add(name)
    else this.#add(name, entry)
  }

  /** All entries of that moment were told, or they cannot be. */
  end(isComplete: boolean): void {
    this.#changed = undefined
    if (!isComplete) this.#isComplete = false
  }

  /** Whether {@link end} is still to come. */
  get isFilling(): boolean {
    return this.#changed !== undefined
  }

  /** Those that have expired, by their keys. */
  due(now: number): Expiring[] {
    if (this.#next > now) return []
    const due: Expiring[] = []
    this.#next = Infinity
    for (const [moment, names] of this.#moments) {
      if (moment > now) this.#next = Math.min(this.#next, moment)
      else for (const name of names) due.push(this.#waiting.get(name)!)
    }
    return due.toSorted((a, b) => compareBytes(a.key, b.key))
  }

  /** An entry that was due needs no more of that: it is gone, or has become another. */
  settle({ key }: Expiring, isGone: boolean): void {
    const name = nameOf(key)
    this.#forget(name)
    if (isGone) this.#gone.add(name)
  }

  #add(name: string, entry: Expiring): void {
    if (this.#waiting.size >= MOST_KEYS) {
      this.#isComplete = false
      return
    }
    this.#waiting.set(name, { ...entry, key: Uint8Array.from(entry.key) })
    const names = this.#moments.get(entry.expires)
    if (names === undefined) this.#moments.set(entry.expires, new Set([name]))
    else names.add(name)
    this.#next = Math.min(this.#next, entry.expires)
  }

  #forget(name: string): void {
    const entry = this.#waiting.get(name)
    if (entry === undefined) return
    this.#waiting.delete(name)
    const names = this.#moments.get(entry.expires)!
    names.delete(name)
    if (names.size === 0) this.#moments.delete(entry.expires)
  }
}

function nameOf(key: Uint8Array): string {
  return asBuffer(key).toString('latin1')
}
