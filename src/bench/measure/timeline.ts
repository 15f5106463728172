/** Most slots a time line has; one more, and every two become one. */
const MAX_SLOTS = 120
const FIRST_SLOT_MS = 10

/** What happened in one slot of time. */
interface Slot {
  operations: number
  maxNs: number
}

/** How many operations ended when, and the slowest of them, in slots that widen with the time. */
export class Timeline {
  #slotMs = FIRST_SLOT_MS
  #slots: Slot[] = []

  /** Counts an operation that ended `atMs` after the start and took `ns`. */
  record(atMs: number, ns: number): void {
    while (this.#indexOf(atMs) >= MAX_SLOTS) this.#widen()
    const index = this.#indexOf(atMs)
    while (this.#slots.length <= index) this.#slots.push({ operations: 0, maxNs: 0 })
    const slot = this.#slots[index]!
    slot.operations++
    slot.maxNs = Math.max(slot.maxNs, Math.round(ns))
  }

  /** Width of a slot in milliseconds, operations that ended in each, and the slowest in nanoseconds. */
  report(): { slot_ms: number; operations: number[]; max_ns: number[] } {
    return {
      slot_ms: this.#slotMs,
      operations: this.#slots.map((slot) => slot.operations),
      max_ns: this.#slots.map((slot) => slot.maxNs),
    }
  }

  #indexOf(atMs: number): number {
    return Math.floor(Math.max(0, atMs) / this.#slotMs)
  }

  #widen(): void {
    this.#slotMs *= 2
    const old = this.#slots
    this.#slots = old.filter((_, index) => index % 2 === 0)
    this.#slots.forEach((slot, index) => {
      const next = old[2 * index + 1]
      slot.operations += next?.operations ?? 0
      slot.maxNs = Math.max(slot.maxNs, next?.maxNs ?? 0)
    })
  }
}
