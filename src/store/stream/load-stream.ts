import { type Block, type Blocks, blockBytes, blockKey } from '../../blocks/block.ts'
import { monotonicMs } from '../../async.ts'
import { compareBytes } from '../../bytes.ts'
import type { Driver } from '../driver/driver.ts'
import type { DriverLoadOptions, LongLoad } from '../driver/load.ts'

/** Entries that are put aside, to be stored all at once: how many, and how many of them are written by now. */
export interface Collected {
  readonly entries: number
  readonly written: number
}

/** How a stream of blocks is collected. */
export interface CollectOptions extends DriverLoadOptions {
  /** All or nothing. Default: false. */
  readonly atomic?: boolean | undefined
  /** Told when entries are put aside, while they are written, and with `undefined` when none are put aside any more. */
  readonly onCollected?: ((collected: Collected | undefined) => void) | undefined
  /** Told how many entries of a block, or of what was put aside, are stored for certain, where these are stored in parts. */
  readonly onProgress?: ((entries: number) => void) | undefined
}

/** When blocks are collected. */
export interface CollectRule {
  /** Bytes of keys and values of a block, and entries, that tell of an input that comes quickly. */
  readonly bytes: number
  readonly entries: number
  /** For how long they are collected at most, in milliseconds. */
  readonly ms: number
}

/**
 * An input hands over what it has in half a second at the latest: a block that is full by then has come at 4 MB/s or more.
 * Sorting gains nothing where each page of the store has few entries. One
 * that comes quickly may yet never end.
 */
const RULE: CollectRule = { bytes: 2 << 20, entries: 4000, ms: 600_000 }

/** Where a stream of blocks is loaded. */
export interface StreamTarget {
  /** Stores a block. */
  load(block: Block): Promise<number>
  /** Stores all blocks at once, or none. */
  loadAll(blocks: Blocks): Promise<number>
  longLoad: Driver['longLoad']
  /** The newest revision. */
  revision(): Promise<number>
}

/**
 * Loads blocks as they come. Each is stored before the next is asked for, or, where the target has a way for long loads and they
 * come quickly and in no order, put aside, to be stored all at once when they end, pause or come slowly, or there is no room for more. When the source of the
 * blocks fails, all before is stored; unless that was because the signal was aborted, which only ends the load. Settles to the
 * newest revision.
 */
export async function loadStream(
  target: StreamTarget,
  blocks: Blocks,
  options: CollectOptions,
  rule: CollectRule = RULE,
): Promise<number> {
  if (options.atomic === true) return loadAtOnce(target, blocks, options)
  const stream = new LoadStream(target, options, rule)
  const source = Symbol.asyncIterator in blocks ? blocks[Symbol.asyncIterator]() : blocks[Symbol.iterator]()
  let isOver = false
  try {
    for (;;) {
      let result: IteratorResult<Block>
      try {
        result = await source.next()
      } catch (error) {
        isOver = true
        if (options.signal?.aborted !== true) await stream.end()
        throw error
      }
      if (result.done === true) {
        isOver = true
        return await stream.end()
      }
      await stream.take(result.value)
    }
  } finally {
    stream.drop()
    if (!isOver) await source.return?.()
  }
}

/** Puts all blocks aside and stores them in one commit, where the target has a way for that. */
async function loadAtOnce(target: StreamTarget, blocks: Blocks, options: CollectOptions): Promise<number> {
  const { ifAbsent, onExisting, onCollected, signal } = options
  const long = await target.longLoad?.({ ifAbsent, onExisting, loadedBytes: Infinity })
  if (long === undefined) return target.loadAll(blocks)
  let entries = 0
  try {
    for await (const block of blocks) {
      long.add(block)
      onCollected?.({ entries: (entries += block.count), written: 0 })
    }
  } catch (error) {
    long.drop()
    onCollected?.(undefined)
    throw error
  }
  const revision = await long.store({
    atomic: true,
    signal,
    onWritten: (written) => onCollected?.({ entries, written }),
  })
  onCollected?.(undefined)
  return revision
}

class LoadStream {
  readonly #target: StreamTarget
  readonly #options: CollectOptions
  readonly #rule: CollectRule
  #long: LongLoad | undefined
  #entries = 0
  /** Blocks that were collected, and how many of the last came slowly. */
  #collected = 0
  #slow = 0
  /** When the first of them came, in `monotonicMs` time. */
  #since = 0
  #loadedBytes = 0
  #lastKey: Uint8Array | undefined
  /** Whether each block so far lies behind the one before it. */
  #isAscending = true
  #revision: number | undefined

  constructor(target: StreamTarget, options: CollectOptions, rule: CollectRule) {
    this.#target = target
    this.#options = options
    this.#rule = rule
  }

  /** An empty block says that the source pauses: what is put aside is stored. */
  async take(block: Block): Promise<void> {
    if (block.count === 0) return this.#storeCollected()
    const bytes = blockBytes(block)
    const isQuick = bytes >= this.#rule.bytes && block.count >= this.#rule.entries
    this.#order(block)
    if (this.#long !== undefined) {
      // In order, they are stored as quickly as they come.
      if (this.#isAscending && this.#collected === 1) await this.#storeCollected()
      else return this.#collect(block, bytes, isQuick)
    } else if (isQuick && !(this.#isAscending && this.#loadedBytes > 0)) {
      const { ifAbsent, onExisting } = this.#options
      this.#long = await this.#target.longLoad?.({ ifAbsent, onExisting, loadedBytes: this.#loadedBytes })
      if (this.#long !== undefined) return this.#collect(block, bytes, isQuick)
    }
    this.#revision = await this.#target.load(block)
    this.#loadedBytes += bytes
  }

  /** Stores what is collected. Returns the newest revision. */
  async end(): Promise<number> {
    await this.#storeCollected()
    return this.#revision ?? this.#target.revision()
  }

  /** Forgets what is collected and not stored. */
  drop(): void {
    this.#long?.drop()
    this.#long = undefined
  }

  /** Puts a block aside; after two in a row that came slowly, or when it is time or there is no room, all of them are stored. */
  async #collect(block: Block, bytes: number, isQuick: boolean): Promise<void> {
    const long = this.#long!
    if (this.#collected === 0) this.#since = monotonicMs()
    long.add(block)
    this.#loadedBytes += bytes
    this.#entries += block.count
    this.#collected++
    this.#slow = isQuick ? 0 : this.#slow + 1
    this.#options.onCollected?.({ entries: this.#entries, written: 0 })
    const isTime = monotonicMs() - this.#since >= this.#rule.ms
    if (this.#slow >= 2 || isTime || long.isFull) await this.#storeCollected()
  }

  async #storeCollected(): Promise<void> {
    const long = this.#long
    if (long === undefined) return
    this.#long = undefined
    const { onCollected, onProgress, signal } = this.#options
    const entries = this.#entries
    const onWritten = (written: number): void => onCollected?.({ entries, written })
    this.#revision = await long.store({ signal, onWritten, onProgress })
    this.#entries = this.#collected = this.#slow = 0
    onCollected?.(undefined)
  }

  /** Notes whether the block lies behind those before it. */
  #order(block: Block): void {
    if (this.#lastKey !== undefined && compareBytes(blockKey(block, 0), this.#lastKey) <= 0) this.#isAscending = false
    this.#lastKey = blockKey(block, block.count - 1).slice()
  }
}
