import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MemoryDriver } from '../../src/drivers/memory/driver.ts'
import type { Block } from '../../src/blocks/block.ts'
import { recordingDriver } from '../../src/repl/undo/recording-driver.ts'
import { UndoLog } from '../../src/repl/undo/undo.ts'
import { Store } from '../../src/store/store.ts'
import { type BlockRow, block } from '../conformance/suite.ts'
import { toText } from '../helpers/bytes.ts'
import { entries, failureCode } from '../helpers/store.ts'

const LATER = Date.UTC(2100, 0, 1)

const key = fc.constantFrom('a', 'b', 'c', 'd', 'e')
const row: fc.Arbitrary<BlockRow> = fc.oneof(
  fc.tuple(key, fc.constantFrom('1', '2', '3'), fc.constantFrom(undefined, LATER)) as fc.Arbitrary<BlockRow>,
  fc.tuple(key),
)

async function held(store: Store): Promise<string[]> {
  return (await entries(store)).map(({ key, value, expires }) => `${toText(key)}=${toText(value)} ${expires}`)
}

async function* asTheyCome(blocks: readonly Block[]): AsyncGenerator<Block, void, void> {
  yield* blocks
}

/** A block of rows in any order; without `ifAbsent`, the last of each key. */
function packed(rows: readonly BlockRow[], ifAbsent: boolean): Block {
  const kept = ifAbsent ? rows : [...new Map(rows.map((one) => [one[0], one])).values()]
  return block(kept.toSorted(([a], [b]) => (a < b ? -1 : Number(a > b))))
}

function recorded(): { memory: MemoryDriver; log: UndoLog; store: Store } {
  const memory = new MemoryDriver()
  const log = new UndoLog()
  const place = { refusal: () => undefined, identity: () => 'here' }
  return { memory, log, store: new Store('memory', recordingDriver(memory, log, place)) }
}

test('a load with deletes, or of what is absent, is undone exactly', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(row, { maxLength: 5 }),
      fc.array(fc.array(row, { maxLength: 8 }), { maxLength: 3 }),
      fc.record({ ifAbsent: fc.boolean(), later: fc.boolean(), oneByOne: fc.boolean() }),
      async (given, loads, { ifAbsent, later, oneByOne }) => {
        const { log, store } = recorded()
        await store.load([packed(given, false)])
        const before = await held(store)
        const blocks = loads.map((rows) => packed(rows, ifAbsent))
        log.begin(1, 'batch-put')
        const all = oneByOne ? blocks.map((one) => [one]) : [blocks]
        for (const some of all) await store.load(later ? asTheyCome(some) : some, { ifAbsent })
        log.end()
        if (all.length > 0) await log.undo(store, () => 'here', new AbortController().signal)
        expect(await held(store)).toEqual(before)
        await store.close()
      },
    ),
  )
})

test('a load of what is absent is not undone where another process has put some of it meanwhile', async () => {
  const { memory, log, store } = recorded()
  const blocks = async function* () {
    yield block([
      ['a', '1'],
      ['b', '1'],
    ])
    await memory.put(Buffer.from('a'), Buffer.from('theirs'))
  }
  log.begin(1, 'batch-put')
  await store.load(blocks(), { ifAbsent: true })
  log.end()
  expect(await failureCode(() => log.undo(store, () => 'here', new AbortController().signal))).toBe('KV_NOT_UNDONE')
  expect(await held(store)).toEqual(['a=theirs undefined', 'b=1 undefined'])
})
