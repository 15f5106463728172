import { expect, test } from 'vitest'
import { utf8 } from '../../src/bytes.ts'
import { BlockParser, BLOCK_BYTES, type Parsed } from '../../src/load/block-parser.ts'
import { blockOps } from '../../src/blocks/block.ts'

const OPTIONS = { format: 'jsonl', maxKeyBytes: 100, maxValueBytes: 2 ** 26, skip: false } as const

function entries(parsed: readonly Parsed[]): [string, string][] {
  return parsed.flatMap(({ block }) =>
    [...blockOps(block)].map((op): [string, string] => [
      Buffer.from(op.key).toString(),
      op.type === 'del' ? '(deleted)' : Buffer.from(op.value).toString(),
    ]),
  )
}

/** Gives it input to its end; the blocks that became full. */
function push(blockParser: BlockParser, input: Uint8Array): Parsed[] {
  const all: Parsed[] = []
  for (let at = 0; at < input.length;) {
    const { bytes, full } = blockParser.take(input.subarray(at))
    at += bytes
    if (full !== undefined) all.push(full)
  }
  return all
}

test('a cut in the middle of a record keeps its bytes for the next, also when the empty block is given back', async () => {
  const blockParser = await BlockParser.of(OPTIONS)
  const all: Parsed[] = []
  const cut = (final: boolean): void => {
    const parsed = blockParser.cut(final)
    blockParser.recycle(parsed.block.bytes)
    all.push({ ...parsed, block: { ...parsed.block, bytes: new Uint8Array(parsed.block.bytes) } })
  }
  for (const part of [
    '{"key":"a","value":"1"}\n{"key":"bbbbbbbb","va',
    'lue":"22222222"}\n{"key":"cccccccc","value":"3333',
    '3333"}\n',
  ]) {
    push(blockParser, utf8(part))
    cut(false)
    cut(false)
  }
  cut(true)
  expect(entries(all)).toEqual([
    ['a', '1'],
    ['bbbbbbbb', '22222222'],
    ['cccccccc', '33333333'],
  ])
})

test('a record longer than a block takes a larger buffer', async () => {
  const blockParser = await BlockParser.of(OPTIONS)
  const value = 'x'.repeat(BLOCK_BYTES + 5)
  const all = [
    ...push(blockParser, utf8(`{"key":"big","value":"${value}"}\n{"key":"z","value":"1"}`)),
    blockParser.cut(true),
  ]
  expect(entries(all).map(([key, text]) => [key, text.length])).toEqual([
    ['big', value.length],
    ['z', 1],
  ])
})

test('a record longer than any can be ends the input, also where refused records are skipped', async () => {
  for (const skip of [false, true]) {
    const blockParser = await BlockParser.of({ ...OPTIONS, maxValueBytes: 100, skip })
    const all = [
      ...push(blockParser, utf8('{"key":"a","value":"1"}\n')),
      ...push(blockParser, new Uint8Array(BLOCK_BYTES * 2 + 1).fill(0x20)),
    ]
    const last = all.at(-1)!
    expect(last.final).toBe(true)
    expect(last.refused?.reason).toMatch(/longer than \d+ bytes/)
    expect(entries(all)).toEqual([['a', '1']])
    expect(push(blockParser, utf8('\n{"key":"late","value":"1"}\n'))).toEqual([])
  }
})

test('blocks grow up to their size, stay at it however long the input is, and lose nothing', async () => {
  const blockParser = await BlockParser.of(OPTIONS)
  const value = 'x'.repeat(50_000)
  let sent = 0
  let stored = 0
  const sizes: number[] = []
  const take = ({ block, inputBytes }: Parsed): void => {
    stored += block.count
    sizes.push(inputBytes)
    blockParser.recycle(block.bytes)
  }
  for (let n = 0; sent < 12 * BLOCK_BYTES; n += 20) {
    const records = Array.from({ length: 20 }, (_, i) => `["${String(n + i).padStart(9, '0')}","${value}"]\n`)
    const chunk = utf8(records.join(''))
    sent += chunk.length
    for (const parsed of push(blockParser, chunk)) take(parsed)
  }
  take(blockParser.cut(true))
  expect(stored * 50_017).toBe(sent)
  expect(sizes[0]).toBeLessThan(BLOCK_BYTES / 2)
  expect(Math.max(...sizes)).toBeLessThanOrEqual(BLOCK_BYTES)
  expect(sizes.at(-2)).toBeGreaterThan(BLOCK_BYTES / 2)
})

test.each([
  ['jsonl', '{"a":"x"}\n', { key: '{a}', value: 'v'.repeat(1000) + '{a}' }],
  ['jsonl', '{"key":"x","value":"1"}\n', { prefix: utf8('p'.repeat(1000)) }],
  ['json', '[{"a":"x"}]', { key: '{a}', value: 'v'.repeat(1000) + '{a}' }],
  ['lines', 'x\n', { key: '{line}', value: 'v'.repeat(1000) + '{line}' }],
] as const)(
  '%s of which much more is made than there is of it comes in several blocks',
  async (format, record, mapping) => {
    const count = 100_000
    const blockParser = await BlockParser.of({ ...OPTIONS, format, mapping, maxKeyBytes: 2000, keepsEqual: true })
    const input = utf8(record.repeat(count))
    const all: Parsed[] = []
    for (const part of [input.subarray(0, 1000), input.subarray(1000)]) all.push(...push(blockParser, part))
    do all.push(blockParser.cut(true))
    while (all.at(-1)!.more)
    expect(all.length).toBeGreaterThan(2)
    expect(all.reduce((sum, { block }) => sum + block.count, 0)).toBe(count)
    expect(all.reduce((sum, { inputBytes }) => sum + inputBytes, 0)).toBe(input.length)
    for (const { block } of all) expect(block.bytes.length).toBeLessThan(48 << 20)
  },
)
