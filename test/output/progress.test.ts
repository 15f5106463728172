import { expect, test, vi } from 'vitest'
import { Progress } from '../../src/output/progress.ts'

test.for<[done: number, seconds: number, shown: string]>([
  [10, 5, '  1 %  10 kB'],
  [500, 2, ' 50 %  500 kB, 2 s left'],
  [100, 60, ' 10 %  100 kB, 9 min 0 s left'],
  [20, 3600, '  2 %  20 kB, 49 h 0 min left'],
])('of 1,000 kB %i are done after %i s: %s', ([done, seconds, shown]) => {
  const now = vi.spyOn(performance, 'now').mockReturnValue(0)
  let drawn = ''
  const sink = { isTTY: true, columns: () => 80, write: (text: string | Uint8Array) => void (drawn += String(text)) }
  const progress = new Progress({ ...sink, stream: () => expect.fail() }, true)
  now.mockReturnValue(seconds * 1000)
  progress.bytes(done * 1000, 1_000_000)
  now.mockRestore()
  expect(drawn.endsWith(shown)).toBe(true)
})
