import { fnv64, hexadecimal } from '../random/fnv.ts'
import { Random } from '../random/random.ts'
import { type Awaitable, KEY_PREFIX, type KeyValue, type Target } from '../targets/target.ts'

/** Entries in one batch of a batch operation, where that many fit. */
export const BATCH = 1000

/** What may be in batches under way at once: bytes of values, and entries. */
const MAX_BATCH_BYTES = 64 * 2 ** 20
const MAX_BATCH_ENTRIES = 200_000

/** Entries in one batch: {@link BATCH}, or fewer where values are so long, or batches so many, that memory is short. */
export function batchEntries(valueBytes: number, concurrency: number): number {
  const fit = Math.min(MAX_BATCH_ENTRIES, MAX_BATCH_BYTES / Math.max(1, valueBytes)) / concurrency
  return Math.max(1, Math.min(BATCH, Math.floor(fit)))
}

/** One operation, ready to run. */
export interface Operation {
  /** As the report names it: operations of one name are counted together. */
  readonly name: string
  /** Entries it reads or writes; without it, its result is the number of them. */
  readonly entries?: number
  /** Whether `undefined` as its result is a key that should have been there. */
  readonly finds?: boolean
  run(target: Target): Awaitable<unknown>
  /** Called when it has succeeded. */
  done?(): void
}

/** Draws operations; `undefined` when there are no more. */
export type Operations = () => Operation | undefined

/** What operations are made from. */
export interface WorkloadOptions {
  /** Records that are there before the first step. */
  readonly records: number
  readonly valueBytes: number
  /** Entries in one batch, see {@link batchEntries}. */
  readonly batch: number
  readonly seed: number
}

/** One part of a workload, measured by itself. */
export interface Step {
  readonly name: string
  /** What a target must have to run it. */
  readonly needs?: readonly ('del' | 'range' | 'scan' | 'count')[]
  /** Whether operations use up what is there, so that none may be spent on a warm-up. */
  readonly usesUp?: boolean
  /** How many operations it has, where it has an end: it is run to that, unless the user says how long. */
  total?(options: WorkloadOptions): number
  operations(options: WorkloadOptions): Operations
}

/** Steps that are run one after the other on the same store. */
export interface Workload {
  readonly name: string
  /** One line for the help text. */
  readonly summary: string
  /** Records and bytes of a value when the user does not say. */
  readonly records: number
  readonly valueBytes: number
  /** The key of a record. */
  key(record: number): Buffer
  /** Whether records are stored before the first step. */
  readonly preload: boolean
  /** Operations under way at once at most; without it, as many as the user likes. */
  readonly maxConcurrency?: number
  readonly steps: readonly Step[]
}

/** Keys that come in random order when records are counted up: `kv-bench:` and 16 hexadecimal digits. */
export function hashedKey(record: number): Buffer {
  return Buffer.from(KEY_PREFIX + hexadecimal(fnv64(record)), 'latin1')
}

/** Keys in ascending order when records are counted up: `kv-bench:` and 16 decimal digits. */
export function orderedKey(record: number): Buffer {
  return Buffer.from(KEY_PREFIX + String(record).padStart(16, '0'), 'latin1')
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/**
 * Draws values of random letters and digits: six random bits in each byte, so that an engine that packs
 * its data gains a quarter and no more. They are pieces of one pool, and must not be changed.
 */
export function valuesOf({ seed, valueBytes }: WorkloadOptions): () => Buffer {
  const random = new Random(seed, 1)
  const pool = Buffer.alloc(valueBytes + 65_536)
  for (let i = 0; i < pool.length; i++) pool[i] = LETTERS.charCodeAt(random.uint32() >>> 26)
  return () => {
    const start = random.below(65_536)
    return pool.subarray(start, start + valueBytes)
  }
}

/** All records in batches, counted up, with keys made by `key`. */
export function* batchesOf(
  key: (record: number) => Buffer,
  options: WorkloadOptions,
): Generator<KeyValue[], undefined, void> {
  const { records, batch } = options
  const nextValue = valuesOf(options)
  for (let from = 0; from < records; from += batch) {
    const size = Math.min(batch, records - from)
    yield Array.from({ length: size }, (_, i) => ({ key: key(from + i), value: nextValue() }))
  }
}
