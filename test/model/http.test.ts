import fc from 'fast-check'
import { test } from 'vitest'
import { served } from '../conformance/served.ts'
import { RUNS, play, runs } from './model.ts'

test('the http driver behaves like a sorted map', { timeout: 30_000 + RUNS * 100 }, async () => {
  await fc.assert(
    fc.asyncProperty(runs({ handles: 1, reopen: false, inTurn: false }), async (steps) => {
      const place = served('memory:')
      try {
        await play(steps, 1, (clock) => place.open({ clock }))
      } finally {
        await place.remove!()
      }
    }),
    { numRuns: Math.ceil(RUNS / 20) },
  )
})
