/** Most slots a time line has; one more, and every two become one. */
const MAX_SLOTS = 120
const FIRST_SLOT_MS = 10

/** How many operations ended when, and the slowest of them, in slots that widen with the time. */
export class Timeline {
  #slotMs = FIRST_SLOT_MS
  #operations: number[] = []
  #maxNs: number[] = []

  /** Counts an operation that ended `atMs` after the start and took `ns`. */
  record(atMs: number, ns: number): void {
    let index: number
    while ((index = Math.floor(Math.max(0, atMs) / this.#slotMs)) >= MAX_SLOTS) {
      this.#slotMs *= 2
      this.#operations = inPairs(this.#operations, (a, b) => a + b)
      this.#maxNs = inPairs(this.#maxNs, Math.max)
    }
    for (let at = this.#operations.length; at <= index; at++) this.#operations[at] = this.#maxNs[at] = 0
    this.#operations[index]! += 1
    this.#maxNs[index] = Math.max(this.#maxNs[index]!, Math.round(ns))
  }

  /** Width of a slot in milliseconds, operations that ended in each, and the slowest in nanoseconds. */
  report(): { slot_ms: number; operations: number[]; max_ns: number[] } {
    return { slot_ms: this.#slotMs, operations: this.#operations, max_ns: this.#maxNs }
  }
}

/** Makes one number of every two; none of either is less than 0. */
function inPairs(numbers: readonly number[], merge: (a: number, b: number) => number): number[] {
  return numbers.filter((_, at) => at % 2 === 0).map((number, at) => merge(number, numbers[2 * at + 1] ?? 0))
}
