import type { BlockBuilder, Made } from '../blocks/block-builder.ts'
import type { Mapping } from './mapping.ts'
import type { Path } from './path.ts'

/** The fields of a record, in JSON and as columns. {@link JsonRecordReader} counts on their order. */
export const FIELDS: readonly string[] = 'key value key_base64 value_base64 key_hex value_hex ttl expires'.split(' ')

/** A record of the input that is not accepted. */
export interface BadRecord {
  /** 1-based number of the input's line that is at fault, or with which the record begins. */
  readonly line: number
  /** 1-based number of the record; blank lines and a CSV header do not count, bad records do. */
  readonly record: number
  /** Why, for people: `no value`, `invalid JSON at column 12` (columns are 1-based, in code points). */
  readonly reason: string
  /** What would have been right at that column (`':'`, `a value`), where a single thing can be named. */
  readonly expected?: string | undefined
  /** What can be done about it, for people, where more is known than the reason: `perhaps --key id`. */
  readonly hint?: string | undefined
  /** Whether nobody can tell where the next record begins, so that this one cannot be skipped. */
  readonly isLast?: boolean
  /** Where the record's source begins in the buffer being parsed. Its bytes are still those of the input. */
  readonly start: number
  /** Where it ends (exclusive); the line ending does not belong to it. */
  readonly end: number
}

/** The reason and what was expected, for people. */
export function explain({ reason, expected }: Pick<BadRecord, 'reason' | 'expected'>): string {
  return expected === undefined || expected === '' ? reason : `${reason}, expected ${expected}`
}

/** Thrown at the first bad record where they are not skipped, and at one that cannot be. */
export class BadRecordError extends Error {
  override readonly name = 'BadRecordError'
  readonly badRecord: BadRecord

  constructor(badRecord: BadRecord) {
    super(badRecord.reason)
    this.badRecord = badRecord
  }
}

/** How CSV is written, where that is not the usual way. */
export interface Delimiters {
  /** The byte between fields. Default: that of the format. */
  readonly delimiter?: number | undefined
  /** The byte around fields; -1: no field is quoted. Default: that of the format. */
  readonly quote?: number | undefined
}

/** What every parser of input needs to know. */
export interface ParserOptions extends Delimiters {
  /** How entries are made of the records. Default: the records have the fields of an entry. */
  readonly mapping?: Mapping | undefined
  /** Where in a JSON document the records are. Default: the document holds them. */
  readonly at?: Path | undefined
  /** Names of the columns of CSV or TSV without a header; empty: they are numbered. Default: there is a header. */
  readonly columns?: readonly string[] | undefined
  /** Whether lines end in a NUL instead of a line feed. */
  readonly nul?: boolean | undefined
  /** The longest key, in bytes. */
  readonly maxKeyBytes: number
  /** The longest value, in bytes. */
  readonly maxValueBytes: number
  /** The longest key and value together, in bytes. Default: no limit. */
  readonly maxEntryBytes?: number | undefined
  /** The time, in milliseconds since 1970, to tell a `ttl` that is too long. Called once per record that has one. */
  readonly now: () => number
  /**
   * Called with each bad record, after which parsing goes on; the range of its source is valid only during the call.
   * `undefined`: parsing stops at the first one.
   */
  readonly skip: ((bad: BadRecord) => void) | undefined
}

/** Skips a bad record; throws {@link BadRecordError} where that is not wanted, or not possible. */
export function reject(bad: BadRecord, { skip }: Pick<ParserOptions, 'skip'>): void {
  if (skip === undefined || bad.isLast === true) throw new BadRecordError(bad)
  skip(bad)
}

/** Why a key and a value of these lengths are no entry, if they are none. */
export function lengthFault(
  keyLength: number,
  valueLength: number,
  {
    maxKeyBytes,
    maxValueBytes,
    maxEntryBytes = Infinity,
  }: Pick<ParserOptions, 'maxKeyBytes' | 'maxValueBytes' | 'maxEntryBytes'>,
): string | undefined {
  if (keyLength === 0) return 'key is empty'
  if (keyLength > maxKeyBytes) return `key is longer than ${maxKeyBytes} bytes`
  if (valueLength > maxValueBytes) return `value is longer than ${maxValueBytes} bytes`
  return keyLength + valueLength > maxEntryBytes ? `key and value are longer than ${maxEntryBytes} bytes` : undefined
}

/** Bytes of a record whose end is not there yet after which its beginning is checked. */
export const EARLY_CHECK_BYTES = 1 << 16

/**
 * Bytes of a bad record that are held until its end is there, where bad records are skipped; also of a record that has
 * not named its key. A buffer of twice a block is enough for it.
 */
export const MAX_SKIPPED_BYTES = 24 << 20

/** A parser of one input, fed with one buffer after another. */
export interface RecordParser {
  /** What of the entries it puts together in the arena of the builder; absent: nothing. */
  readonly makes?: Omit<Made, 'arena'> | undefined
  /**
   * Parses the complete records of the first `length` bytes of `into.bytes` and adds them to
   * `into`. Returns how many bytes are done with; the caller hands in the rest again, at the start
   * of the next buffer, followed by more input. With `final` no more input follows, and all bytes
   * are done with, unless `into` became full. Strings are decoded in place, so the bytes done with are no longer the
   * input's.
   *
   * Throws {@link BadRecordError}; the records before the bad one are in `into` then, and this
   * parser must not be used again.
   */
  parse(into: BlockBuilder, length: number, final: boolean): number
}
