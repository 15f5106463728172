import type { Part } from './snapshot.ts'

/** Bytes of a page. Less makes etcd walk its index more often, more is memory. */
const PAGE_BYTES = 4 << 20
/** Entries of the first page, whose sizes nobody knows. */
const FIRST = 256
/** Entries of a page at most, and so many times those of the page before: what comes next may be larger. */
const MOST = 50_000
const GROWTH = 8
/** A page that takes longer, in milliseconds, is followed by a smaller one. */
const SLOW_MS = 1000

/** How many entries to ask for, by what came before. */
export class PageSize {
  #entries = FIRST
  #growth = GROWTH

  get entries(): number {
    return this.#entries
  }

  /** What was asked for has come. */
  learn({ received, bytes, ms, wereTooLarge }: Part): void {
    if (received === 0) return
    if (wereTooLarge) {
      this.#entries = received
      this.#growth = 2
      return
    }
    const fit = Math.floor((PAGE_BYTES * received) / bytes)
    const most = ms > SLOW_MS ? Math.ceil(received / 2) : Math.min(this.#entries * this.#growth, MOST)
    this.#entries = Math.max(1, Math.min(fit, most))
  }
}
