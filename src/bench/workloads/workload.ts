import { fnv64, hexadecimal } from '../random/fnv.ts'
import { Random } from '../random/random.ts'
import { type Awaitable, KEY_PREFIX, type KeyValue, type Target } from '../targets/target.ts'

/** Entries in one batch of a batch operation, where that many fit. */
export const BATCH = 1000

/** What may be in batches under way at once: bytes of values, and entries. */
const MAX_BATCH_BYTES = 64 * 2 ** 20
const MAX_BATCH_ENTRIES = 200_000

/**
 * Entries in one batch: {@link BATCH}, or as many fewer as long values or many batches at once need to fit in memory.
 */
export function batchEntries(valueBytes: number, concurrency: number): number {
  const fit = Math.min(MAX_BATCH_ENTRIES, MAX_BATCH_BYTES / Math.max(1, valueBytes)) / concurrency
  return Math.max(1, Math.min(BATCH, Math.floor(fit)))
}

/** One operation, ready to run. */
export interface Operation {
  /** As the report names it: operations of one name are counted together. */
  readonly name: string
  /** Entries it reads or writes; `undefined`: its result is the number of them. */
  readonly entries: number | undefined
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
  readonly needs: readonly ('del' | 'range' | 'scan' | 'count')[]
  /** Whether operations use up what is there, so that none may be spent on a warm-up. */
  readonly usesUp?: boolean
  /**
   * Of a step that has a natural end: how many operations it has; it is then run to its end, unless the user says how
   * long.
   */
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
 * Values of random letters and digits: six random bits in each byte, so that an engine that packs
 * its data gains a quarter and no more. They are pieces of one pool, and must not be changed.
 */
export class Values {
  readonly #pool: Buffer
  readonly #random: Random
  readonly #bytes: number

  constructor({ seed, valueBytes }: WorkloadOptions) {
    this.#random = new Random(seed, 1)
    this.#bytes = valueBytes
    this.#pool = Buffer.alloc(valueBytes + 65_536)
    for (let i = 0; i < this.#pool.length; i++) this.#pool[i] = LETTERS.charCodeAt(this.#random.uint32() >>> 26)
  }

  /** The next value. */
  next(): Buffer {
    const start = this.#random.below(65_536)
    return this.#pool.subarray(start, start + this.#bytes)
  }
}

/** The records of a workload in batches, as they are stored before the first step. */
export function* preloadBatches(
  workload: Pick<Workload, 'key'>,
  options: WorkloadOptions,
): Generator<KeyValue[], void, void> {
  const values = new Values(options)
  for (let from = 0; from < options.records; from += options.batch) {
    const size = Math.min(options.batch, options.records - from)
    yield Array.from({ length: size }, (_, i) => ({ key: workload.key(from + i), value: values.next() }))
  }
}
