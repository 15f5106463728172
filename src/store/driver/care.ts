/** Care of a store that is a file of this machine. */

/** How a copy is followed and stopped. */
export interface CopyOptions {
  /** Told how many bytes of how many were copied so far. */
  readonly onProgress?: ((bytes: number, total: number) => void) | undefined
  /** Ends it with `KV_INTERRUPTED`; what was there stays as it was. */
  readonly signal?: AbortSignal | undefined
}

/** How a backup is made. */
export interface BackupOptions extends CopyOptions {
  /** Whether a store that has the name is replaced. Default: false. */
  readonly force?: boolean | undefined
}

/** A store that was copied. */
export interface Copied {
  /** Bytes of the copy. */
  readonly bytes: number
  /** The newest revision in it; 0 where the file does not tell. */
  readonly revision: number
}

/** How a store is restored. */
export interface RestoreOptions extends CopyOptions {
  /** Whether the store that was there is kept beside the new one. Default: true. */
  readonly keep?: boolean | undefined
}

/** A store that was restored. */
export interface Restored extends Copied {
  /** Entries in it, all of which were checked. */
  readonly entries: number
  /** Where the store that was there is kept. */
  readonly kept?: string | undefined
}

/** A store before and after it was compacted. */
export interface Compacted {
  /** Bytes of its file, with its log. */
  readonly bytesBefore: number
  readonly bytes: number
  /** Version of its file format. */
  readonly formatBefore: number
  readonly format: number
}

/** What was saved of a damaged store. */
export interface Salvaged {
  readonly entries: number
  /** Entries that are known to have been there and could not be read whole. */
  readonly lost: number
  /** Keys of those, as far as they can be read; at most 1000. */
  readonly lostKeys: readonly Uint8Array[]
  /** Pages of the file that are gone without a trace of how many entries they held: not in `lost`. */
  readonly unknownPages: number
}

/** What a driver offers whose store is a file of this machine. */
export interface Care {
  /**
   * Copies the store as it is at one moment, while others write, into a file that is a store of its own: whole and on
   * disk before it has its name. Throws `KV_USAGE` where the name is taken, unless by a store and with `force`;
   * `KV_FOREIGN` for a file that is no store; `KV_UNAVAILABLE` when there is no store, or one in use has the name.
   */
  backup(to: string, options?: BackupOptions): Promise<Copied>
  /**
   * Puts a copy of the store in the file `from` in the place of this one, which may be missing or damaged, once all of it is
   * checked. Other writers wait meanwhile; processes that have the store open go on with the new one. Throws `KV_CORRUPT`
   * and the like for a file that is no healthy store, and `KV_FOREIGN` when no store is in its place.
   */
  restore(from: string, options?: RestoreOptions): Promise<Restored>
  /**
   * Writes the store anew, with its entries in key order and no unused space. Other writers wait meanwhile; processes that have the
   * store open go on with the new file. With a signal it works in a process of its own,
   * so that the event loop goes on, and the signal ends it. Throws `KV_UNAVAILABLE` when there is no store, and as a write does.
   */
  compact(options?: Pick<CopyOptions, 'signal'>): Promise<Compacted>
  /**
   * Writes every entry that can be read whole into a new store, page by page, however damaged the file is, and leaves it as it is.
   * What was written while it is read may be missing: for a store that nobody writes. Throws as `backup` does, and
   * `KV_CORRUPT` when no entry can be read.
   */
  salvage(to: string, options?: BackupOptions): Promise<Salvaged>
}
