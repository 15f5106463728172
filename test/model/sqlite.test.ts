import { rmSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, test } from 'vitest'
import { SqliteDriver } from '../../src/drivers/sqlite/driver.ts'
import { tempDir } from '../helpers/temp-dir.ts'
import type { Changes } from '../../src/store/driver/driver.ts'
import { RUNS, play, runs } from './model.ts'

describe.each([1, 2])('with %i handles on the file', (handles) => {
  test('the sqlite driver behaves like a sorted map', { timeout: 30_000 + RUNS * 200 }, async () => {
    const path = join(tempDir(), 'store.kv')
    await fc.assert(
      fc
        .asyncProperty(runs({ handles, reopen: true }), (steps) =>
          play(steps, handles, async (clock) => SqliteDriver.open(path, { clock, durable: false })),
        )
        .beforeEach(() => {
          for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true })
        }),
      { numRuns: RUNS },
    )
  })
})

test.each([4000, 1 << 20])('and also with a cache of %i bytes', { timeout: 30_000 + RUNS * 200 }, async (cache) => {
  const path = join(tempDir(), 'store.kv')
  await fc.assert(
    fc
      .asyncProperty(runs({ handles: 2, reopen: true }), (steps) =>
        play(steps, 2, async (clock) => SqliteDriver.open(path, { clock, durable: false, cache })),
      )
      .beforeEach(() => {
        for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true })
      }),
    { numRuns: Math.ceil(RUNS / 4) },
  )
})

test('and also while it is watched', { timeout: 30_000 + RUNS * 200 }, async () => {
  const path = join(tempDir(), 'store.kv')
  let watcher: SqliteDriver
  let watch: Changes
  await fc.assert(
    fc
      .asyncProperty(runs({ handles: 2, reopen: true }), (steps) =>
        play(steps, 2, async (clock) => SqliteDriver.open(path, { clock, durable: false })),
      )
      .beforeEach(async () => {
        for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true })
        // Its own clock stands before every expiry, so that it sweeps nothing the model has.
        watcher = SqliteDriver.open(path, { clock: () => 0, durable: false })
        await watcher.put(Buffer.from('made'), Buffer.from(''), undefined)
        await watcher.del(Buffer.from('made'))
        watch = await watcher.watch({ start: undefined, end: undefined, after: undefined, resumable: false })
      })
      .afterEach(async () => {
        await watch.return()
        await watcher.close()
      }),
    { numRuns: Math.ceil(RUNS / 4) },
  )
})
