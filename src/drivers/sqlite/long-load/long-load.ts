import { dirname } from 'node:path'
import type { Block } from '../../../blocks/block.ts'
import { interrupted } from '../../../errors.ts'
import type { Clock } from '../../../store/driver/driver.ts'
import type { LongLoad, LongLoadOptions, StoreCollectedOptions } from '../../../store/driver/load.ts'
import { Connection } from '../file/connection.ts'
import { createFilled, makeFolderOf } from '../file/create.ts'
import type { StoreFile } from '../file/store-file.ts'
import { type Loaded, blockLoader } from '../write/bulk-insert.ts'
import { Transaction } from '../write/transaction.ts'
import type { Writer } from '../write/writer.ts'
import { mergedBlocks } from './merged-blocks.ts'
import { RunFile } from './run-file.ts'

/**
 * Bytes of keys and values that a load brings to a store that is there before the rest is collected: less is stored nearly
 * as quickly as it comes, and others, who wait for a commit, wait for less.
 */
const LOADED_BYTES = 128 << 20

/** The files that a long load works on. */
export interface LongLoadPlace {
  readonly file: StoreFile
  readonly writer: Writer
  readonly now: Clock
}

/**
 * Begins a long load where one is worth it: into a store that is made by it, or far into a load. Into one with a bound none
 * is, since what stays there depends on the order of the entries. Throws what a write throws.
 */
export function beginLongLoad(place: LongLoadPlace, options: LongLoadOptions): LongLoad | undefined {
  const { file } = place
  const isNew = file.isAbsent()
  const isBounded = isNew ? file.options.maxEntries !== undefined : file.read(({ isBounded: it }) => it) === true
  if (isBounded || (!isNew && options.loadedBytes < LOADED_BYTES)) return undefined
  return new SqliteLongLoad(place, options)
}

/**
 * Sorts blocks in a temporary file, and merges them into the tree in key order, so that each page of it is written once. A new
 * store is built beside its place without a log, and named once it is whole.
 */
class SqliteLongLoad implements LongLoad {
  readonly #place: LongLoadPlace
  readonly #ifAbsent: boolean
  readonly #onExisting: LongLoadOptions['onExisting']
  readonly #runs: RunFile

  constructor(place: LongLoadPlace, { ifAbsent = false, onExisting }: LongLoadOptions) {
    this.#place = place
    this.#ifAbsent = ifAbsent
    this.#onExisting = onExisting
    this.#runs = this.#translating(() => {
      const { path, options } = place.file
      if (options.makeFolder) makeFolderOf(path)
      return new RunFile(dirname(path))
    })
  }

  add(block: Block): void {
    this.#translating(() => this.#runs.add(block))
  }

  async store(options: StoreCollectedOptions = {}): Promise<number> {
    const { file, writer } = this.#place
    try {
      const built = file.isAbsent() && writer.isIdle ? await this.#build(options) : undefined
      const { revision, existing } =
        built ?? (await writer.writeLong((transaction) => this.#fill(transaction, options), options.signal))
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

  /** Makes the store; `undefined` when another process was quicker. */
  #build(options: StoreCollectedOptions): Promise<Loaded | undefined> {
    const { file, now } = this.#place
    return createFilled(file.path, file.options, async (temporary) => {
      const connection = new Connection(temporary, file.options)
      try {
        connection.exec('pragma synchronous = off; pragma journal_mode = off; begin immediate')
        const transaction = new Transaction(connection, now())
        const loaded = await this.#fill(transaction, options)
        transaction.finish()
        connection.exec('commit')
        return loaded
      } finally {
        connection.close()
      }
    })
  }

  async #fill(transaction: Transaction, { onWritten, signal }: StoreCollectedOptions): Promise<Loaded> {
    const load = blockLoader(transaction, this.#ifAbsent)
    let existing = 0
    let written = 0
    for await (const block of mergedBlocks(this.#runs, this.#ifAbsent)) {
      if (signal?.aborted) throw interrupted(signal)
      existing += load(block, this.#place.now())
      onWritten?.((written += block.count))
    }
    return { revision: transaction.revision, existing }
  }

  #translating<T>(step: () => T): T {
    try {
      return step()
    } catch (error) {
      throw this.#place.file.translateError(error)
    }
  }
}
