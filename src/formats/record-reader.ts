import type { BlockBuilder } from '../blocks/block-builder.ts'

/** A record of the input that was not accepted. */
export interface Refusal {
  /** 1-based number of the input's line that is at fault, or with which the record begins. */
  readonly line: number
  /** 1-based number of the record; blank lines and a CSV header do not count, refused records do. */
  readonly record: number
  /** Why, for people: `no value`, `invalid JSON at column 12` (columns are 1-based, in code points). */
  readonly reason: string
  /** What would have been right at that column (`':'`, `a value`), where a single thing can be named. */
  readonly expected: string | undefined
  /** Whether what follows cannot be told apart any more, so that nobody can skip it. */
  readonly isLast?: boolean
  /** Where the record's source begins in the buffer being parsed. Its bytes are still those of the input. */
  readonly start: number
  /** Where it ends (exclusive); the line ending does not belong to it. */
  readonly end: number
}

/** The reason and what was expected, for people. */
export function explain({ reason, expected }: Pick<Refusal, 'reason' | 'expected'>): string {
  return expected === undefined || expected === '' ? reason : `${reason}, expected ${expected}`
}

/** Thrown at the first record refused when nobody skips, or when what follows cannot be told apart any more. */
export class RecordRefused extends Error {
  override readonly name = 'RecordRefused'
  readonly refusal: Refusal

  constructor(refusal: Refusal) {
    super(refusal.reason)
    this.refusal = refusal
  }
}

/** What every parser of input needs to know. */
export interface ParserOptions {
  /** The longest key, in bytes. */
  readonly maxKeyBytes: number
  /** The longest value, in bytes. */
  readonly maxValueBytes: number
  /** The time, in milliseconds since 1970, to tell a `ttl` that is too long. Called once per record that has one. */
  readonly now: () => number
  /**
   * Told each refused record, after which parsing goes on; the range in the refusal is valid only
   * during the call. `undefined`: parsing stops at the first one.
   */
  readonly skip: ((refused: Refusal) => void) | undefined
}

/** A parser of one input, fed with one buffer after another. */
export interface RecordParser {
  /**
   * Parses the complete records of the first `length` bytes of `into.bytes` and adds them to
   * `into`. Returns how many bytes are done with; the caller hands in the rest again, at the start
   * of the next buffer, followed by more input. With `final` no more input follows, and all bytes
   * are done with. Strings are decoded in place, so the bytes done with are no longer the input's.
   *
   * Throws {@link RecordRefused}; the records before the refused one are in `into` then, and this
   * parser must not be used again.
   */
  parse(into: BlockBuilder, length: number, final: boolean): number
}
