import { parse as parseCsv } from 'csv-parse/sync'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BlockBuilder } from '../../src/blocks/block-builder.ts'
import { ByteArena } from '../../src/blocks/byte-arena.ts'
import { csvParser, tsvParser } from '../../src/formats/csv/reader.ts'
import type { Mapping } from '../../src/formats/mapping.ts'
import { type BadRecord, BadRecordError, type ParserOptions } from '../../src/formats/record-reader.ts'

type Entry = [key: string, value: string, expires?: number]

interface Loaded {
  entries: Entry[]
  refused: string[]
  stopped?: Pick<BadRecord, 'line' | 'reason' | 'hint'>
}

type Options = Partial<ParserOptions> & { format?: 'csv' | 'tsv'; cuts?: readonly number[] }

/** What a table comes to; the input is handed over in pieces that end at `cuts`. */
function load(text: string | Uint8Array, { format = 'csv', cuts = [], ...options }: Options = {}): Loaded {
  const loaded: Loaded = { entries: [], refused: [] }
  const bytes = Buffer.from(text as string)
  const skip = (bad: BadRecord): void => void loaded.refused.push(`${bad.line}: ${bad.reason}`)
  const limits = { maxKeyBytes: 100, maxValueBytes: 3000, now: () => 0, skip }
  const parser = { csv: csvParser, tsv: tsvParser }[format]({ ...limits, ...options })
  const made = parser.makes && { ...parser.makes, arena: new ByteArena(1) }
  let rest = Buffer.alloc(0)
  let from = 0
  for (const to of [...cuts, bytes.length]) {
    const length = rest.length + to - from
    // What stands after the input must play no part.
    const buffer = new Uint8Array(Buffer.concat([rest, bytes.subarray(from, to), Buffer.from('"x,\n')]))
    const before = Buffer.from(buffer)
    const builder = new BlockBuilder(buffer, 1, { made, keepsEqual: true })
    if (made !== undefined) made.arena.length = 0
    let done = length
    try {
      done = parser.parse(builder, length, to === bytes.length)
    } catch (error) {
      if (!(error instanceof BadRecordError)) throw error
      const { line, reason, hint, start, end } = error.badRecord
      loaded.stopped = hint === undefined ? { line, reason } : { line, reason, hint }
      // A refused record is still what the input has.
      expect(before.subarray(start, end).equals(buffer.subarray(start, end))).toBe(true)
    }
    loaded.entries.push(...entriesOf(builder))
    if (loaded.stopped !== undefined) break
    rest = Buffer.from(buffer.subarray(done, length))
    from = to
  }
  return loaded
}

function entriesOf(builder: BlockBuilder): Entry[] {
  const { bytes, count, keyStart, keyLength, valueStart, valueLength, expires } = builder.finish()
  const text = (start: number, length: number): string => Buffer.from(bytes.subarray(start, start + length)).toString()
  return Array.from({ length: count }, (_, n): Entry => {
    const entry = [text(keyStart[n]!, keyLength[n]!), text(valueStart[n]!, valueLength[n]!)] as const
    const at = expires?.[n] ?? Number.NaN
    return Number.isNaN(at) ? [...entry] : [...entry, at]
  })
}

const PEOPLE = 'id,name,city\n7,Ada,London\n12,"Bob ""B""","New\nYork"\n'
const ADA = '{"id":"7","name":"Ada","city":"London"}'
const BOB = String.raw`{"id":"12","name":"Bob \"B\"","city":"New\nYork"}`

describe('keys and values from columns', () => {
  test.each<[string, Mapping, string, Entry[]]>([
    [
      'the row as an object',
      { key: 'id' },
      PEOPLE,
      [
        ['12', BOB],
        ['7', ADA],
      ],
    ],
    [
      'a column each',
      { key: 'id', value: 'city' },
      PEOPLE,
      [
        ['12', 'New\nYork'],
        ['7', 'London'],
      ],
    ],
    [
      'one column for both',
      { key: 'name', value: 'name' },
      PEOPLE,
      [
        ['Ada', 'Ada'],
        ['Bob "B"', 'Bob "B"'],
      ],
    ],
    [
      'the same under two names',
      { key: 'name', value: '"name"' },
      PEOPLE,
      [
        ['Ada', 'Ada'],
        ['Bob "B"', 'Bob "B"'],
      ],
    ],
    [
      'a template',
      { key: 'u:{id:04}', value: 'name' },
      PEOPLE,
      [
        ['u:0007', 'Ada'],
        ['u:0012', 'Bob "B"'],
      ],
    ],
    [
      'two',
      { key: '{id:>3}', value: '<{city}|{name}>' },
      PEOPLE,
      [
        ['  7', '<London|Ada>'],
        [' 12', '<New\nYork|Bob "B">'],
      ],
    ],
    [
      'a prefix',
      { key: 'id', prefix: Buffer.from('é:') },
      PEOPLE,
      [
        ['é:12', BOB],
        ['é:7', ADA],
      ],
    ],
    [
      'a prefix and a column',
      { key: 'id', value: 'name', prefix: Buffer.from('p') },
      PEOPLE,
      [
        ['p12', 'Bob "B"'],
        ['p7', 'Ada'],
      ],
    ],
    [
      'a time to live',
      { key: 'id', value: 'name', ttl: 5 },
      PEOPLE,
      [
        ['12', 'Bob "B"', -5],
        ['7', 'Ada', -5],
      ],
    ],
    ['fields of an entry are data', { key: 'key' }, 'key,ttl\na,5\n', [['a', '{"key":"a","ttl":"5"}']]],
    ['a name with dots', { key: 'a.b', value: '"a.b"' }, 'a.b,c\n1,2\n', [['1', '1']]],
    ['a name that is empty', { key: '""' }, 'x,\n1,2\n', [['2', '{"x":"1","":"2"}']]],
    ['blanks around names', { key: 'id' }, '\ufeff id ,"n ame "\r\n1, x \r\n', [['1', '{"id":"1","n ame":" x "}']]],
    ['an empty field in a template', { key: '{a}-{b}', value: 'a' }, 'a,b\n,x\n', [['-x', '']]],
    ['the same name twice, not asked for', { key: 'id', value: 'id' }, 'id,x,x\n1,2,3\n', [['1', '1']]],
    [
      'prefix without a key',
      { prefix: Buffer.from('p:') },
      'value,key,ttl\n"a""",b,\nc,"d",9\n',
      [
        ['p:b', 'a"'],
        ['p:d', 'c', -9000],
      ],
    ],
    [
      'time to live without a key',
      { ttl: 7 },
      'key,value,ttl\na,b,\nc,d,9\n',
      [
        ['a', 'b', -7],
        ['c', 'd', -9000],
      ],
    ],
    ['prefix before a key of hex', { prefix: Buffer.from('p:') }, 'key_hex,value\n6b6b,v\n', [['p:kk', 'v']]],
  ])('%s', (_, mapping, text, entries) => {
    const whole = load(text, { mapping })
    expect(whole).toEqual({ entries, refused: [] })
    const tabs = text.replaceAll(/"(?:[^"]|"")*"/g, (field) =>
      field.slice(1, -1).replaceAll('""', '"').replaceAll('\n', '\\n'),
    )
    expect(load(tabs.replaceAll(',', '\t'), { mapping, format: 'tsv' })).toEqual(whole)
    for (let cut = 0; cut <= Buffer.byteLength(text); cut++) {
      const { entries: cutEntries, refused } = load(text, { mapping, cuts: [cut] })
      expect({ entries: cutEntries.sort(), refused }).toEqual({ entries: entries.toSorted(), refused: [] })
    }
  })

  test.each<[string, Mapping, string, Loaded['stopped']]>([
    [
      'a column that is not there',
      { key: 'idd' },
      PEOPLE,
      { line: 1, reason: 'no column "idd"; there are id, name, city', hint: 'perhaps --key id' },
    ],
    [
      'another case',
      { key: 'u:{ID:04}' },
      PEOPLE,
      { line: 1, reason: 'no column "ID"; there are id, name, city', hint: "perhaps --key 'u:{id:04}'" },
    ],
    [
      'a value',
      { key: 'id', value: 'nam e' },
      PEOPLE,
      { line: 1, reason: 'no column "nam e"; there are id, name, city', hint: 'perhaps --value name' },
    ],
    [
      'nothing like it',
      { key: 'telephone' },
      PEOPLE,
      {
        line: 1,
        reason: 'no column "telephone"; there are id, name, city',
      },
    ],
    [
      'a path',
      { key: 'name.first' },
      PEOPLE,
      {
        line: 1,
        reason: 'no column "name.first"; there are id, name, city',
      },
    ],
    ['one column', { key: 'b' }, '\n\na\n1\n', { line: 3, reason: 'no column "b"; there is only a' }],
    [
      'many',
      { key: 'x' },
      `${Array.from({ length: 1025 }, (_, n) => `c${n}`).join(',')}\n`,
      {
        line: 1,
        reason: `no column "x"; there are ${Array.from({ length: 20 }, (_, n) => `c${n}`).join(', ')} and 1,005 more`,
      },
    ],
    [
      'a name that is there twice',
      { key: 'a', value: 'b' },
      'a,b,a\n1,2,3\n',
      { line: 1, reason: 'column "a" is there twice' },
    ],
    [
      'an object with a name twice',
      { key: 'a' },
      'a,b,b\n1,2,3\n',
      {
        line: 1,
        reason: 'column "b" is there twice, which an object cannot say',
        hint: "choose the value with --value, as in --value '{a}:{b}', or name the columns with --no-header --fields",
      },
    ],
    ['no header', { key: 'a' }, '', { line: 1, reason: 'no header' }],
  ])('%s is refused with the header', (_, mapping, text, stopped) => {
    expect(load(text, { mapping })).toEqual({ entries: [], refused: [], stopped })
  })

  test('records are refused by name, and the others are there', () => {
    const text = 'id,n\n1,a\n,b\n-3,c\nx,d\n12345,e\n4\n5,f,g\n6,"g"h\n7,é\n'
    expect(load(text, { mapping: { key: 'k{id:03}', value: 'n' } })).toEqual({
      entries: [
        ['k001', 'a'],
        ['k007', 'é'],
      ],
      refused: [
        '3: "id" is not a plain number',
        '4: "id" is negative, so padded with zeros it would not sort',
        '5: "id" is not a plain number',
        '6: "id" has more than 3 digits before the point',
        '7: 1 field where the header has 2',
        '8: 3 fields where the header has 2',
        '9: text after the closing quote of a field',
      ],
    })
    expect(load('id,n\n,a\nb,\n', { mapping: { key: 'id' } })).toEqual({
      entries: [['b', '{"id":"b","n":""}']],
      refused: ['2: key is empty'],
    })
    const long = 'v'.repeat(2990)
    expect(load(`id,n\na,${long}\nb,v\n`, { mapping: { key: 'id' } })).toEqual({
      entries: [['b', '{"id":"b","n":"v"}']],
      refused: ['2: value is longer than 3000 bytes'],
    })
    const controls = '\u0001'.repeat(2000)
    expect(load(`id,n\na,${controls}\nb,v\n`, { mapping: { key: 'id' } }).refused).toEqual([
      '2: value is longer than 3000 bytes',
    ])
  })
})

describe('other ways to write a table', () => {
  test.each<[string, string, Options, Entry[]]>([
    [
      'semicolons',
      'key;value\na;"1;2"\nb;x,y\n',
      { delimiter: 0x3b },
      [
        ['a', '1;2'],
        ['b', 'x,y'],
      ],
    ],
    [
      'tabs with quotes',
      'key\tvalue\na\t"1\t""2"\nb\t\\t\n',
      { delimiter: 0x09 },
      [
        ['a', '1\t"2'],
        ['b', '\\t'],
      ],
    ],
    [
      'other quotes',
      "key,value\na,'1,''2'\nb,\"x\"\n",
      { quote: 0x27 },
      [
        ['a', "1,'2"],
        ['b', '"x"'],
      ],
    ],
    [
      'no quotes',
      'key,value\na,"\n"b,c"\n',
      { quote: -1 },
      [
        ['"b', 'c"'],
        ['a', '"'],
      ],
    ],
    ['the line Excel writes', 'sep=;\r\nkey;value\r\na;1,2\r\n', {}, [['a', '1,2']]],
    ['the same, and a byte order mark', '\ufeffsep=|\nkey|value\na|1\n', {}, [['a', '1']]],
    ['the same as the delimiter', 'sep=,\nkey,value\na,1\n', {}, [['a', '1']]],
    ['the same, where a delimiter is given', 'sep=,\nkey;value\na;1,2\n', { delimiter: 0x3b }, [['a', '1,2']]],
    ['the same before records', 'sep=;\na;1\n', { columns: [] }, [['a', '1']]],
    [
      'no header',
      'a,1\nb,2\n',
      { columns: [] },
      [
        ['a', '1'],
        ['b', '2'],
      ],
    ],
    [
      'no header but names',
      '5,a,1\n,b,2\n',
      { columns: ['ttl', 'key', ' Value '] },
      [
        ['a', '1', -5000],
        ['b', '2'],
      ],
    ],
    ['numbered columns', 'x,a,1\n', { columns: [], mapping: { key: '2', value: '{3}{1}' } }, [['a', '1x']]],
    [
      'an object of these',
      '\na,1\nb,2\n',
      { columns: [], mapping: { key: '1' } },
      [
        ['a', '{"1":"a","2":"1"}'],
        ['b', '{"1":"b","2":"2"}'],
      ],
    ],
    ['names and an object', 'a,1\n', { columns: ['x', 'y'], mapping: { key: 'y' } }, [['1', '{"x":"a","y":"1"}']]],
  ])('%s', (_, text, options, entries) => {
    expect(load(text, options)).toEqual({ entries, refused: [] })
    for (let cut = 0; cut <= Buffer.byteLength(text); cut++)
      expect(load(text, { ...options, cuts: [cut] }).entries.sort()).toEqual(entries.toSorted())
  })

  test('without a header the first record tells how many columns there are, if nothing else does', () => {
    expect(load('a,1\nb\nc,1,2\n', { columns: [] }).refused).toEqual([
      '2: 1 field where 2 are expected: key,value',
      '3: 3 fields where 2 are expected: key,value',
    ])
    const mapping = { key: '1', value: '2' }
    expect(load('"x"y\na,1\nb\n', { columns: [], mapping })).toEqual({
      entries: [['a', '1']],
      refused: ['1: text after the closing quote of a field', '3: 1 field where the first record has 2'],
    })
    expect(load('a,1,2\n', { columns: ['x', 'y'], mapping: { key: 'x' } }).refused).toEqual([
      '1: 3 fields where --fields names 2',
    ])
    expect(load('a,1\n', { columns: [], mapping: { key: '3' } }).stopped).toEqual({
      line: 1,
      reason: 'no column "3"; there are 1, 2',
    })
    expect(load('', { columns: [] })).toEqual({ entries: [], refused: [] })
    expect(() => load('', { columns: ['a', 'b'], mapping: { key: 'c' } })).toThrow('no column "c"; there are a, b')
    expect(() => load('', { columns: ['a', 'b'] })).toThrow('unknown column "a", expected key,value')
  })
})

test('any table is what csv-parse reads, whatever the delimiter, the quote and the line ends, cut anywhere', () => {
  const field = fc.string({
    unit: fc.constantFrom('a', 'é', ' ', '"', "'", ',', ';', '\t', '\n', '\r\n', '\\', '\u0001', '😀'),
    maxLength: 6,
  })
  const rows = fc
    .integer({ min: 1, max: 4 })
    .chain((width) => fc.array(fc.array(field, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 5 }))
  fc.assert(
    fc.property(
      rows,
      fc.constantFrom(',', ';', '\t', '|'),
      fc.constantFrom('"', "'"),
      fc.constantFrom('\n', '\r\n'),
      fc.boolean(),
      fc.boolean(),
      fc.array(fc.nat(1000), { maxLength: 3 }),
      (table, delimiter, quote, lineEnd, quotesAll, hasEnd, cuts) => {
        const written = (text: string): string =>
          quotesAll || text === '' || [delimiter, quote, '\n', '\r'].some((char) => text.includes(char))
            ? `${quote}${text.replaceAll(quote, quote + quote)}${quote}`
            : text
        const header = table[0]!.map((_, n) => `c${n}`)
        const text =
          [header, ...table].map((row) => row.map(written).join(delimiter)).join(lineEnd) + (hasEnd ? lineEnd : '')
        const oracle = parseCsv(text, {
          delimiter,
          quote,
          escape: quote,
          record_delimiter: lineEnd,
          columns: true,
        }) as Record<string, string>[]
        const length = Buffer.byteLength(text)
        const loaded = load(text, {
          delimiter: delimiter.charCodeAt(0),
          quote: quote.charCodeAt(0),
          cuts: cuts.map((cut) => cut % (length + 1)).sort((a, b) => a - b),
          mapping: { key: '{c0}.' },
        })
        expect(loaded.refused).toEqual([])
        expect(loaded.entries.sort()).toEqual(
          oracle.map((row): Entry => [`${row['c0']!}.`, JSON.stringify(row)]).sort(),
        )
      },
    ),
    { numRuns: 500 },
  )
})

test('a table of many columns, and a header longer than any is', () => {
  const names = Array.from({ length: 10_000 }, (_, n) => `column ${n}`)
  const text = `${names.join(',')}\n${names.map((_, n) => n).join(',')}\n`
  expect(load(text, { mapping: { key: 'column 9999', value: '{column 0}-{column 64}' }, cuts: [70_000] })).toEqual({
    entries: [['9999', '0-64']],
    refused: [],
  })
  const endless = 'c,'.repeat(3 << 20)
  expect(load(endless, { mapping: { key: 'c' }, cuts: [5 << 20] }).stopped).toEqual({
    line: 1,
    reason: `the header is longer than ${4 << 20} bytes`,
  })
})

test('a block ends where much is put together, and nothing is lost', () => {
  const names = Array.from({ length: 100 }, (_, n) => `${'n'.repeat(1000)}${n}`)
  const row = ','.repeat(99)
  const parser = csvParser({
    maxKeyBytes: 100,
    maxValueBytes: 1 << 20,
    now: () => 0,
    skip: undefined,
    mapping: { key: `{${names[0]}}k` },
  })
  const text = Buffer.from(`${names.join(',')}\n${`${row}\n`.repeat(1000)}`)
  const arena = new ByteArena()
  let rest = new Uint8Array(text)
  let records = 0
  let blocks = 0
  while (rest.length > 0) {
    arena.length = 0
    const builder = new BlockBuilder(rest, 1, { made: { keys: true, values: true, arena } })
    const done = parser.parse(builder, rest.length, true)
    records += builder.count
    blocks++
    expect(arena.length).toBeLessThan(16 << 20)
    rest = rest.slice(done)
  }
  expect({ records, blocks }).toEqual({ records: 1000, blocks: 14 })
})
