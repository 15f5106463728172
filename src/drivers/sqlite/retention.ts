/** Changes kept at most, and their bytes; what is beyond goes once it has been there for {@link GRACE_MS}. */
const MAX_CHANGES = 100_000
const MAX_BYTES = 64_000_000

/** How long a change can be read, in milliseconds: the time in which a watch can be resumed. */
export const RESUME_MS = 60_000

/** How long a change can be read however many follow: a watch that is no slower than that has no gap. */
const GRACE_MS = 20_000

/** Where the log stood at a time. */
interface Mark {
  readonly time: number
  readonly at: number
  /** Bytes of all changes seen up to there. */
  readonly bytes: number
}

/**
 * Decides how far a log is trimmed. It notes now and then where the log stands; what stood there at a
 * time could be read since then, whenever the transaction that wrote it had begun.
 */
export class Retention {
  #marks: Mark[] = []

  /** Where the newest mark stands. */
  get newest(): number {
    return this.#marks.at(-1)?.at ?? 0
  }

  /** Notes where the log stands, and how many bytes came since the mark before. */
  mark(time: number, at: number, newBytes: number): void {
    this.#marks.push({ time, at, bytes: (this.#marks.at(-1)?.bytes ?? 0) + newBytes })
  }

  /** The position up to which changes are to go; 0 for none. */
  trimmable(now: number): number {
    const last = this.#marks.at(-1)
    const old = this.#marks.findLast(({ time, at, bytes }) => {
      const age = now - time
      return age >= RESUME_MS || (age >= GRACE_MS && (last!.at - at >= MAX_CHANGES || last!.bytes - bytes >= MAX_BYTES))
    })
    // Older marks have nothing more to say.
    if (old !== undefined) this.#marks = this.#marks.filter(({ time }) => time >= old.time)
    return old?.at ?? 0
  }
}
