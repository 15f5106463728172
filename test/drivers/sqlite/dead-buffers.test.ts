import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { deadBufferCollector } from '../../../src/drivers/sqlite/export/dead-buffers.ts'

test('buffers are collected as often as asked for, and V8 keeps no flag', () => {
  const free = deadBufferCollector()
  const kept = new Uint8Array(1 << 20).fill(7)
  for (let round = 0; round < 3; round++) {
    expect(Array.from({ length: 8 }, () => new ArrayBuffer(1 << 20))).toHaveLength(8)
    free()
  }
  expect(kept.every((byte) => byte === 7)).toBe(true)
  expect(runInNewContext('typeof gc')).toBe('undefined')
})
