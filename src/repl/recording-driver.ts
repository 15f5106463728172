import { KvError } from '../errors.ts'
import { type Block, type Blocks, blockOps } from '../store/block.ts'
import type { Condition, Driver, Entry, JsonLinesOptions, Op, PutResult, RangeQuery } from '../store/driver.ts'
import { UNDO_BYTES, UNDO_KEYS, type UndoLog } from './undo.ts'

/** A driver that tells an {@link UndoLog} what every write changes; everything else goes straight through. */
export class RecordingDriver implements Driver {
  readonly #inner: Driver
  readonly #log: UndoLog
  readonly name: string
  readonly limits: Driver['limits']
  readonly supports: Driver['supports']
  readonly load?: (blocks: Blocks, signal?: AbortSignal) => Promise<number>
  readonly watch?: NonNullable<Driver['watch']>
  readonly jsonLines?: (query: RangeQuery, options?: JsonLinesOptions) => AsyncIterable<Uint8Array | Entry[]> | undefined

  constructor(inner: Driver, log: UndoLog) {
    this.#inner = inner
    this.#log = log
    this.name = inner.name
    this.limits = inner.limits
    this.supports = inner.supports
    if (inner.load !== undefined) this.load = (blocks, signal) => this.#load(blocks, signal)
    if (inner.watch !== undefined) this.watch = (query, signal) => inner.watch!(query, signal)
    if (inner.jsonLines !== undefined) this.jsonLines = (query, options) => inner.jsonLines!(query, options)
  }

  get: Driver['get'] = (key) => this.#inner.get(key)
  getEntry: Driver['getEntry'] = (key) => this.#inner.getEntry(key)
  getMany: Driver['getMany'] = (keys, maxBytes) => this.#inner.getMany(keys, maxBytes)
  range: Driver['range'] = (query) => this.#inner.range(query)
  count: Driver['count'] = (query, signal) => this.#inner.count(query, signal)
  stat: Driver['stat'] = () => this.#inner.stat()
  check: Driver['check'] = (options) => this.#inner.check(options)
  close: Driver['close'] = () => this.#inner.close()

  async put(key: Uint8Array, value: Uint8Array, expires: number | undefined, condition: Condition | undefined, signal?: AbortSignal): Promise<PutResult> {
    const [before] = await this.#before([key])
    const result = await this.#inner.put(key, value, expires, condition, signal)
    if (result.applied) this.#log.record(key, before, result.revision)
    return result
  }

  async del(key: Uint8Array, condition: Condition | undefined, signal?: AbortSignal): Promise<boolean> {
    const [before] = await this.#before([key])
    const applied = await this.#inner.del(key, condition, signal)
    if (applied) this.#log.record(key, before, undefined)
    return applied
  }

  async batch(ops: readonly Op[], signal?: AbortSignal): Promise<number> {
    const before = await this.#before(ops.map(({ key }) => key))
    const revision = await this.#inner.batch(ops, signal)
    ops.forEach(({ key, type }, i) => this.#log.record(key, before[i], type === 'put' ? revision : undefined))
    return revision
  }

  async delRange(query: RangeQuery, signal?: AbortSignal): Promise<number> {
    const before: Entry[] = []
    if (!this.#log.closed) {
      let bytes = 0
      for await (const page of this.#inner.range({ ...query, limit: UNDO_KEYS + 1, keysOnly: false, reverse: false })) {
        before.push(...page)
        bytes += page.reduce((sum, { key, value }) => sum + key.length + value.length, 0)
        if (before.length > UNDO_KEYS || bytes > UNDO_BYTES) {
          this.#log.overflow()
          before.length = 0
          break
        }
      }
    }
    const count = await this.#inner.delRange(query, signal)
    for (const entry of before) this.#log.record(entry.key, entry, undefined)
    return count
  }

  async #load(blocks: Blocks, signal?: AbortSignal): Promise<number> {
    const seen: { key: Uint8Array; before: Entry | undefined }[] = []
    const look = async (block: Block): Promise<void> => {
      if (this.#log.closed) return
      if (seen.length + block.count > UNDO_KEYS) return this.#log.overflow()
      const keys = [...blockOps(block)].map(({ key }) => new Uint8Array(key))
      const before = await this.#before(keys)
      keys.forEach((key, i) => seen.push({ key, before: before[i] }))
    }
    // The driver tells blocks that are all there from blocks that are still to come.
    if (Symbol.iterator in blocks) for (const block of blocks) await look(block)
    const revision = await this.#inner.load!(Symbol.iterator in blocks ? blocks : looked(blocks, look), signal)
    for (const { key, before } of seen) this.#log.record(key, before, revision)
    return revision
  }

  async #before(keys: readonly Uint8Array[]): Promise<(Entry | undefined)[]> {
    if (this.#log.closed || keys.length === 0) return []
    try {
      if (keys.length <= UNDO_KEYS) return await this.#inner.getMany(keys, UNDO_BYTES)
    } catch (error) {
      if (!(error instanceof KvError && error.code === 'KV_TOO_LARGE')) throw error
    }
    this.#log.overflow()
    return []
  }
}

async function* looked(blocks: AsyncIterable<Block>, look: (block: Block) => Promise<void>): AsyncGenerator<Block, void, void> {
  for await (const block of blocks) {
    await look(block)
    yield block
  }
}
