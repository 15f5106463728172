import { type Blocks, asTheyCame, blockOps } from '../../blocks/block.ts'
import { compareBytes } from '../../bytes.ts'
import { interrupted } from '../../errors.ts'
import { withinBytes } from '../kit/byte-budget.ts'
import { LOCAL_LIMITS, LOCAL_SUPPORTS } from '../kit/local-limits.ts'
import { checkConditions, holdsFor } from '../../store/conditional.ts'
import { expiryOf } from '../../store/expiry.ts'
import { partsOf, usageOf } from '../../store/folders/add-up.ts'
import type {
  Abortable,
  Changes,
  CheckOptions,
  CheckReport,
  Clock,
  DriverBatchOptions,
  DriverDelOptions,
  Driver,
  GetManyOptions,
  DriverPutOptions,
  RangeQuery,
  Stat,
  WatchQuery,
} from '../../store/driver/driver.ts'
import type { DriverLoadOptions } from '../../store/driver/load.ts'
import type { SyncWrites } from '../../store/driver/sync-writes.ts'
import type { Usage, UsageProgress, UsageQuery } from '../../store/driver/usage.ts'
import type { Entry, Head, Op, PutResult } from '../../store/driver/entry.ts'
import { MemoryLog } from './change-log.ts'
import { WriteOrder } from './write-order.ts'
import { MemoryHistory } from './history.ts'
import { alive, copy, firstFrom } from './row.ts'

/** How many entries a page of a range holds. */
const PAGE = 1000

/**
 * The reference driver: one sorted array in memory, simple enough to be seen correct. Writes copy the array when a
 * range still reads it, so a range is a snapshot.
 */
export class MemoryDriver implements Driver {
  readonly name = 'memory'
  readonly limits = LOCAL_LIMITS
  readonly supports = { ...LOCAL_SUPPORTS, persistent: false, exclusiveLoad: false }
  readonly #now: Clock
  #rows: Entry[] = []
  #revision = 0
  /** Ranges that read `#rows` itself; with any, a write works on a copy. */
  #readers = 0
  readonly #log = new MemoryLog(this)
  /** Of a store with a bound. */
  readonly #order: WriteOrder | undefined
  readonly history: MemoryHistory

  /** @param maxEntries how many entries it has at most; the oldest go. Default: any number */
  readonly syncWrites: SyncWrites = {
    put: (key, value, { expires, ttl, condition } = {}) => {
      const old = this.#live(key)
      if (!holdsFor(condition, old)) return { applied: false, created: false, revision: old?.revision ?? 0 }
      const revision = this.#write([{ type: 'put', key, value, expires, ttl }])
      return { applied: true, created: old === undefined, revision }
    },
    del: (key, condition) => {
      const old = this.#live(key)
      if (old === undefined || !holdsFor(condition, old)) return false
      this.#write([{ type: 'del', key }])
      return true
    },
    batch: (ops, conditions) => {
      checkConditions(conditions, ({ key, condition }) => holdsFor(condition, this.#live(key)))
      return this.#write(ops)
    },
  }

  constructor(clock: Clock = Date.now, maxEntries?: number) {
    this.#now = clock
    this.#order = maxEntries === undefined ? undefined : new WriteOrder(maxEntries)
    this.history = new MemoryHistory({ now: clock, revision: () => this.#revision, row: (key) => this.#row(key) })
  }

  get(key: Uint8Array): Uint8Array | undefined {
    const row = this.#live(key)
    return row && new Uint8Array(row.value)
  }

  getEntry(key: Uint8Array): Entry | undefined {
    const row = this.#live(key)
    return row && copy(row, false)
  }

  head(key: Uint8Array): Head | undefined {
    const row = this.#live(key)
    return row && { revision: row.revision, expires: row.expires, valueBytes: row.value.length }
  }

  getMany(keys: readonly Uint8Array[], { maxBytes }: GetManyOptions = {}): (Entry | undefined)[] {
    const now = this.#now()
    const takes = withinBytes(maxBytes)
    return keys.map((key) => {
      const row = this.#live(key, now)
      if (row !== undefined) takes(key.length + row.value.length)
      return row && copy(row, false)
    })
  }

  async put(key: Uint8Array, value: Uint8Array, options?: DriverPutOptions): Promise<PutResult> {
    return this.syncWrites.put(key, value, options)
  }

  async del(key: Uint8Array, { condition }: DriverDelOptions = {}): Promise<boolean> {
    return this.syncWrites.del(key, condition)
  }

  async batch(ops: readonly Op[], { conditions }: DriverBatchOptions = {}): Promise<number> {
    return this.syncWrites.batch(ops, conditions)
  }

  async load(blocks: Blocks, { ifAbsent = false, onExisting, signal }: DriverLoadOptions = {}): Promise<number> {
    const ops: Op[] = []
    for await (const block of blocks) {
      // With a bound, what came last is to stay.
      for (const op of blockOps(this.#order === undefined ? block : asTheyCame(block))) {
        const key = new Uint8Array(op.key)
        ops.push(op.type === 'del' ? { ...op, key } : { ...op, key, value: new Uint8Array(op.value) })
      }
    }
    if (signal?.aborted) throw interrupted(signal, 'interrupted, nothing was done')
    let existing = 0
    const isLeft = ({ type, key }: Op): boolean => type === 'put' && this.#live(key) !== undefined && ++existing > 0
    const revision = this.#write(ops, ifAbsent ? isLeft : undefined)
    if (ifAbsent) onExisting?.(existing)
    return revision
  }

  async delRange(query: RangeQuery): Promise<number> {
    const [from, to] = this.#bounds(query)
    const count = this.count({ ...query, limit: Infinity })
    this.#copyIfRead()
    const gone = this.#rows.splice(from, to - from)
    if (gone.length > 0) this.#revision++
    const now = this.#now()
    for (const row of gone) this.#gone(row, this.#revision, now)
    return count
  }

  async *range(query: RangeQuery): AsyncGenerator<Entry[], void, void> {
    const rows = this.#rows
    const [from, to] = this.#bounds(query)
    const now = this.#now()
    this.#readers++
    try {
      let left = query.limit
      let page: Entry[] = []
      for (let i = 0; i < to - from && left > 0; i++) {
        const row = rows[query.reverse ? to - 1 - i : from + i]!
        if (!alive(row, now)) continue
        page.push(copy(row, query.keysOnly))
        left--
        if (page.length === PAGE) {
          yield page
          page = []
        }
      }
      if (page.length > 0) yield page
    } finally {
      if (rows === this.#rows) this.#readers--
    }
  }

  count(query: RangeQuery): number {
    const [from, to] = this.#bounds(query)
    const now = this.#now()
    let count = 0
    for (let i = from; i < to && count < query.limit; i++) if (alive(this.#rows[i]!, now)) count++
    return count
  }

  usage(query: UsageQuery, options?: UsageProgress): AsyncIterable<Usage[]> {
    const [from, to] = this.#bounds(query)
    const now = this.#now()
    const rows = this.#rows.slice(from, to).filter((row) => alive(row, now))
    const sizes = rows.map(({ key, value }) => [new Uint8Array(key), key.length + value.length] as const)
    return usageOf([partsOf(sizes, query)], query, options)
  }

  stat(): Stat {
    const now = this.#now()
    const live = this.#rows.filter((row) => alive(row, now))
    return {
      entries: live.length,
      expiring: live.filter((row) => row.expires !== undefined).length,
      revision: this.#revision,
      sizeBytes: this.#rows.reduce((sum, row) => sum + row.key.length + row.value.length, 0),
      details: this.#order === undefined ? {} : { max_entries: this.#order.maxEntries, evicted: this.#order.evicted },
    }
  }

  check({ onProgress }: CheckOptions = {}): CheckReport {
    const problems: string[] = []
    for (let i = 1; i < this.#rows.length; i++) {
      if (compareBytes(this.#rows[i - 1]!.key, this.#rows[i]!.key) >= 0) problems.push(`keys out of order at ${i}`)
    }
    onProgress?.(this.#rows.length)
    return { checked: this.#rows.length, unchecked: 0, damagedKeys: [], problems }
  }

  async watch(query: WatchQuery, { signal }: Abortable = {}): Promise<Changes> {
    return this.#log.watch(query, signal)
  }

  async close(): Promise<void> {
    await this.#log.close()
    this.#rows = []
    this.#readers = 0
  }

  #write(ops: readonly Op[], isLeft: (op: Op) => boolean = () => false): number {
    if (ops.length === 0) return this.#revision
    // With a bound, what has expired goes before any other.
    if (this.#order !== undefined) this.sweep()
    this.#copyIfRead()
    const revision = ++this.#revision
    const now = this.#now()
    for (const op of ops) {
      if (isLeft(op)) continue
      const at = firstFrom(this.#rows, op.key)
      const there = this.#rows[at] !== undefined && compareBytes(this.#rows[at].key, op.key) === 0
      const old = there ? this.#rows[at] : undefined
      if (op.type === 'del') {
        if (old === undefined) continue
        this.#rows.splice(at, 1)
        this.#gone(old, revision, now)
      } else {
        const row = { key: op.key, value: op.value, revision, expires: expiryOf(op, now) }
        this.history.ended(op.key, old, revision, now, true)
        this.#rows.splice(at, there ? 1 : 0, row)
        this.#log.record({ type: 'put', ...row })
        this.#order?.written(op.key)
        this.#evict(revision, now)
      }
    }
    return revision
  }

  /** Has the entry go that is one too many. */
  #evict(revision: number, now: number): void {
    const key = this.#order?.evict()
    if (key !== undefined)
      for (const row of this.#rows.splice(firstFrom(this.#rows, key), 1)) this.#gone(row, revision, now)
  }

  /** Records that an entry is gone. */
  #gone(row: Entry, revision: number, now: number): void {
    this.history.ended(row.key, row, revision, now, false)
    this.#log.record({ type: 'del', key: row.key })
    this.#order?.gone(row.key)
  }

  /** Removes what has expired, and records it. */
  sweep(): void {
    const now = this.#now()
    const gone = this.#rows.filter((row) => !alive(row, now))
    if (gone.length === 0) return
    this.#rows = this.#rows.filter((row) => alive(row, now))
    this.#readers = 0
    for (const row of gone) this.#gone(row, this.#revision + 1, now)
  }

  /** Before a write. Rows are replaced, never changed, so a copy of the array is a snapshot. */
  #copyIfRead(): void {
    if (this.#readers === 0) return
    this.#rows = this.#rows.slice()
    this.#readers = 0
  }

  #live(key: Uint8Array, now = this.#now()): Entry | undefined {
    const row = this.#row(key)
    return row !== undefined && alive(row, now) ? row : undefined
  }

  /** The row of a key, expired or not. */
  #row(key: Uint8Array): Entry | undefined {
    const row = this.#rows[firstFrom(this.#rows, key)]
    return row !== undefined && compareBytes(row.key, key) === 0 ? row : undefined
  }

  #bounds(query: Pick<RangeQuery, 'start' | 'end'>): [from: number, to: number] {
    return [
      query.start === undefined ? 0 : firstFrom(this.#rows, query.start),
      query.end === undefined ? this.#rows.length : firstFrom(this.#rows, query.end),
    ]
  }
}
