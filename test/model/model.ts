import fc from 'fast-check'
import { expect } from 'vitest'
import type { Condition, Entry, RangeOptions } from '../../src/index.ts'
import { Store } from '../../src/index.ts'
import type { Block } from '../../src/blocks/block.ts'
import { BlockBuilder } from '../../src/blocks/block-builder.ts'
import type { Clock, Driver } from '../../src/store/driver/driver.ts'
import { hex, toHex } from '../helpers/bytes.ts'

/** Runs per driver; a failure prints the seed to run it again with. */
export const RUNS = Number(process.env['KV_MODEL_RUNS'] ?? 200)

/** Key in hex to what is stored. Hex digits sort like the bytes they stand for. */
type Rows = Map<string, { value: string; expires: number | undefined; revision: number }>

/** What the store has to be like: plain code, and none of it shared with `src`. */
class Model {
  /** How many milliseconds one of a run is. */
  readonly unitMs: number
  rows: Rows = new Map()
  now = Date.UTC(2030, 0, 1)
  newest = 0

  constructor(unitMs: number) {
    this.unitMs = unitMs
  }

  live(key: string) {
    const row = this.rows.get(key)
    return row !== undefined && (row.expires === undefined || row.expires > this.now) ? row : undefined
  }

  inOrder(): string[] {
    return [...this.rows.keys()].filter((key) => this.live(key) !== undefined).sort()
  }

  range({ gt, gte, lt, lte, prefix, reverse, limit = Infinity }: HexRange): string[] {
    const keys = this.inOrder().filter(
      (key) =>
        (gt === undefined || key > gt) &&
        (gte === undefined || key >= gte) &&
        (lt === undefined || key < lt) &&
        (lte === undefined || key <= lte) &&
        (prefix === undefined || key.startsWith(prefix)),
    )
    return (reverse === true ? keys.toReversed() : keys).slice(0, limit)
  }

  holds(key: string, condition: HexCondition | undefined): boolean {
    const old = this.live(key)
    if (condition === undefined) return true
    if (condition.type === 'absent') return old === undefined
    if (condition.type === 'value') return old !== undefined && old.value === condition.value
    return (old?.revision ?? 0) === this.revisionOf(key, condition.is)
  }

  /** A revision that is, or is not, the one a key has. */
  revisionOf(key: string, is: 'right' | 'none' | 'wrong'): number {
    return is === 'none' ? 0 : (this.live(key)?.revision ?? 0) + (is === 'wrong' ? 1 : 0)
  }
}

type HexRange = Partial<Record<'gt' | 'gte' | 'lt' | 'lte' | 'prefix', string>> & {
  reverse?: boolean
  limit?: number
  keysOnly?: boolean
}
type HexCondition =
  | { type: 'absent' }
  | { type: 'value'; value: string }
  | { type: 'revision'; is: 'right' | 'none' | 'wrong' }
type HexOp = { type: 'put'; key: string; value: string; ttl: number | undefined } | { type: 'del'; key: string }

/** One step of a run. `on` chooses among the open handles of a store. */
export type Step = { on: number } & (
  | { do: 'put'; key: string; value: string; ttl: number | undefined; condition: HexCondition | undefined }
  | { do: 'del'; key: string; condition: HexCondition | undefined }
  | { do: 'batch'; ops: HexOp[] }
  | { do: 'together'; ops: HexOp[] }
  | { do: 'load'; ops: HexOp[]; size: number; ifAbsent: boolean; later: boolean; relative: boolean }
  | { do: 'get'; key: string }
  | { do: 'getMany'; keys: string[] }
  | { do: 'range'; range: HexRange }
  | { do: 'leave'; range: HexRange; after: number }
  | { do: 'delRange'; range: HexRange }
  | { do: 'wait'; ms: number }
  | { do: 'reopen' }
)

// Few keys, many of them beginnings of others, so that steps meet.
const key = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.constantFrom('00', '0000', '61', '6100', '6161', '6162', '62', '7f', '80', 'ff', 'ff00', 'ffff'),
  },
  { weight: 1, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 3 }).map(toHex) },
)
const value = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('', '00', '31', '3132') },
  { weight: 2, arbitrary: fc.uint8Array({ maxLength: 50 }).map(toHex) },
  { weight: 1, arbitrary: fc.integer({ min: 900, max: 9000 }).map((length) => 'ab'.repeat(length)) },
)
const ttl = fc.option(fc.integer({ min: -1, max: 30 }), { nil: undefined, freq: 2 })
const bound = fc.option(fc.oneof(key, fc.constant('')), { nil: undefined, freq: 1 })
const range: fc.Arbitrary<HexRange> = fc.record(
  {
    gt: bound,
    gte: bound,
    lt: bound,
    lte: bound,
    prefix: bound,
    reverse: fc.boolean(),
    limit: fc.integer({ min: 0, max: 5 }),
    keysOnly: fc.boolean(),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<HexRange>
const condition: fc.Arbitrary<HexCondition | undefined> = fc.option(
  fc.oneof(
    fc.constant({ type: 'absent' as const }),
    fc.record({ type: fc.constant('value' as const), value }),
    fc.record({
      type: fc.constant('revision' as const),
      is: fc.constantFrom('right' as const, 'none' as const, 'wrong' as const),
    }),
  ),
  { nil: undefined, freq: 2 },
)
const put: fc.Arbitrary<HexOp> = fc.record({ type: fc.constant('put' as const), key, value, ttl })
const op: fc.Arbitrary<HexOp> = fc.oneof(
  { weight: 3, arbitrary: put },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('del' as const), key }) },
)
// Drivers may have a way of their own for many puts in a row.
const many = fc.array(op, { maxLength: 120 })
const ops = fc.oneof(
  { weight: 6, arbitrary: fc.array(op, { maxLength: 8 }) },
  { weight: 1, arbitrary: fc.array(put, { minLength: 32, maxLength: 80 }) },
)

/**
 * Runs of steps for stores with so many handles. Only where calls take effect `inTurn`, several are made at once. Where loads
 * are `small`, each is one block that fits in a batch, and replaces what is there.
 */
export function runs({
  handles,
  reopen,
  inTurn = true,
  small = false,
}: {
  handles: number
  reopen: boolean
  inTurn?: boolean
  small?: boolean
}): fc.Arbitrary<Step[]> {
  const on = fc.nat({ max: handles - 1 })
  const step = <T extends object>(name: string, fields: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
    fc.record({ do: fc.constant(name), on, ...fields }) as unknown as fc.Arbitrary<Step>
  return fc.array(
    fc.oneof(
      { weight: 6, arbitrary: step('put', { key, value, ttl, condition }) },
      { weight: 3, arbitrary: step('del', { key, condition }) },
      { weight: 3, arbitrary: step('batch', { ops }) },
      { weight: inTurn ? 2 : 0, arbitrary: step('together', { ops }) },
      {
        weight: 3,
        arbitrary: step('load', {
          ops: fc.oneof(ops, many),
          size: small ? fc.constant(120) : fc.integer({ min: 1, max: 80 }),
          ifAbsent: small ? fc.constant(false) : fc.boolean(),
          later: fc.boolean(),
          relative: fc.boolean(),
        }),
      },
      { weight: 3, arbitrary: step('get', { key }) },
      { weight: 2, arbitrary: step('getMany', { keys: fc.array(key, { maxLength: 6 }) }) },
      { weight: 6, arbitrary: step('range', { range }) },
      { weight: 1, arbitrary: step('leave', { range, after: fc.nat({ max: 3 }) }) },
      { weight: 1, arbitrary: step('delRange', { range }) },
      { weight: 2, arbitrary: step('wait', { ms: fc.nat({ max: 20 }) }) },
      ...(reopen ? [{ weight: 1, arbitrary: step('reopen', {}) }] : []),
    ),
    { maxLength: 40 },
  )
}

/** Plays a run on a store and on the model, and compares every answer and, at the end, everything. */
export async function play(
  steps: readonly Step[],
  handles: number,
  open: (clock: Clock) => Promise<Driver>,
  { unitMs = 1, checksums = true } = {},
): Promise<void> {
  const model = new Model(unitMs)
  const openStore = async () => new Store('model', await open(() => model.now))
  const stores: Store[] = []
  try {
    for (let i = 0; i < handles; i++) stores.push(await openStore())
    for (const step of steps) {
      if (step.do === 'reopen') {
        await stores[step.on]!.close()
        stores[step.on] = await openStore()
      } else await take(step, model, stores[step.on]!)
    }
    for (const store of stores) await compare(store, model, checksums)
  } finally {
    for (const store of stores) await store.close()
  }
}

async function take(step: Exclude<Step, { do: 'reopen' }>, model: Model, store: Store): Promise<void> {
  switch (step.do) {
    case 'wait':
      model.now += step.ms * model.unitMs
      return
    case 'put': {
      const old = model.live(step.key)
      const applied = model.holds(step.key, step.condition)
      const result = await store.put(hex(step.key), hex(step.value), {
        expires: expires(model, step.ttl),
        condition: inBytes(step.condition, model, step.key),
      })
      expect(result).toMatchObject({ applied, created: applied && old === undefined })
      if (!applied) expect(result.revision).toBe(old?.revision ?? 0)
      else apply(model, [{ type: 'put', key: step.key, value: step.value, ttl: step.ttl }], result.revision)
      return
    }
    case 'del': {
      const gone = model.live(step.key) !== undefined && model.holds(step.key, step.condition)
      expect(await store.del(hex(step.key), { condition: inBytes(step.condition, model, step.key) })).toBe(gone)
      if (gone) model.rows.delete(step.key)
      return
    }
    case 'batch': {
      const revision = await store.batch(
        step.ops.map((one) =>
          one.type === 'del'
            ? { type: 'del', key: hex(one.key) }
            : { type: 'put', key: hex(one.key), value: hex(one.value), expires: expires(model, one.ttl) },
        ),
      )
      if (step.ops.length > 0) apply(model, step.ops, revision)
      return
    }
    case 'load': {
      let existing = 0
      let told = 0
      const written: HexOp[] = []
      const rows = model.rows
      model.rows = new Map(rows)
      for (const one of step.ops) {
        if (step.ifAbsent && one.type === 'put' && model.live(one.key) !== undefined) {
          existing++
          continue
        }
        written.push(one)
        change(model, one, 0)
      }
      model.rows = rows
      const blocks = blocksOf(step, model)
      const revision = await store.load(step.later ? asTheyCome(blocks) : blocks, {
        ifAbsent: step.ifAbsent,
        onExisting: (entries) => (told = entries),
      })
      // Of two equal puts of what has expired already, nobody can tell whether the second was done.
      const areClear = step.ops.every((one) => one.type === 'del' || one.ttl === undefined || one.ttl > 0)
      if (areClear) expect(told).toBe(existing)
      if (step.ops.length > 0) apply(model, written, revision)
      return
    }
    case 'together': {
      // Calls of one turn take effect in the order of the calls.
      const calls = step.ops.map((one) =>
        one.type === 'del'
          ? store.del(hex(one.key))
          : store.put(hex(one.key), hex(one.value), { expires: expires(model, one.ttl) }),
      )
      const results = await Promise.all(calls)
      for (const [i, one] of step.ops.entries()) {
        const old = model.live(one.key)
        const result = results[i]!
        if (typeof result === 'boolean') {
          expect(result).toBe(old !== undefined)
          model.rows.delete(one.key)
        } else {
          expect(result).toMatchObject({ applied: true, created: old === undefined })
          apply(model, [one], result.revision)
        }
      }
      return
    }
    case 'get': {
      const row = model.live(step.key)
      const value = await store.get(hex(step.key))
      expect(value && toHex(value)).toBe(row?.value)
      expect(await store.has(hex(step.key))).toBe(row !== undefined)
      expect(shown(await store.getEntry(hex(step.key)))).toEqual(expected(model, step.key))
      return
    }
    case 'getMany': {
      const got = await store.getMany(step.keys.map(hex))
      expect(got.map(shown)).toEqual(step.keys.map((one) => expected(model, one)))
      return
    }
    case 'range': {
      const wanted = model.range(step.range)
      const got: Entry[] = []
      for await (const entry of store.range(rangeInBytes(step.range))) got.push(entry)
      expect(got.map(shown)).toEqual(
        wanted.map((one) => ({ ...expected(model, one), ...(step.range.keysOnly === true ? { value: '' } : {}) })),
      )
      expect(await store.count(rangeInBytes(step.range))).toBe(wanted.length)
      return
    }
    case 'leave': {
      const wanted = model.range(step.range)
      let seen = 0
      for await (const entry of store.range(rangeInBytes(step.range))) {
        expect(toHex(entry.key)).toBe(wanted[seen++])
        if (seen > step.after) break
      }
      return
    }
    case 'delRange': {
      const { reverse: _reverse, limit: _limit, keysOnly: _keysOnly, ...bounds } = step.range
      const gone = model.range(bounds)
      expect(await store.delRange({ ...rangeInBytes(bounds), all: true })).toBe(gone.length)
      for (const one of gone) model.rows.delete(one)
      return
    }
  }
}

function apply(model: Model, all: readonly HexOp[], revision: number): void {
  // Deletes of what is not there may change nothing.
  const least = all.some(({ type }) => type === 'put') ? model.newest + 1 : model.newest
  expect(revision).toBeGreaterThanOrEqual(least)
  model.newest = revision
  for (const one of all) change(model, one, revision)
}

function change(model: Model, one: HexOp, revision: number): void {
  if (one.type === 'del') model.rows.delete(one.key)
  else model.rows.set(one.key, { value: one.value, expires: expires(model, one.ttl), revision })
}

/** The blocks of a load, of `size` operations each. */
function blocksOf({ ops, size, ifAbsent, relative }: Extract<Step, { do: 'load' }>, model: Model): Block[] {
  const blocks: Block[] = []
  for (let from = 0; from < ops.length; from += size) {
    const part = ops.slice(from, from + size)
    const parts = part.map((one) => [hex(one.key), one.type === 'del' ? hex('') : hex(one.value)] as const)
    const builder = new BlockBuilder(new Uint8Array(Buffer.concat(parts.flat())), size, { keepsEqual: ifAbsent })
    let at = 0
    for (const [i, [{ length: keyLength }, { length: valueLength }]] of parts.entries()) {
      const one = part[i]!
      const position = [at, keyLength, at + keyLength, valueLength] as const
      if (one.type === 'del') builder.addDelete(at, keyLength)
      else if (one.ttl === undefined) builder.add(...position)
      else
        builder.addExpiring(...position, relative && one.ttl > 0 ? -one.ttl * model.unitMs : expires(model, one.ttl)!)
      at += keyLength + valueLength
    }
    blocks.push(builder.finish())
  }
  return blocks
}

async function* asTheyCome(blocks: readonly Block[]): AsyncGenerator<Block, void, void> {
  yield* blocks
}

async function compare(store: Store, model: Model, checksums: boolean): Promise<void> {
  const all: Entry[] = []
  for await (const entry of store.range()) all.push(entry)
  const wanted = model.inOrder()
  expect(all.map(shown)).toEqual(wanted.map((one) => expected(model, one)))
  expect(await store.count()).toBe(wanted.length)
  const stat = await store.stat()
  expect(stat.entries).toBe(wanted.length)
  expect(stat.expiring).toBe(wanted.filter((one) => model.live(one)!.expires !== undefined).length)
  expect(stat.revision).toBeGreaterThanOrEqual(model.newest)
  expect(await store.check()).toMatchObject({
    [checksums ? 'unchecked' : 'checked']: 0,
    damagedKeys: [],
    problems: [],
  })
}

function expected(model: Model, one: string) {
  const row = model.live(one)
  return row && { key: one, value: row.value, expires: row.expires, revision: row.revision }
}

function shown(entry: Entry | undefined) {
  return entry && { key: toHex(entry.key), value: toHex(entry.value), expires: entry.expires, revision: entry.revision }
}

function expires(model: Model, after: number | undefined): number | undefined {
  return after === undefined ? undefined : model.now + after * model.unitMs
}

function inBytes(one: HexCondition | undefined, model: Model, of: string): Condition | undefined {
  if (one?.type === 'value') return { type: 'value', value: hex(one.value) }
  if (one?.type === 'revision') return { type: 'revision', revision: model.revisionOf(of, one.is) }
  return one
}

function rangeInBytes({ gt, gte, lt, lte, prefix, ...rest }: HexRange): RangeOptions {
  const bounds = Object.entries({ gt, gte, lt, lte, prefix }).flatMap(([name, digits]) =>
    digits === undefined ? [] : [[name, hex(digits)] as const],
  )
  return { ...rest, ...Object.fromEntries(bounds) }
}
