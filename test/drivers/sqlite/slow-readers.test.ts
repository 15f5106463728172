import { expect, test } from 'vitest'
import { openStore } from '../../../src/index.ts'
import { tempDir } from '../../helpers/temp-dir.ts'

const READERS = 30
const ENTRIES = 2500
const VALUE = Buffer.alloc(8000, 'v')

test('many ranges under way at once take a small part of the memory that as many caches would', async () => {
  await using store = await openStore(`${tempDir()}/store.kv`)
  await store.batch(
    Array.from({ length: ENTRIES }, (_, i) => ({
      type: 'put' as const,
      key: String(i).padStart(6, '0'),
      value: VALUE,
    })),
  )
  const before = process.memoryUsage().rss
  const readers: AsyncIterator<unknown[]>[] = []
  try {
    for (let n = 0; n < READERS; n++) {
      const pages = store.rangePages()[Symbol.asyncIterator]()
      readers.push(pages)
      for (let read = 0; read < ENTRIES - 200;) {
        const page = await pages.next()
        expect(page.done).toBe(false)
        read += (page.value as unknown[]).length
      }
    }
    // A whole cache each would be 16 MiB times 30.
    expect(process.memoryUsage().rss - before).toBeLessThan(300 * 2 ** 20)
  } finally {
    for (const pages of readers) await pages.return?.()
  }
})

test('a range that is read without a pause leaves timers their turn', async () => {
  await using store = await openStore(`${tempDir()}/store.kv`)
  await store.batch(Array.from({ length: 50_000 }, (_, i) => ({ type: 'put' as const, key: String(i), value: 'v' })))
  const waited = new AbortController()
  const timer = setTimeout(() => waited.abort(), 1)
  for (let round = 0; round < 1000 && !waited.signal.aborted; round++)
    for await (const page of store.rangePages()) expect(page.length).toBeGreaterThan(0)
  clearTimeout(timer)
  expect(waited.signal.aborted).toBe(true)
})
