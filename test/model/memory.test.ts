import fc from 'fast-check'
import { test } from 'vitest'
import { MemoryDriver } from '../../src/drivers/memory/driver.ts'
import { RUNS, play, runs } from './model.ts'

test('the memory driver behaves like a sorted map', { timeout: 30_000 + RUNS * 100 }, async () => {
  await fc.assert(
    fc.asyncProperty(runs({ handles: 1, reopen: false }), (steps) =>
      play(steps, 1, async (clock) => new MemoryDriver(clock)),
    ),
    { numRuns: RUNS },
  )
})
