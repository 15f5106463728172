import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Block, blockKey, lifetimeOf } from '../../../src/blocks/block.ts'
import { type PackingThread, startPackingThread } from '../../../src/drivers/sqlite/export/packing-thread.ts'
import { rangeBlocks } from '../../../src/drivers/sqlite/export/range-blocks.ts'
import { Connection } from '../../../src/drivers/sqlite/file/connection.ts'
import { type BatchOp, openStore } from '../../../src/index.ts'
import type { RangeQuery } from '../../../src/store/driver/driver.ts'
import { toText } from '../../helpers/bytes.ts'
import { openTestStore } from '../../helpers/store.ts'

/** Enough for a range to be long, and for many pages after that. */
const ENTRIES = 120_000
const OPTIONS = { sync: true, lockTimeoutMs: 5000 }
const QUERY = { start: undefined, end: undefined, reverse: false, limit: Infinity, keysOnly: false }
const NOW = Date.now()

const folder = mkdtempSync(join(tmpdir(), 'kv-test-'))
const path = join(folder, 'store.kv')
/** All entries, as a range without a thread gives them. */
let expected: string[]

/** Now and then a long value, and an expiry, also one that has passed. */
function op(i: number): BatchOp {
  const key = `k${String(i).padStart(7, '0')}`
  if (i % 50_021 === 1) return { type: 'put', key, value: 'long '.repeat(20_000) }
  if (i % 40_009 === 3) return { type: 'put', key, value: 'later', expires: NOW + 3_600_000 }
  if (i % 5003 === 4) return { type: 'put', key, value: 'gone', expires: NOW - 1 }
  return { type: 'put', key, value: `value ${i}`.repeat(8) }
}

/** The entries of a block, each in a line. */
function lines(block: Block): string[] {
  return Array.from({ length: block.count }, (_, i) => {
    const value = block.bytes.subarray(block.valueStart[i]!, block.valueStart[i]! + block.valueLength[i]!)
    const { expires } = lifetimeOf(block.expires?.[i] ?? Number.NaN)
    return [toText(blockKey(block, i)), toText(value), expires, block.checksums[i]].join(' ')
  })
}

/** A snapshot of the store on a connection of its own. */
function snapshot(): Connection {
  const connection = new Connection(path, OPTIONS)
  connection.exec('begin')
  return connection
}

async function started(thread: PackingThread): Promise<void> {
  while (thread.isStarting) await new Promise(setImmediate)
}

/** A long range with a thread, for which it waits once it is started; `step` is called for each block. */
async function withThread(
  start: () => PackingThread | undefined,
  step: (thread: PackingThread, lines: number) => unknown = () => {},
  query: RangeQuery = QUERY,
): Promise<string[]> {
  const connection = snapshot()
  const all: string[] = []
  let thread: PackingThread | undefined
  for await (const block of rangeBlocks(connection, query, NOW, () => (thread = start()))) {
    all.push(...lines(block))
    if (thread === undefined) continue
    await started(thread)
    await step(thread, all.length)
  }
  connection.close()
  return all
}

beforeAll(async () => {
  await using store = await openStore(path)
  await store.batch(Array.from({ length: ENTRIES }, (_, i) => op(i)))
  const connection = snapshot()
  expected = []
  for await (const block of rangeBlocks(connection, QUERY, NOW)) expected.push(...lines(block))
  connection.close()
})

afterAll(() => rmSync(folder, { recursive: true }))

const start = (): PackingThread => startPackingThread(path, OPTIONS, () => true)!
const running = (): string[] => process.getActiveResourcesInfo().filter((name) => /worker|message/i.test(name))

test('a long range in blocks is the same with a thread that reads ahead', async () => {
  let ready = 0
  const all = await withThread(start, (thread) => void (ready += Number(thread.isReady)))
  expect(all).toHaveLength(ENTRIES - Math.ceil((ENTRIES - 4) / 5003))
  expect(all).toEqual(expected)
  expect(ready).toBeGreaterThan(10)
  const part = { ...QUERY, start: Buffer.from('k0001000'), end: Buffer.from('k0110000') }
  const keys = expected.filter((line) => line >= 'k0001000' && line < 'k0110000')
  expect(await withThread(start, undefined, part)).toEqual(keys)
  expect(running()).toEqual([])
})

test.for(['cannot open the store', 'has another snapshot', 'ends in the middle'] as const)(
  'and when the thread %s',
  async (name) => {
    const starts: Record<typeof name, () => PackingThread | undefined> = {
      'cannot open the store': () => startPackingThread(`${path}-absent`, OPTIONS, () => true),
      'has another snapshot': () => startPackingThread(path, OPTIONS, () => false),
      'ends in the middle': start,
    }
    const all = await withThread(starts[name], async (thread, count) => {
      if (name === 'ends in the middle' && count > ENTRIES / 2) await thread.close()
    })
    expect(all).toEqual(expected)
    expect(running()).toEqual([])
  },
)

test('shows one moment, whenever others write meanwhile', async () => {
  await using store = await openTestStore(path)
  await using other = await openTestStore(path)
  for (const writeAfter of [0, 1, 20, 30]) {
    const all: string[] = []
    let blocks = 0
    for await (const block of store.rangeBlocks()) {
      all.push(...lines(block))
      // By this process's own connection, and by another.
      if (blocks++ !== writeAfter) continue
      await store.put('k0119999', 'changed')
      await other.batch([
        { type: 'put', key: 'k0119998', value: 'changed' },
        { type: 'put', key: 'm', value: 'new' },
        { type: 'del', key: 'k0119997' },
      ])
    }
    expect(blocks).toBeGreaterThan(writeAfter)
    expect(all.map((line) => line.split(' ')[0])).toEqual(expected.map((line) => line.split(' ')[0]))
    expect(all).toEqual(expected)
    await store.batch([op(119_997), op(119_998), op(119_999), { type: 'del', key: 'm' }])
  }
})

test('one that is left early, or whose store is closed, leaves no thread behind', async () => {
  const store = await openStore(path)
  let count = 0
  for await (const _ of store.rangeBlocks()) if (++count > 15) break
  expect(running()).toEqual([])
  const blocks = store.rangeBlocks()[Symbol.asyncIterator]()
  for (let n = 0; n < 15; n++) await blocks.next()
  await store.close()
  await expect(blocks.next()).rejects.toMatchObject({ code: 'KV_CLOSED' })
  expect(running()).toEqual([])
})
