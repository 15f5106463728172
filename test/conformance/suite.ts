import { describe, expect, onTestFinished, test } from 'vitest'
import { Store } from '../../src/index.ts'
import type { CheckReport, Clock, Driver, RangeQuery, Supports } from '../../src/store/driver/driver.ts'
import type { Entry } from '../../src/store/driver/entry.ts'
import { atomic } from './atomic.ts'
import { basics } from './basics.ts'
import { bound } from './bound.ts'
import { care } from './care.ts'
import { expiry } from './expiry.ts'
import { history } from './history.ts'
import { lifecycle } from './lifecycle.ts'
import { ranges } from './ranges.ts'
import { realTime } from './real-time.ts'
import { usageCases } from './usage.ts'
import { watches } from './watches.ts'
import { writes } from './writes.ts'
import { checksum } from '../../src/blocks/checksum.ts'
import type { Block } from '../../src/blocks/block.ts'

/** A place where one store can live: a path, a server, a prefix of a cluster. It begins without entries. */
export interface Place {
  /** A driver over the store of this place. The suite closes it. */
  open(options?: { clock?: Clock | undefined; maxEntries?: number | undefined }): Promise<Driver>
  /** Called when the test is over and every driver is closed. */
  remove?(): Promise<void> | void
}

/** What the suite must know of a driver before it runs. */
export interface Target {
  /** A new place, called inside a test. */
  place(): Promise<Place> | Place
  /** What the driver must say of itself; selects the groups. */
  readonly supports: Supports
  /** A second `open` of a place shows the same store, also while the first is open. */
  readonly shared: boolean
  /** The driver tells expired entries by the clock given to `open`. */
  readonly ownClock: boolean
  /** `open` makes a store with a bound. Default: false. */
  readonly bounded?: boolean
  /** Others write there too: a store without entries has a revision all the same. Default: false. */
  readonly sharedRevisions?: boolean
  /** Entries have checksums. Default: true. */
  readonly checksums?: boolean
}

/** What the groups of the suite work with: a target and short ways to open it. */
export interface Kit extends Target {
  /** A place that is removed when the test is over. */
  newPlace(): Promise<Place>
  /** A driver over a new place or the given one, closed when the test is over. */
  driver(options?: OpenKit): Promise<Driver>
  /** The same under a Store. */
  store(options?: OpenKit): Promise<Store>
  /** What a check tells of so many entries, none of them damaged. */
  sound(entries: number): Partial<CheckReport>
}

interface OpenKit {
  readonly place?: Place
  readonly clock?: Clock
  readonly maxEntries?: number
}

/**
 * The contract of every driver, checked through `Store` where the Store guards it and on the
 * driver itself where it is the driver's own. A driver is correct when this passes:
 *
 * ```ts
 * conformance('sqlite', { place: () => ..., supports: { ... }, shared: true, ownClock: true })
 * ```
 *
 * Groups a driver does not support show up as skipped. A driver with which it takes long may have two files, for two
 * workers: `part` is then the one with the ranges or the one with everything else.
 */
export function conformance(name: string, target: Target, part?: 'ranges' | 'others'): void {
  const kit: Kit = {
    ...target,
    async newPlace() {
      const place = await target.place()
      onTestFinished(() => place.remove?.())
      return place
    },
    async driver({ place, clock, maxEntries } = {}) {
      const driver = await (place ?? (await kit.newPlace())).open({ clock, maxEntries })
      onTestFinished(() => driver.close())
      return driver
    },
    sound: (entries) => ({
      checked: target.checksums === false ? 0 : entries,
      unchecked: target.checksums === false ? entries : 0,
      damagedKeys: [],
      problems: [],
    }),
    async store({ place, clock, maxEntries } = {}) {
      const store = new Store(name, await (place ?? (await kit.newPlace())).open({ clock, maxEntries }))
      onTestFinished(() => store.close())
      return store
    },
  }
  describe(`the ${name} driver`, () => {
    test('says of itself what the suite was told', async () => {
      const driver = await kit.driver()
      expect(driver.supports).toEqual(target.supports)
      const { opOverheadBytes, ...limits } = driver.limits
      for (const limit of Object.values(limits)) expect(limit).toBeGreaterThan(0)
      expect(opOverheadBytes).toBeGreaterThanOrEqual(0)
    })
    if (part !== 'others') describe('ranges', () => ranges(kit))
    if (part === 'ranges') return
    describe('single entries', () => basics(kit))
    describe('writes', () => writes(kit))
    describe('atomic work', () => atomic(kit))
    describe.skipIf(!target.ownClock)('expiry', () => expiry(kit))
    describe.skipIf(target.ownClock)('expiry in real time', () => realTime(kit))
    describe.skipIf(!target.supports.watch)('watches', () => watches(kit))
    describe('usage', () => usageCases(kit))
    describe('lifecycle', () => lifecycle(kit))
    describe.skipIf(target.bounded !== true)('a bound', () => bound(kit))
    describe('care', () => care(kit))
    describe('history', () => history(kit))
  })
}

/** Every entry of the store, as a query of a driver. */
export const EVERYTHING: RangeQuery = {
  start: undefined,
  end: undefined,
  reverse: false,
  limit: Infinity,
  keysOnly: false,
}

/** All pages of a driver's range. */
export async function readPages(driver: Driver, query: RangeQuery = EVERYTHING): Promise<Entry[][]> {
  const pages: Entry[][] = []
  for await (const page of driver.range(query)) pages.push(page)
  return pages
}

/** How long a value under this key may be, in bytes. */
export function longestValue({ limits }: Store, key: string): number {
  return Math.min(
    limits.maxValueBytes,
    Math.min(limits.maxEntryBytes, limits.maxBatchBytes) - limits.opOverheadBytes - Buffer.byteLength(key),
  )
}

/** Puts many entries in as few batches as the driver allows. */
export async function fill(store: Store, all: readonly { key: Uint8Array; value: Uint8Array }[]): Promise<void> {
  const { maxBatchOps, maxBatchBytes } = store.limits
  let ops: { type: 'put'; key: Uint8Array; value: Uint8Array }[] = []
  let bytes = 0
  for (const { key, value } of all) {
    const size = key.length + value.length + store.limits.opOverheadBytes
    if (ops.length > 0 && (ops.length === maxBatchOps || bytes + size > maxBatchBytes)) {
      await store.batch(ops)
      ops = []
      bytes = 0
    }
    ops.push({ type: 'put', key, value })
    bytes += size
  }
  if (ops.length > 0) await store.batch(ops)
}

/** A clock that stands still until it is moved. */
export function stoppedClock(time = Date.UTC(2030, 0, 1)): { now: Clock; time: number } {
  const clock = { time, now: () => clock.time }
  return clock
}

/** An entry of a block; a negative expiry is a time to live, no value a delete. */
export type BlockRow = readonly [key: string | Uint8Array, value?: string | Uint8Array | undefined, expires?: number]

/** A block of the given entries, which must be in key order. */
export function block(all: readonly BlockRow[]): Block {
  const parts = all.map(([key, value, expires]) => ({
    key: Buffer.from(key),
    value: Buffer.from(value ?? ''),
    expires,
    isDelete: value === undefined,
  }))
  const packed: Block = {
    bytes: Uint8Array.from(Buffer.concat(parts.flatMap(({ key, value }) => [value, key]))),
    count: parts.length,
    keyStart: new Uint32Array(parts.length),
    keyLength: Uint32Array.from(parts, ({ key }) => key.length),
    valueStart: new Uint32Array(parts.length),
    valueLength: Uint32Array.from(parts, ({ value }) => value.length),
    expires: parts.some(({ expires }) => expires !== undefined)
      ? Float64Array.from(parts, ({ expires }) => expires ?? Number.NaN)
      : undefined,
    deleted: parts.some(({ isDelete }) => isDelete)
      ? Uint8Array.from(parts, ({ isDelete }) => Number(isDelete))
      : undefined,
    checksums: Uint32Array.from(parts, ({ key, value, expires }) =>
      checksum(key, value, expires !== undefined && expires < 0 ? undefined : expires),
    ),
  }
  let at = 0
  for (const [i, { key, value }] of parts.entries()) {
    packed.valueStart[i] = at
    packed.keyStart[i] = at + value.length
    at += value.length + key.length
  }
  return packed
}
