import { MAX_BYTES, MAX_CHANGES } from '../../kit/log-feed.ts'
import { RESUME_MS } from '../../kit/subscriptions.ts'

/** How long a change is kept however many follow, in milliseconds. */
const GRACE_MS = 20_000

/** Changes kept at most for a living watch that is behind, and their bytes: after that it has a gap. */
const HELD_CHANGES = 10_000_000
const HELD_BYTES = 1_000_000_000

/** Where the log stood at a time. */
interface Mark {
  readonly time: number
  readonly at: number
  /** Bytes of all changes seen up to there. */
  readonly bytes: number
}

/** Decides how far a log is trimmed, by notes of where it ended at a time: all before could be read since then. */
export class Retention {
  #marks: Mark[] = []

  /** Where the newest mark stands. */
  get newest(): number {
    return this.#marks.at(-1)?.at ?? 0
  }

  /** Notes where the log stands, and how many bytes came since the mark before. */
  mark(time: number, at: number, newBytes: number): void {
    const last = this.#marks.at(-1)
    // What is newest could be read since the mark that is there.
    if (last?.at !== at) this.#marks.push({ time, at, bytes: (last?.bytes ?? 0) + newBytes })
  }

  /** The position up to which changes go; 0: none. Those after `needed` stay while the log is within larger bounds. */
  trimmable(now: number, needed: number = Infinity): number {
    const wanted = this.#newest(
      (age, changes, bytes) => age >= RESUME_MS || (age >= GRACE_MS && (changes >= MAX_CHANGES || bytes >= MAX_BYTES)),
      now,
    )
    const forced = this.#newest(
      (age, changes, bytes) => age >= GRACE_MS && (changes >= HELD_CHANGES || bytes >= HELD_BYTES),
      now,
    )
    const upTo = Math.max(Math.min(wanted, needed), forced)
    // Older marks have nothing more to say.
    this.#marks = this.#marks.filter(({ at }) => at >= upTo)
    return upTo
  }

  /** Where the newest mark stands of which that is true; it is given the mark's age, and how much came after it. */
  #newest(isOld: (age: number, changes: number, bytes: number) => boolean, now: number): number {
    const last = this.#marks.at(-1)!
    return this.#marks.findLast(({ time, at, bytes }) => isOld(now - time, last.at - at, last.bytes - bytes))?.at ?? 0
  }
}
