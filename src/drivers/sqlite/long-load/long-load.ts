import { dirname } from 'node:path'
import { type Block, blockBytes } from '../../../blocks/block.ts'
import { interrupted } from '../../../errors.ts'
import type { Clock } from '../../../store/driver/driver.ts'
import type { LongLoad, LongLoadOptions, StoreCollectedOptions } from '../../../store/driver/load.ts'
import { Connection } from '../file/connection.ts'
import { createFilled, makeFolderOf } from '../file/create.ts'
import type { StoreFile } from '../file/store-file.ts'
import { type Loaded, blockLoader } from '../write/bulk-insert.ts'
import { Transaction } from '../write/transaction.ts'
import type { Writer } from '../write/writer.ts'
import { DiskAhead } from './disk-ahead.ts'
import { mergedBlocks } from './merged-blocks.ts'
import { RunFile } from './run-file.ts'

/**
 * Bytes of keys and values that a load brings to a store that is there before the rest is collected: less is stored nearly
 * as quickly as it comes, and others, who wait for a commit, wait for less.
 */
const LOADED_BYTES = 64 << 20

/** The files that a long load works on. */
export interface LongLoadPlace {
  readonly file: StoreFile
  readonly writer: Writer
  readonly now: Clock
}

/**
 * Begins a long load where one is worth it: into a store that is made by it, or far into a load. Into one with a bound none
 * is, since what stays there depends on the order of the entries, nor where no file can be put beside the store. Throws what a write throws.
 */
export function beginLongLoad(place: LongLoadPlace, options: LongLoadOptions): LongLoad | undefined {
  const { file } = place
  const isNew = file.isAbsent()
  const isBounded = isNew ? file.options.maxEntries !== undefined : file.read(({ isBounded: it }) => it) === true
  if (isBounded || (!isNew && options.loadedBytes < LOADED_BYTES)) return undefined
  try {
    if (isNew && file.options.makeFolder) makeFolderOf(file.path)
    return new SqliteLongLoad(place, options, new RunFile(dirname(file.path)))
  } catch (error) {
    // While others keep a store open, it can be written in a folder where no file can be made.
    if (!isNew && NO_FILES.has((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw file.translateError(error)
  }
}

/** What the file system says where no file can be made. */
const NO_FILES = new Set(['EACCES', 'EPERM', 'EROFS'])

/**
 * Sorts blocks in a temporary file, and merges them into the tree in key order, so that each page of it is written once. A new
 * store is built beside its place without a log, and named once it is whole.
 */
class SqliteLongLoad implements LongLoad {
  readonly #place: LongLoadPlace
  readonly #ifAbsent: boolean
  readonly #onExisting: LongLoadOptions['onExisting']
  readonly #runs: RunFile
  /** Whether nobody has written to the store since this began. */
  readonly #isAlone: (() => boolean) | undefined

  constructor(place: LongLoadPlace, { ifAbsent = false, onExisting }: LongLoadOptions, runs: RunFile) {
    this.#place = place
    this.#runs = runs
    this.#ifAbsent = ifAbsent
    this.#onExisting = onExisting
    this.#isAlone = place.file.unchangedSince()
  }

  get isFull(): boolean {
    return this.#runs.isFull
  }

  add(block: Block): void {
    this.#translating(() => this.#runs.add(block))
  }

  async store(options: StoreCollectedOptions = {}): Promise<number> {
    const { file, writer } = this.#place
    try {
      const built = file.isAbsent() && writer.isIdle ? await this.#build(options) : undefined
      const { revision, existing } = built ?? (await this.#merge(options))
      if (this.#ifAbsent) this.#onExisting?.(existing)
      return revision
    } catch (error) {
      throw file.translateError(error)
    } finally {
      this.drop()
    }
  }

  drop(): void {
    this.#runs.close()
  }

  /** Makes the store; `undefined` when another process was quicker. The disk writes while more is inserted. */
  #build(options: StoreCollectedOptions): Promise<Loaded | undefined> {
    const { file, now } = this.#place
    return createFilled(file.path, file.options, async (temporary) => {
      const connection = new Connection(temporary, file.options)
      const disk = new DiskAhead(temporary)
      try {
        connection.exec('pragma synchronous = off; pragma journal_mode = off; begin immediate')
        const transaction = new Transaction(connection, now())
        const loaded = await this.#fill(transaction, options, (block) => disk.wrote(blockBytes(block)))
        transaction.finish()
        connection.exec('commit')
        await disk.finish()
        return loaded
      } finally {
        await disk.end()
        connection.close()
      }
    })
  }

  /** Merges everything into the store that is there. */
  #merge(options: StoreCollectedOptions): Promise<Loaded> {
    const { writer } = this.#place
    if (options.atomic !== true && this.#isAlone?.() !== true) return this.#mergeInParts(options)
    return writer.writeLong((transaction) => this.#fill(transaction, options), options.signal)
  }

  /** A commit for each block, so that others, who write to the store too, never wait for all of it. */
  async #mergeInParts(options: StoreCollectedOptions): Promise<Loaded> {
    const { now, writer } = this.#place
    let [revision, stored] = [0, 0]
    const existing = await this.#each(options, async (block) => {
      const loaded = await writer.write((transaction) => {
        const left = blockLoader(transaction, this.#ifAbsent)(block, now())
        return { revision: transaction.revision, existing: left }
      }, options.signal)
      revision = loaded.revision
      options.onProgress?.((stored += block.count))
      return loaded.existing
    })
    return { revision, existing }
  }

  /** Puts everything into a store. `after` is called after each block. */
  async #fill(
    transaction: Transaction,
    options: StoreCollectedOptions,
    after?: (block: Block) => void,
  ): Promise<Loaded> {
    const load = blockLoader(transaction, this.#ifAbsent)
    const existing = await this.#each(options, (block) => {
      const left = load(block, this.#place.now())
      after?.(block)
      return left
    })
    return { revision: transaction.revision, existing }
  }

  /** Runs a step with each merged block; returns the sum of what the steps return. */
  async #each(
    { onWritten, signal }: StoreCollectedOptions,
    step: (block: Block) => number | Promise<number>,
  ): Promise<number> {
    let [sum, written] = [0, 0]
    for await (const block of mergedBlocks(this.#runs, this.#ifAbsent)) {
      if (signal?.aborted) throw interrupted(signal)
      sum += await step(block)
      onWritten?.((written += block.count))
    }
    return sum
  }

  #translating<T>(step: () => T): T {
    try {
      return step()
    } catch (error) {
      throw this.#place.file.translateError(error)
    }
  }
}
