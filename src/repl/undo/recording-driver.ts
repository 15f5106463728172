import { KvError, interrupted } from '../../errors.ts'
import { type Block, type Blocks, blockOps } from '../../blocks/block.ts'
import type {
  Abortable,
  DriverBatchOptions,
  DriverDelOptions,
  Driver,
  DriverPutOptions,
  RangeQuery,
} from '../../store/driver/driver.ts'
import type { DriverLoadOptions, LongLoad, LongLoadOptions } from '../../store/driver/load.ts'
import type { Entry, Op, PutResult } from '../../store/driver/entry.ts'
import type { History } from '../../store/driver/history.ts'
import { keyId } from '../../store/operations.ts'
import { UNDO_BYTES, UNDO_KEYS, type UndoLog } from './undo.ts'

/** Where a driver's writes go, seen from the session. */
export interface Place {
  /** Why what is written there cannot be undone; `undefined`: it can. Asked at every write. */
  refusal(): string | undefined
  /** Which file it is now. */
  identity(): string | undefined
}

/** A driver that tells an {@link UndoLog} what every write changes; everything else goes straight through. */
export function recordingDriver(driver: Driver, log: UndoLog, place: Place): Driver {
  const writes = new RecordedWrites(driver, log, place)
  return new Proxy(driver, {
    get(target, name) {
      // What writes past the log, and nobody needs here.
      if (name === 'updateLocked' || name === 'syncWrites' || name === 'loadPart') return undefined
      const value: unknown = Reflect.get(target, name)
      if (name === 'history' && target.history !== undefined) return writes.history(target.history)
      if (typeof value !== 'function') return value
      const owner = Object.hasOwn(RecordedWrites.prototype, name) ? writes : target
      return (Reflect.get(owner, name) as (...args: unknown[]) => unknown).bind(owner)
    },
  })
}

/** The methods of a driver that write. */
class RecordedWrites implements Pick<Driver, 'put' | 'del' | 'batch' | 'delRange' | 'load' | 'longLoad'> {
  readonly #inner: Driver
  readonly #log: UndoLog
  readonly #place: Place

  constructor(inner: Driver, log: UndoLog, place: Place) {
    this.#inner = inner
    this.#log = log
    this.#place = place
  }

  async put(key: Uint8Array, value: Uint8Array, options?: DriverPutOptions): Promise<PutResult> {
    const [before] = await this.#before([key], options)
    const result = await this.#writing(this.#inner.put(key, value, options), ({ applied }) => applied)
    if (result.applied) this.#log.record(key, before, result.revision)
    return result
  }

  async del(key: Uint8Array, options?: DriverDelOptions): Promise<boolean> {
    const [before] = await this.#before([key], options)
    const applied = await this.#writing(this.#inner.del(key, options), (it) => it)
    if (applied) this.#log.recordDelete(key, before)
    return applied
  }

  async batch(ops: readonly Op[], options?: DriverBatchOptions): Promise<number> {
    const before = await this.#before(
      ops.map(({ key }) => key),
      options,
    )
    const revision = await this.#writing(this.#inner.batch(ops, options), () => ops.length > 0)
    ops.forEach(({ key, type }, i) => this.#log.record(key, before[i], type === 'put' ? revision : undefined))
    return revision
  }

  async delRange(query: RangeQuery, options: Abortable = {}): Promise<number> {
    const before: Entry[] = []
    if (this.#records()) {
      let bytes = 0
      for await (const page of this.#inner.range(
        { ...query, limit: UNDO_KEYS + 1, keysOnly: false, reverse: false },
        options,
      )) {
        if (options.signal?.aborted) throw interrupted(options.signal, 'interrupted, nothing was deleted')
        before.push(...page)
        bytes += page.reduce((sum, { key, value }) => sum + key.length + value.length, 0)
        if (before.length > UNDO_KEYS || bytes > UNDO_BYTES) {
          this.#log.overflow()
          before.length = 0
          break
        }
      }
    }
    const count = await this.#writing(this.#inner.delRange(query, options), (deleted) => deleted > 0)
    for (const entry of before) this.#log.record(entry.key, entry, undefined)
    return count
  }

  async load(blocks: Blocks, options?: DriverLoadOptions): Promise<number> {
    let existing = 0
    const seen: { key: Uint8Array; isPut: boolean; before: Entry | undefined }[] = []
    const look = async (block: Block): Promise<void> => {
      if (!this.#records()) return
      if (seen.length + block.count > UNDO_KEYS) return this.#log.overflow()
      const ops = [...blockOps(block)].map(({ type, key }) => ({ isPut: type === 'put', key: new Uint8Array(key) }))
      const before = await this.#before(
        ops.map(({ key }) => key),
        options,
      )
      ops.forEach((op, i) => seen.push({ ...op, before: before[i] }))
    }
    // The driver tells blocks that are all there from blocks that are still to come.
    if (Symbol.iterator in blocks) for (const block of blocks) await look(block)
    const revision = await this.#writing(
      this.#inner.load!(Symbol.iterator in blocks ? blocks : looked(blocks, look), {
        ...options,
        onExisting: (entries) => {
          existing = entries
          options?.onExisting?.(entries)
        },
      }),
      () => true,
    )
    const isThere = new Map<string, boolean>()
    for (const { key, isPut, before } of seen) {
      const id = keyId(key)
      if (options?.ifAbsent === true && isPut && (isThere.get(id) ?? before !== undefined)) {
        existing--
        continue
      }
      isThere.set(id, isPut)
      this.#log.record(key, before, isPut ? revision : undefined)
    }
    if (seen.length > 0 && existing !== 0)
      this.#log.refuse('another process wrote the same keys meanwhile, and so this cannot be undone')
    return revision
  }

  /** None while what it writes can still be undone: `load` of each block tells the log what that was. */
  async longLoad(options: LongLoadOptions): Promise<LongLoad | undefined> {
    const long = this.#records() ? undefined : await this.#inner.longLoad?.(options)
    return (
      long && {
        add: (block) => long.add(block),
        get isFull() {
          return long.isFull
        },
        store: (how) => this.#writing(long.store(how), () => true),
        drop: () => long.drop(),
      }
    )
  }

  /** A history whose beginning and end are known to the log, as what `.undo` does not take back. */
  history(history: History): History {
    const noted = async <T>(change: Promise<T>): Promise<T> => {
      const result = await change
      this.#log.refuse(this.#place.refusal() ?? 'what became of a history of old values cannot be undone')
      this.#log.wrote(this.#place.identity())
      return result
    }
    return {
      on: (keep, options) => noted(history.on(keep, options)),
      off: (options) => noted(history.off(options)),
      status: (options) => history.status(options),
      versions: (key, options) => history.versions(key, options),
      at: (key, moment, options) => history.at(key, moment, options),
    }
  }

  /** Whether what is there before a write is wanted. */
  #records(): boolean {
    const refusal = this.#place.refusal()
    if (refusal !== undefined) this.#log.refuse(refusal)
    return !this.#log.closed
  }

  /** Notes that a write has been done, or may have been. */
  async #writing<T>(write: Promise<T>, isDone: (result: T) => boolean): Promise<T> {
    try {
      const result = await write
      if (isDone(result)) this.#log.wrote(this.#place.identity())
      return result
    } catch (error) {
      if (error instanceof KvError && error.code === 'KV_UNKNOWN_OUTCOME') {
        this.#log.refuse('it is not known whether this was done, and so it cannot be undone')
        this.#log.wrote(undefined)
      }
      throw error
    }
  }

  /** What the keys have now; nothing when that is more than {@link UNDO_BYTES}: such a command is not undone. */
  async #before(keys: readonly Uint8Array[], options?: Abortable): Promise<(Entry | undefined)[]> {
    if (!this.#records() || keys.length === 0) return []
    try {
      if (keys.length <= UNDO_KEYS)
        return await this.#inner.getMany(keys, { maxBytes: UNDO_BYTES, signal: options?.signal })
    } catch (error) {
      if (!(error instanceof KvError && error.code === 'KV_TOO_LARGE')) throw error
    }
    this.#log.overflow()
    return []
  }
}

async function* looked(
  blocks: AsyncIterable<Block>,
  look: (block: Block) => Promise<void>,
): AsyncGenerator<Block, void, void> {
  for await (const block of blocks) {
    await look(block)
    yield block
  }
}
