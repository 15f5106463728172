import { rmSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, test } from 'vitest'
import { SqliteDriver } from '../../src/drivers/sqlite/driver.ts'
import { tempDir } from '../helpers/temp-dir.ts'
import { RUNS, play, runs } from './model.ts'

describe.each([1, 2])('with %i handles on the file', (handles) => {
  test('the sqlite driver behaves like a sorted map', { timeout: 30_000 + RUNS * 200 }, async () => {
    const path = join(tempDir(), 'store.kv')
    await fc.assert(
      fc
        .asyncProperty(runs({ handles, reopen: true }), (steps) =>
          play(steps, handles, async (clock) => SqliteDriver.open(path, { clock, sync: false })),
        )
        .beforeEach(() => {
          for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true })
        }),
      { numRuns: RUNS },
    )
  })
})
