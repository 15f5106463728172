import { rmSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Store } from '../../src/index.ts'
import { MemoryDriver } from '../../src/drivers/memory/driver.ts'
import { SqliteDriver } from '../../src/drivers/sqlite/driver.ts'
import type { Clock, Driver } from '../../src/store/driver/driver.ts'
import { entries } from '../helpers/store.ts'
import { tempDir } from '../helpers/temp-dir.ts'
import { toText } from '../helpers/bytes.ts'
import { RUNS } from './model.ts'

const MAX = 4

const key = fc.constantFrom(...'abcdefgh')
const ttl = fc.option(fc.integer({ min: 1, max: 30 }), { nil: undefined, freq: 3 })
const one = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('put' as const), key, ttl }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('del' as const), key }) },
)
type One = typeof one extends fc.Arbitrary<infer T> ? T : never
const step = fc.oneof(
  { weight: 8, arbitrary: one },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('absent' as const), key }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('delTo' as const), key }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 20 }) }) },
  { weight: 1, arbitrary: fc.constant({ do: 'reopen' as const }) },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

/** Keys in the order of their newest writes, each with its expiry: plain code, and none of it shared with `src`. */
class Model {
  now = Date.UTC(2030, 0, 1)
  rows = new Map<string, number>()

  put(key: string, ttl: number | undefined): void {
    for (const [other, expires] of this.rows) if (expires <= this.now) this.rows.delete(other)
    this.rows.delete(key)
    this.rows.set(key, ttl === undefined ? Infinity : this.now + ttl)
    if (this.rows.size > MAX) this.rows.delete([...this.rows.keys()][0]!)
  }

  get live(): string[] {
    return [...this.rows].filter(([, expires]) => expires > this.now).map(([key]) => key)
  }
}

async function play(steps: readonly Step[], open: (clock: Clock) => Driver, isKept: boolean): Promise<void> {
  const model = new Model()
  const opened = (): Store =>
    new Store(
      'store',
      open(() => model.now),
    )
  let store = opened()
  try {
    for (const step of steps) {
      if (step.do === 'put') {
        await store.put(step.key, '', { ttl: step.ttl })
        model.put(step.key, step.ttl)
      } else if (step.do === 'absent') {
        const { applied } = await store.put(step.key, '', { condition: { type: 'absent' } })
        expect(applied).toBe(!model.live.includes(step.key))
        if (applied) model.put(step.key, undefined)
      } else if (step.do === 'del') {
        await store.del(step.key)
        model.rows.delete(step.key)
      } else if (step.do === 'delTo') {
        await store.delRange({ lte: step.key })
        for (const key of [...model.rows.keys()]) if (key <= step.key) model.rows.delete(key)
      } else if (step.do === 'wait') {
        model.now += step.ms
      } else if (isKept) {
        await store.close()
        store = opened()
      }
      expect((await entries(store)).map(({ key }) => toText(key))).toEqual(model.live.toSorted())
      expect((await store.check()).problems).toEqual([])
    }
  } finally {
    await store.close()
  }
}

test('the sqlite driver keeps the newest', { timeout: 30_000 + RUNS * 200 }, async () => {
  const path = join(tempDir(), 'store.kv')
  const open = (clock: Clock): Driver => SqliteDriver.open(path, { clock, durable: false, maxEntries: MAX })
  await fc.assert(
    fc
      .asyncProperty(fc.array(step, { maxLength: 40 }), (steps) => play(steps, open, true))
      .beforeEach(() => {
        for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true })
      }),
    { numRuns: Math.ceil(RUNS / 4) },
  )
})

test('the memory driver keeps the newest', async () => {
  const open = (clock: Clock): Driver => new MemoryDriver(clock, MAX)
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 60 }), (steps) => play(steps, open, false)))
})

test('batches of any size leave no more than the bound, and of the batch what was put last', async () => {
  const path = join(tempDir(), 'store.kv')
  await fc.assert(
    fc
      .asyncProperty(fc.array(fc.array(one, { minLength: 1, maxLength: 60 }), { maxLength: 8 }), async (batches) => {
        for (const open of [
          () => new MemoryDriver(undefined, MAX),
          () => SqliteDriver.open(path, { durable: false, maxEntries: MAX }),
        ]) {
          const store = new Store('store', open())
          try {
            for (const batch of batches) {
              await store.batch(
                batch.map((op: One) =>
                  op.do === 'del' ? { type: 'del', key: op.key } : { type: 'put', key: op.key, value: '' },
                ),
              )
              const left = (await entries(store)).map(({ key }) => toText(key))
              expect(left.length).toBeLessThanOrEqual(MAX)
              const last = batch.at(-1)!
              expect(left.includes(last.key)).toBe(last.do === 'put')
              expect((await store.check()).problems).toEqual([])
            }
          } finally {
            await store.close()
          }
        }
      })
      .beforeEach(() => {
        for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true })
      }),
    { numRuns: Math.ceil(RUNS / 8) },
  )
})
