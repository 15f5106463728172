import type { Block } from '../../blocks/block.ts'

/** How blocks are loaded. */
export interface DriverLoadOptions {
  readonly signal?: AbortSignal | undefined
  /** All or nothing. If false, an engine with limited batches may store parts, in order. Default: true. */
  readonly atomic?: boolean | undefined
  /**
   * Puts only what is not there: of several entries of one key the first, unless a delete comes before. Throws
   * `KV_NOT_SUPPORTED` where an engine cannot do that, or not all at once.
   */
  readonly ifAbsent?: boolean | undefined
  /** Told once before a load with `ifAbsent` settles, how many puts were left because their key was there. */
  readonly onExisting?: ((entries: number) => void) | undefined
}

/** What decides whether blocks are worth collecting. */
export interface LongLoadOptions extends Pick<DriverLoadOptions, 'ifAbsent' | 'onExisting'> {
  /** Bytes of keys and values that the load has brought so far. */
  readonly loadedBytes: number
}

/** How what was collected is stored. */
export interface StoreCollectedOptions {
  /** All or nothing, whoever else writes. Default: false. */
  readonly atomic?: boolean | undefined
  /** Aborted: nothing more is stored, and `KV_INTERRUPTED` thrown. */
  readonly signal?: AbortSignal | undefined
  /** Told now and then, also before they are there for others, how many of the entries are written. */
  readonly onWritten?: ((entries: number) => void) | undefined
  /** Told how many are stored for certain, where they are stored in parts. */
  readonly onProgress?: ((entries: number) => void) | undefined
}

/**
 * A load of more than fits in memory: its blocks are put aside, and then stored in key order. Until then the store is as it
 * was, also when the process is killed. Ended by `store` or by `drop`, once.
 */
export interface LongLoad {
  /** Puts the entries of a block aside; it is used up then. Throws what a write throws, such as `KV_DISK_FULL`. */
  add(block: Block): void
  /** Whether there is no room to put much more aside. */
  readonly isFull: boolean
  /**
   * Stores all entries, of those with equal keys the last, or with `ifAbsent` what is not there; settles to the newest
   * revision. In one commit, so that nothing was stored when it throws; but in parts where others write to the store, unless it
   * is `atomic`.
   */
  store(options?: StoreCollectedOptions): Promise<number>
  /** Forgets them. */
  drop(): void
}

/** How a part of a load that need not be atomic is stored. */
export interface LoadPartOptions {
  /** Puts only what is not there. */
  readonly ifAbsent: boolean
  readonly signal?: AbortSignal | undefined
}

/** A part of a load that was stored. */
export interface LoadedPart {
  readonly revision: number
  /** Puts that were left because their key was there. */
  readonly existing: number
}
