import { expect, test } from 'vitest'
import { deadBufferCollector } from '../../src/drivers/sqlite/dead-buffers.ts'

const MEBIBYTE = 1 << 20

function makeAndForget(count: number): number {
  return Array.from({ length: count }, () => new ArrayBuffer(MEBIBYTE)).length
}

test('buffers that died are freed when asked for, and V8 keeps no flag', async () => {
  const free = deadBufferCollector()
  const before = process.memoryUsage().arrayBuffers
  makeAndForget(20)
  // V8 frees the memory beside the running code. Left alone it would wait for 30 MB of them.
  do {
    free()
    await new Promise(setImmediate)
  } while (process.memoryUsage().arrayBuffers > before + 2 * MEBIBYTE)
  expect('gc' in globalThis).toBe(false)
})
