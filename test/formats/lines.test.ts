import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BlockBuilder } from '../../src/blocks/block-builder.ts'
import { ByteArena } from '../../src/blocks/byte-arena.ts'
import { linesParser } from '../../src/formats/lines.ts'
import { type BadRecord, BadRecordError, type ParserOptions } from '../../src/formats/record-reader.ts'

type Entry = [key: string, value: string, expires?: number]

interface Loaded {
  entries: Entry[]
  refused: string[]
}

/** What lines come to, handed over in pieces that end at `cuts`; a fault that ends them is the last of the refused. */
function load(
  text: string | Uint8Array,
  { cuts = [], ...options }: Partial<ParserOptions> & { cuts?: number[] } = {},
): Loaded {
  const loaded: Loaded = { entries: [], refused: [] }
  const bytes = Buffer.from(text as string)
  const note = ({ line, reason }: BadRecord): void => void loaded.refused.push(`${line}: ${reason}`)
  const parser = linesParser({ maxKeyBytes: 20, maxValueBytes: 100_000, now: () => 0, skip: note, ...options })
  const made = parser.makes && { ...parser.makes, arena: new ByteArena(1) }
  let rest = Buffer.alloc(0)
  let from = 0
  for (const to of [...cuts, bytes.length]) {
    const length = rest.length + to - from
    const buffer = new Uint8Array(Buffer.concat([rest, bytes.subarray(from, to), Buffer.from('x\n\0')]))
    const builder = new BlockBuilder(buffer, 1, { made, keepsEqual: true })
    if (made !== undefined) made.arena.length = 0
    let done = length
    let isOver = to === bytes.length
    try {
      done = parser.parse(builder, length, to === bytes.length)
    } catch (error) {
      if (!(error instanceof BadRecordError)) throw error
      note(error.badRecord)
      isOver = true
    }
    const block = builder.finish()
    const part = (start: number, count: number): string =>
      Buffer.from(block.bytes.subarray(start, start + count)).toString()
    for (let n = 0; n < block.count; n++) {
      const entry = [
        part(block.keyStart[n]!, block.keyLength[n]!),
        part(block.valueStart[n]!, block.valueLength[n]!),
      ] as const
      const at = block.expires?.[n] ?? Number.NaN
      loaded.entries.push(Number.isNaN(at) ? [...entry] : [...entry, at])
    }
    if (isOver) break
    rest = Buffer.from(buffer.subarray(done, length))
    from = to
  }
  return { entries: loaded.entries.sort(), refused: loaded.refused }
}

const utf8 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text))

describe('lines', () => {
  test.each<[string, string, Partial<ParserOptions>, Entry[]]>([
    [
      'are keys without values',
      'a\nb c\n"d"\n',
      {},
      [
        ['"d"', ''],
        ['a', ''],
        ['b c', ''],
      ],
    ],
    [
      'end in LF or CRLF; empty ones, a mark and a missing end are fine',
      '\ufeffa\r\n\r\n\nb\rc\r\né',
      {},
      [
        ['a', ''],
        ['b\rc', ''],
        ['é', ''],
      ],
    ],
    [
      'end in NUL',
      'a\nb\0c\r\0\0d',
      { nul: true },
      [
        ['a\nb', ''],
        ['c\r', ''],
        ['d', ''],
      ],
    ],
    [
      'take a prefix',
      'a\n\nb\n',
      { mapping: { prefix: utf8('p:') } },
      [
        ['p:a', ''],
        ['p:b', ''],
      ],
    ],
    ['take a time to live', 'a\n', { mapping: { ttl: 5 } }, [['a', '', -5]]],
    ['take both', 'a\n', { mapping: { prefix: utf8('p'), ttl: 5 } }, [['pa', '', -5]]],
    [
      'make a key',
      'a\n\nb\n',
      { mapping: { key: 'x{line}{number:02}' } },
      [
        ['xa01', ''],
        ['xb03', ''],
      ],
    ],
    [
      'are values where the key is something else',
      'a\n\nb',
      { mapping: { key: '{number:02}' } },
      [
        ['01', 'a'],
        ['02', ''],
        ['03', 'b'],
      ],
    ],
    [
      'make a value',
      'a\nb\n',
      { mapping: { key: 'line', value: '"number"' } },
      [
        ['a', '1'],
        ['b', '2'],
      ],
    ],
    ['are nothing', '', {}, []],
    ['are nothing after a mark', '\ufeff', {}, []],
  ])('%s', (_, text, options, entries) => {
    expect(load(text, options)).toEqual({ entries, refused: [] })
    for (let cut = 0; cut <= Buffer.byteLength(text); cut++)
      expect(load(text, { ...options, cuts: [cut] })).toEqual({ entries, refused: [] })
  })

  test('that are bad are refused by their number', () => {
    const text = Buffer.from(`a\n\n\xff\n${'k'.repeat(21)}\né\xc3\nb\n`.replace('é', '\xc3\xa9'), 'latin1')
    const refused = ['3: invalid UTF-8 at column 1', '4: key is longer than 20 bytes', '5: invalid UTF-8 at column 2']
    expect(load(text)).toEqual({
      entries: [
        ['a', ''],
        ['b', ''],
      ],
      refused,
    })
    expect(load(text, { skip: undefined })).toEqual({ entries: [['a', '']], refused: refused.slice(0, 1) })
  })

  test('longer than any can be are refused before they end, and only their beginning is held', () => {
    const long = 'x'.repeat(70_000)
    expect(load(`a\n${long}${long}\nb\n`, { cuts: [70_002], skip: undefined })).toEqual({
      entries: [['a', '']],
      refused: ['2: a line is longer than 20 bytes'],
    })
    // Of a value a line may be as long as that.
    const mapping = { key: 'number' }
    expect(load(`${long}\n`, { cuts: [69_999], mapping, skip: undefined })).toEqual({
      entries: [['1', long]],
      refused: [],
    })
    const refused: number[] = []
    const parser = linesParser({
      maxKeyBytes: 20,
      maxValueBytes: 100,
      now: () => 0,
      skip: ({ line }) => void refused.push(line),
    })
    const buffer = new Uint8Array(65 << 20).fill(0x78)
    expect(parser.parse(new BlockBuilder(buffer), 1 << 20, false)).toBe(0)
    expect(parser.parse(new BlockBuilder(buffer), buffer.length, false)).toBe(buffer.length)
    expect(parser.parse(new BlockBuilder(buffer), 1000, false)).toBe(1000)
    const rest = new Uint8Array(Buffer.from('x\nok\n'))
    const builder = new BlockBuilder(rest)
    expect(parser.parse(builder, rest.length, true)).toBe(rest.length)
    expect({ count: builder.count, refused }).toEqual({ count: 1, refused: [1] })
  })

  test('a short line of a live pipe is not waited for', () => {
    const bytes = new Uint8Array([0x61, 0x0a])
    const options = { maxKeyBytes: 20, maxValueBytes: 100, now: () => 0, skip: undefined }
    expect(linesParser(options).parse(new BlockBuilder(bytes), 2, false)).toBe(2)
    expect(linesParser(options).parse(new BlockBuilder(new Uint8Array([0xef, 0xbb])), 2, false)).toBe(0)
  })

  test('have no other fields', () => {
    for (const mapping of [{ key: 'id' }, { key: 'line', value: 'line.x' }])
      expect(() => load('', { mapping })).toThrow('a line has no field')
  })

  test('any are those that split() finds', () => {
    const unit = fc.constantFrom('a', 'é', '\n', '\r\n', '\r', '\0', ' ', '😀')
    fc.assert(
      fc.property(
        fc.string({ unit, maxLength: 12 }),
        fc.boolean(),
        fc.array(fc.nat(50), { maxLength: 2 }),
        (text, nul, cuts) => {
          const length = Buffer.byteLength(text)
          const items = nul ? text.split('\0') : text.split('\n').map((line) => line.replace(/\r$/, ''))
          const expected = items.filter((item) => item !== '').map((item): Entry => [item, ''])
          const at = cuts.map((cut) => cut % (length + 1)).sort((a, b) => a - b)
          expect(load(text, { nul, cuts: at, maxKeyBytes: 100 })).toEqual({ entries: expected.sort(), refused: [] })
        },
      ),
    )
  })
})
