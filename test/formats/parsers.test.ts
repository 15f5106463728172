import { parse as parseCsv } from 'csv-parse/sync'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BlockBuilder } from '../../src/blocks/block-builder.ts'
import { csvParser, tsvParser } from '../../src/formats/csv/reader.ts'
import { jsonParser } from '../../src/formats/json/reader.ts'
import { jsonLinesParser } from '../../src/formats/json/lines-reader.ts'
import {
  type ParserOptions,
  type RecordParser,
  BadRecordError,
  type BadRecord,
} from '../../src/formats/record-reader.ts'
import { DIALECTS, Row } from '../../src/formats/csv/row.ts'
import { checksum } from '../../src/blocks/checksum.ts'

type Format = 'jsonl' | 'json' | 'csv' | 'tsv'
type Entry = [key: string, value: string, expires?: number]

const NO_TTL = 'ttl is not a positive number of seconds, or a time such as 10m'
const NOW = 1_000_000_000_000
/** Longest key and value of these tests, in bytes. */
const MAX_KEY = 20
const MAX_VALUE = 3000

interface Loaded {
  /** In input order; keys and values as Latin-1, so that every byte shows. */
  entries: Entry[]
  refused: (BadRecord & { source: string })[]
  /** What was thrown. */
  stopped: (BadRecord & { source: string }) | undefined
}

function create(format: Format, options: ParserOptions): RecordParser {
  return { jsonl: jsonLinesParser, json: jsonParser, csv: csvParser, tsv: tsvParser }[format](options)
}

/** Hands the input to a parser as a caller would, in pieces that end at `cuts`. */
function load(
  format: Format,
  input: string | Uint8Array,
  { cuts = [], skip = false }: { cuts?: number[]; skip?: boolean } = {},
): Loaded {
  const bytes = new Uint8Array(Buffer.from(input as string))
  const loaded: Loaded = { entries: [], refused: [], stopped: undefined }
  let buffer = new Uint8Array(0)
  const note = (refusal: BadRecord) => ({
    ...refusal,
    source: Buffer.from(buffer.subarray(refusal.start, refusal.end)).toString(),
  })
  const parser = create(format, {
    maxKeyBytes: MAX_KEY,
    maxValueBytes: MAX_VALUE,
    now: () => NOW,
    skip: skip ? (refusal) => void loaded.refused.push(note(refusal)) : undefined,
  })
  let rest = new Uint8Array(0)
  let from = 0
  for (const to of [...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]) {
    const length = rest.length + to - from
    // Bytes after `length` must play no part.
    buffer = new Uint8Array([...rest, ...bytes.subarray(from, to), ...Buffer.from('"}\n')])
    const builder = new BlockBuilder(buffer, 1)
    try {
      const consumed = parser.parse(builder, length, to === bytes.length)
      expect(consumed).toBeLessThanOrEqual(length)
      if (to === bytes.length) expect(consumed).toBe(length)
      rest = buffer.slice(consumed, length)
    } catch (error) {
      if (!(error instanceof BadRecordError)) throw error
      expect(error.message).toBe(error.badRecord.reason)
      loaded.stopped = note(error.badRecord)
    }
    loaded.entries.push(...entriesOf(builder))
    if (loaded.stopped !== undefined || to === bytes.length) break
    from = to
  }
  return loaded
}

/** The entries of a builder in input order. */
function entriesOf(builder: BlockBuilder): Entry[] {
  const entries: [number, Entry][] = []
  const count = builder.count
  const block = builder.finish()
  // The tests that look at order use distinct keys.
  if (block.count < count) return []
  for (let i = 0; i < block.count; i++) {
    const key = block.bytes.subarray(block.keyStart[i], block.keyStart[i]! + block.keyLength[i]!)
    const value = block.bytes.subarray(block.valueStart[i], block.valueStart[i]! + block.valueLength[i]!)
    const at = block.expires?.[i] ?? Number.NaN
    const expires = Number.isNaN(at) ? undefined : at
    expect(block.checksums[i]).toBe(checksum(key, value, expires! < 0 ? undefined : expires))
    const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')
    entries.push([
      block.keyStart[i]!,
      expires === undefined ? [latin1(key), latin1(value)] : [latin1(key), latin1(value), expires],
    ])
  }
  return entries.sort((a, b) => a[0] - b[0]).map(([, entry]) => entry)
}

const latin1 = (text: string): string => Buffer.from(text).toString('latin1')

/** Everything but the positions in the buffer, which depend on the cuts. */
const withoutPositions = ({ entries, refused, stopped }: Loaded) => ({
  entries,
  refused: refused.map((refusal) => ({ ...refusal, start: 0, end: 0 })),
  stopped: stopped && { ...stopped, start: 0, end: 0 },
})

describe('JSON records', () => {
  const accepted: [string, Entry][] = [
    ['{"key":"a","value":"b"}', ['a', 'b']],
    ['{"key":"a","value":""}', ['a', '']],
    ['{"key": "a", "value": "b"}', ['a', 'b']],
    [' { "value" : "b" , "key" : "a" } ', ['a', 'b']],
    ['["a","b"]', ['a', 'b']],
    ['[ "a" , [1, 2] ]', ['a', '[1, 2]']],
    ['{"key":"é","value":"日😀"}', [latin1('é'), latin1('日😀')]],
    ['{"key":"\\u00e9\\n","value":"\\ud83d\\ude00\\u0000\\/"}', [latin1('é\n'), latin1('😀\0/')]],
    ['{"key":"a","value":1E400}', ['a', '1E400']],
    ['{"key":"a","value":12345678901234567890}', ['a', '12345678901234567890']],
    ['{"key":"a","value":{"z" : 1,\t"a":"\\u00e9"} }', ['a', '{"z" : 1,\t"a":"\\u00e9"}']],
    ['{"key":"a","value":null}', ['a', 'null']],
    ['{"k\\u0065y":"a","value":true}', ['a', 'true']],
    ['{"key":"a","value":"b","ttl":1.5}', ['a', 'b', -1500]],
    ['{"key":"a","value":"b","ttl":1.1}', ['a', 'b', -1100]],
    ['{"key":"a","value":"b","ttl":1e-9}', ['a', 'b', -1]],
    ['{"key":"a","value":"b","expires":"2030-01-01T00:00:01Z"}', ['a', 'b', Date.UTC(2030, 0, 1, 0, 0, 1)]],
    [
      '{"key":"a","value":"b","expires":"2030-01-31T12:00:00.1239+01:30"}',
      ['a', 'b', Date.UTC(2030, 0, 31, 10, 30, 0, 123)],
    ],
    ['{"key":"a","value":"b","expires":"2024-02-29 23:59:60-00:30"}', ['a', 'b', Date.UTC(2024, 2, 1, 0, 30, 0)]],
    ['{"key":"a","value":"b","expires":"2029-12-31T23:59:59.999z"}', ['a', 'b', Date.UTC(2030, 0, 1) - 1]],
    ['{"key":"a","value":"b","expires":"1969-12-31T23:59:59.999z"}', ['a', 'b', Date.UTC(2001, 0, 1)]],
    ['{"key":"a","value":"b","ttl":"10m"}', ['a', 'b', -600_000]],
    ['{"key":"a","value":"b","ttl":"5"}', ['a', 'b', -5000]],
    ['{"key":"a","value":"b","ttl":"500ms"}', ['a', 'b', -500]],
    ['{"key":"a","value":"b","ttl":null,"expires":null}', ['a', 'b']],
    ['{"key":"a","value":"b","ttl":null,"expires":"2030-01-01T00:00:01Z"}', ['a', 'b', Date.UTC(2030, 0, 1, 0, 0, 1)]],
    ['{"key":"a","value":"b","expires":"2030-01-01 00:00:01+00"}', ['a', 'b', Date.UTC(2030, 0, 1, 0, 0, 1)]],
    ['{"key":"a","value":"b","expires":"2030-01-01T02:00:01.5+0200"}', ['a', 'b', Date.UTC(2030, 0, 1, 0, 0, 1, 500)]],
    ['{"key_base64":"/+8=","value_base64":"AP8"}', ['\xff\xef', '\x00\xff']],
    ['{"key_base64":"_-8","value_base64":""}', ['\xff\xef', '']],
    ['{"key_base64":"\\/+8=","value":"b"}', ['\xff\xef', 'b']],
    ['{"key_hex":"\\u0036\\u0031","value_base64":"YQ\\u003d\\u003d"}', ['a', 'a']],
    [
      `{"key":"${'k'.repeat(MAX_KEY)}","value":"${'v'.repeat(MAX_VALUE)}"}`,
      ['k'.repeat(MAX_KEY), 'v'.repeat(MAX_VALUE)],
    ],
    [
      `{"key":"${'\\u006b'.repeat(MAX_KEY)}","value":"${'\\n'.repeat(MAX_VALUE)}"}`,
      ['k'.repeat(MAX_KEY), '\n'.repeat(MAX_VALUE)],
    ],
  ]
  test.each(accepted)('%s', (text, entry) => {
    expect(load('jsonl', text)).toEqual({ entries: [entry], refused: [], stopped: undefined })
    expect(load('json', `[${text}]`)).toEqual({ entries: [entry], refused: [], stopped: undefined })
  })

  const refused: [string, string][] = [
    ['{}', 'no key'],
    ['[]', 'no key'],
    ['{"value":"b"}', 'no key'],
    ['{"key":"a"}', 'no value'],
    ['["a"]', 'no value'],
    ['["a","b",1]', 'record has more than [key, value]'],
    ['{"key":1,"value":"b"}', 'key is not a string'],
    ['[null,"b"]', 'key is not a string'],
    [
      `{"key":"a","value":"b","expires":"${'2'.repeat(300)}"}`,
      'expires is not an RFC 3339 time such as 2030-01-31T12:00:00Z',
    ],
    [
      `{"key":"a","value":"b","${'\\u006e'.repeat(100)}":1}`,
      `unknown field ${JSON.stringify(`${'\\u006e'.repeat(7).slice(0, 40)}...`)}`,
    ],
    [`{"key":"a","value":"b","${'n'.repeat(300)}":1}`, `unknown field "${'n'.repeat(40)}..."`],
    ['{"key":"","value":"b"}', 'key is empty'],
    ['{"key_base64":"","value":"b"}', 'key is empty'],
    [`{"key":"${'k'.repeat(MAX_KEY + 1)}","value":"b"}`, `key is longer than ${MAX_KEY} bytes`],
    [`{"key":"${'\\u00e9'.repeat(MAX_KEY / 2)}k","value":"b"}`, `key is longer than ${MAX_KEY} bytes`],
    [`{"key":"a","value":"${'v'.repeat(MAX_VALUE + 1)}"}`, `value is longer than ${MAX_VALUE} bytes`],
    [`{"key":"a","value":"${'\\n'.repeat(MAX_VALUE + 1)}"}`, `value is longer than ${MAX_VALUE} bytes`],
    [`{"key":"a","value":[${'1'.repeat(MAX_VALUE)}]}`, `value is longer than ${MAX_VALUE} bytes`],
    ['{"key":"a","value":"b","ttl":0}', NO_TTL],
    ['{"key":"a","value":"b","ttl":-1}', NO_TTL],
    ['{"key":"a","value":"b","ttl":"0s"}', NO_TTL],
    ['{"key":"a","value":"b","ttl":"5 m"}', NO_TTL],
    ['{"key":"a","value":"b","ttl":true}', NO_TTL],
    ['{"key":"a","value":"b","ttl":""}', NO_TTL],
    ['{"key":"a","value":"b","ttl":"null"}', NO_TTL],
    [`{"key":"a","value":"b","ttl":"${'1'.repeat(300)}"}`, 'ttl reaches past the year 9999'],
    [
      '{"key":"a","value":"b","expires":"2030-01-31T12:00:00+2"}',
      'expires is not an RFC 3339 time such as 2030-01-31T12:00:00Z',
    ],
    ['{"key":"a","value":"b","ttl":1e400}', 'ttl reaches past the year 9999'],
    ['{"key":"a","value":"b","expires":5}', 'expires is not an RFC 3339 time such as 2030-01-31T12:00:00Z'],
    ['{"key":"a","value":"b","expires":"2030-01-31"}', 'expires is not an RFC 3339 time such as 2030-01-31T12:00:00Z'],
    [
      '{"key":"a","value":"b","expires":"2030-01-31T12:00:00"}',
      'expires is not an RFC 3339 time such as 2030-01-31T12:00:00Z',
    ],
    [
      '{"key":"a","value":"b","expires":"2030-02-30T12:00:00Z"}',
      'expires is not an RFC 3339 time such as 2030-01-31T12:00:00Z',
    ],
    [
      '{"key":"a","value":"b","expires":"2030-01-31T24:00:00Z"}',
      'expires is not an RFC 3339 time such as 2030-01-31T12:00:00Z',
    ],
    ['{"key":"a","value":"b","expires":"9999-12-31T23:59:59-01:00"}', 'expires is past the year 9999'],
    ['{"key":"a","value":"b","ttl":5,"expires":"2030-01-31T12:00:00Z"}', 'both ttl and expires'],
    ['{"key":"a","key_base64":"YQ==","value":"b"}', 'both key and key_base64'],
    ['{"key":"a","value_base64":"YQ==","value":"b"}', 'both value and value_base64'],
    ['{"key_base64":"Y","value":"b"}', 'key_base64 is not base64'],
    ['{"key_base64":5,"value":"b"}', 'key_base64 is not base64'],
    ['{"key":"a","value_base64":"Y Q="}', 'value_base64 is not base64'],
    ['{"key":"a","value_base64":"+_=="}', 'value_base64 is not base64'],
    ['{"key":"a","value":"b","tll":5}', 'unknown field "tll"'],
    ['{"key":"a","value":"b","a\\nb":{}}', 'unknown field "a\\nb"'],
    ['{"key":"a","value":"b","key":"c"}', 'field "key" is there twice'],
    ['"a"', 'record is neither an object nor [key, value]'],
    ['5', 'record is neither an object nor [key, value]'],
  ]
  test.each(refused)('%s is refused', (text, reason) => {
    const good = ['["x","1"]', '["y","2"]'] as const
    const lines = load('jsonl', `${good[0]}\n${text}\n${good[1]}`, { skip: true })
    expect(lines.entries).toEqual([
      ['x', '1'],
      ['y', '2'],
    ])
    expect(lines.refused).toMatchObject([{ line: 2, record: 2, reason, source: text }])
    expect(load('jsonl', `${good[0]}\n${text}\n${good[1]}`)).toMatchObject({
      entries: [['x', '1']],
      stopped: { line: 2, reason, source: text },
    })

    const document = load('json', `[${good[0]},\n ${text}\n,${good[1]}]`, { skip: true })
    expect(document.entries).toEqual([
      ['x', '1'],
      ['y', '2'],
    ])
    expect(document.refused).toMatchObject([
      { line: 2, record: 2, reason: `${reason} (record 2, column 2)`, source: text },
    ])
  })

  test('any text comes back', () => {
    const text = fc.string({ unit: 'binary', maxLength: 40 })
    fc.assert(
      fc.property(
        text.filter((key) => key !== '' && Buffer.byteLength(key) <= MAX_KEY),
        text,
        fc.boolean(),
        (key, value, pair) => {
          const record = JSON.stringify(pair ? [key, value] : { key, value })
          expect(load('jsonl', record).entries).toEqual([[latin1(key), latin1(value)]])
          expect(load('json', JSON.stringify({ [key]: value })).entries).toEqual([[latin1(key), latin1(value)]])
        },
      ),
    )
  })

  test('any other value keeps its source', () => {
    fc.assert(
      fc.property(
        fc.jsonValue({ maxDepth: 3 }).filter((value) => typeof value !== 'string'),
        fc.constantFrom(0, 2),
        (value, indent) => {
          const source = JSON.stringify(value, null, indent)
          fc.pre(Buffer.byteLength(source) <= MAX_VALUE)
          expect(load('json', `{"k" : ${source} }`).entries).toEqual([['k', latin1(source)]])
        },
      ),
    )
  })
})

describe('JSON Lines', () => {
  test('line endings, a byte order mark, blank lines, no last line ending', () => {
    const input =
      '\ufeff["a","1"]\r\n\r\n{"key":"b","value":"2"}\r\n \t\n\n{"key":"c","value":"3"}\n{"key":"d","value":"4"}'
    expect(load('jsonl', input).entries).toEqual([
      ['a', '1'],
      ['b', '2'],
      ['c', '3'],
      ['d', '4'],
    ])
    expect(load('jsonl', `${input}\r`).entries).toHaveLength(4)
    expect(load('jsonl', `${input}\n!`)).toMatchObject({ stopped: { line: 8, record: 5 } })
    for (const empty of ['', '\n', '\r\n', '\ufeff'])
      expect(load('jsonl', empty)).toEqual({ entries: [], refused: [], stopped: undefined })
  })

  test.each([
    ['{"key":"é😀" 1}', 'invalid JSON at column 13', "',' or '}'"],
    ['{"key":"a","value":"b"', 'invalid JSON at column 23', "',' or '}'"],
    ['{"key":"a","value":"b"}}', 'text after the record at column 24', undefined],
    ['{"key":"a","value":"b"} {"key":"a","value":"b"}', 'text after the record at column 25', undefined],
    ['{"key":"a","value":"\\ud800"}', 'lone surrogate at column 21', 'a low surrogate after it'],
    ['{"key":"a","value":"a\tb"}', 'invalid JSON at column 22', 'no control character (it must be escaped)'],
    ['\ufeff["a",1]', 'invalid JSON at column 1', 'a value'],
    ['{"key":"a","value":undefined}', 'invalid JSON at column 20', 'a value'],
  ])('%s', (line, reason, expected) => {
    for (const ending of ['\n', '\r\n']) {
      const { refused, entries } = load('jsonl', `["x",1]${ending}${line}${ending}["y",2]`, { skip: true })
      expect(entries).toHaveLength(2)
      expect(refused).toMatchObject([{ line: 2, reason, expected, source: line }])
    }
  })

  test.each([
    ['a stray continuation', [0x80]],
    ['an overlong form of two bytes', [0xc0, 0xaf]],
    ['an overlong form of three', [0xe0, 0x80, 0xaf]],
    ['an overlong form of four', [0xf0, 0x80, 0x80, 0xaf]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
    ['a code point above the last', [0xf4, 0x90, 0x80, 0x80]],
    ['a byte that never occurs', [0xff]],
    ['a sequence cut short', [0xe6, 0x97]],
  ])('%s is invalid UTF-8 wherever it is', (_, bad) => {
    const template = '{"key":"é@","value":["@",{"@":"é@"}],"x":@}@'
    for (let at = template.indexOf('@'); at >= 0; at = template.indexOf('@', at + 1)) {
      const clean = (text: string): string => text.replaceAll('@', '')
      const before = clean(template.slice(0, at))
      const line = Buffer.concat([Buffer.from(before), Buffer.from(bad), Buffer.from(clean(template.slice(at + 1)))])
      const input = Buffer.concat([Buffer.from('["é",1]\n'), line, Buffer.from('\n["y",2]\n')])
      const { entries, refused } = load('jsonl', input, { skip: true })
      expect(entries).toEqual([
        [latin1('é'), '1'],
        ['y', '2'],
      ])
      expect(refused).toMatchObject([{ line: 2, reason: `invalid UTF-8 at column ${before.length + 1}` }])
      const plain = Buffer.concat([Buffer.from('{"key":"a","value":"b'), Buffer.from(bad), Buffer.from('"}')])
      expect(load('jsonl', plain).stopped).toMatchObject({ reason: 'invalid UTF-8 at column 22' })
      const document = load('json', Buffer.concat([Buffer.from('[["é",1],\n'), line, Buffer.from(']')]), { skip: true })
      expect(document.entries).toEqual([[latin1('é'), '1']])
    }
  })

  test('of the same key, the last wins', () => {
    const bytes = new Uint8Array(Buffer.from('["b",1]\n["a",2]\n["b",3]\n{"key":"a","value":"4"}\n["a","5"]\n'))
    const builder = new BlockBuilder(bytes)
    create('jsonl', { maxKeyBytes: 9, maxValueBytes: 9, now: () => 0, skip: undefined }).parse(
      builder,
      bytes.length,
      true,
    )
    const block = builder.finish()
    const values = Array.from({ length: block.count }, (_, i) =>
      String.fromCharCode(bytes[block.keyStart[i]!]!, bytes[block.valueStart[i]!]!),
    )
    expect(values).toEqual(['a5', 'b3'])
  })
})

describe('a line that is not there to its end', () => {
  const long = 1 << 17
  test.each<[string, string, string, string | undefined]>([
    ['bytes that are no JSON', '\0'.repeat(long), 'invalid JSON at column 1', 'a value'],
    [
      'a wrong byte after good ones',
      `{"key":"a" ${' '.repeat(long)}x`,
      `invalid JSON at column ${long + 12}`,
      "',' or '}'",
    ],
    ['an array of records', `[{"key":"a","value":"${'1'.repeat(long)}`, 'key is not a string', undefined],
    ['an unknown field', `{"id":"${'1'.repeat(long)}`, 'unknown field "id"', undefined],
    [
      'a value longer than any can be',
      `{"key":"a","value":"${'\\n'.repeat(long)}`,
      `value is longer than ${MAX_VALUE} bytes`,
      undefined,
    ],
    ['a key longer than any can be', `["${'1'.repeat(long)}`, `key is longer than ${MAX_KEY} bytes`, undefined],
    [
      'text after the record',
      `["a","1"]${' '.repeat(long)}x`,
      `text after the record at column ${long + 10}`,
      undefined,
    ],
  ])('%s is refused by its beginning', (_, line, reason, expected) => {
    expect(load('jsonl', `${line}${'x'.repeat(100)}\n["b","2"]\n`, { cuts: [line.length] }).stopped).toMatchObject({
      line: 1,
      record: 1,
      reason,
      expected,
    })
  })

  test('what can still become a record is waited for', () => {
    for (const [line, value] of [
      [`{"value":"${'1'.repeat(MAX_VALUE)}","key":"a"${' '.repeat(long)}`, '1'.repeat(MAX_VALUE)],
      [`["a",1${' '.repeat(long)}`, '1'],
      [' '.repeat(long), '1'],
    ] as const) {
      const rest = line.startsWith('{') ? '}' : line.startsWith('[') ? ']' : '["a",1]'
      expect(load('jsonl', `${line}${rest}\n`, { cuts: [line.length] }).entries).toEqual([['a', value]])
    }
  })

  test('of a very long one only the beginning is held where refused records are skipped', () => {
    const options = { maxKeyBytes: MAX_KEY, maxValueBytes: MAX_VALUE, now: () => NOW }
    const refused: BadRecord[] = []
    const parser = jsonLinesParser({ ...options, skip: (refusal) => void refused.push({ ...refusal }) })
    const zeros = new Uint8Array(64 << 20)
    expect(parser.parse(new BlockBuilder(zeros), long, false)).toBe(0)
    expect(parser.parse(new BlockBuilder(zeros), zeros.length, false)).toBe(zeros.length)
    expect(parser.parse(new BlockBuilder(zeros), 1000, false)).toBe(1000)
    const rest = new Uint8Array(Buffer.from('\0\n["a","1"]\nx'))
    const builder = new BlockBuilder(rest)
    expect(parser.parse(builder, rest.length, true)).toBe(rest.length)
    expect(entriesOf(builder)).toEqual([['a', '1']])
    expect(refused).toMatchObject([
      { line: 1, record: 1, end: zeros.length },
      { line: 3, record: 3 },
    ])
  })
})

describe('a JSON document', () => {
  test('is an array of records or an object of values', () => {
    expect(load('json', '\ufeff\n[["a","1"] , {"key":"b","value":2}]\n').entries).toEqual([
      ['a', '1'],
      ['b', '2'],
    ])
    expect(load('json', '{"a":"1", "b\\n" : {"c":[ ]}\n}').entries).toEqual([
      ['a', '1'],
      ['b\n', '{"c":[ ]}'],
    ])
    expect(load('json', '{"key":"a"}').entries).toEqual([['key', 'a']])
    expect(load('json', '{"value":"a","ttl":1}').entries).toEqual([
      ['value', 'a'],
      ['ttl', '1'],
    ])
    expect(load('json', '{"key":"a","value":"b","more":"c"}').entries).toEqual([
      ['key', 'a'],
      ['value', 'b'],
      ['more', 'c'],
    ])
    for (const empty of ['[]', '{}', ' [ ] ', '\ufeff{\n}'])
      expect(load('json', empty)).toEqual({ entries: [], refused: [], stopped: undefined })
  })

  test.each<[string, Entry[]]>([
    [
      '{"key":"a","value":"1"}\n{"key":"b","value":"2"}\n',
      [
        ['a', '1'],
        ['b', '2'],
      ],
    ],
    [
      '\ufeff{"key":"a","value":"1"}\r\n\r\n["b","2"]',
      [
        ['a', '1'],
        ['b', '2'],
      ],
    ],
    ['{"key":"a","value":"1"}', [['a', '1']]],
    ['{"value_hex":"31","key_base64":"YQ==","expires":null}', [['a', '1']]],
    [
      '["a","1"]\n["b","2"]\n',
      [
        ['a', '1'],
        ['b', '2'],
      ],
    ],
    ['["a","1"]', [['a', '1']]],
    [
      '{\n  "key": "a",\n  "value": "1"\n}\n{\n  "key": "b",\n  "value": "\\n"\n}\n',
      [
        ['a', '1'],
        ['b', '\n'],
      ],
    ],
    [
      '{"key":"a","value":{\n}}{"key":"b","value":"2"} ["c",\n3]',
      [
        ['a', '{\n}'],
        ['b', '2'],
        ['c', '3'],
      ],
    ],
    ['[\n  "a",\n  "1"\n]\n', [['a', '1']]],
  ])('%j is records', (text, entries) => {
    expect(load('json', text)).toEqual({ entries, refused: [], stopped: undefined })
  })

  test.each<[string, number, string]>([
    ['{"id":1,"name":"x"}\n{"id":2,"name":"y"}\n', 1, 'unknown field "id"'],
    ['{"key":"a","value":x}\n{"key":"b","value":"2"}\n', 1, 'invalid JSON at column 20'],
    ['{"key":"a","value":"b', 1, 'invalid JSON at column 22'],
    ['{"key":"a"', 1, 'invalid JSON at column 11'],
    ['["a","1"\n["b","2"]', 1, 'invalid JSON at column 9'],
    ['{\n"key":"a",\n"value":1}\n{"key":x}', 4, 'invalid JSON at column 8 (record 2)'],
    ['{\n"key":"a",\n"value":1} {"key":"b"} ["c",1', 3, 'no value (record 2, column 12)'],
    ['{\n"key":"a",\n"value":1} ["c",1', 3, 'the document ends too early at column 18 (record 2)'],
  ])('%j is records, and stops', (text, line, reason) => {
    const { entries, stopped } = load('json', text)
    expect(stopped).toMatchObject({ line, reason })
    // Never what another form would make of them.
    expect(entries).toEqual(line === 1 ? [] : [['a', '1']])
  })

  test.each<[string, number, string, number]>([
    ['', 1, 'no JSON document at column 1', 0],
    [' \n ', 2, 'no JSON document at column 2', 0],
    ['5', 1, 'the document is neither an array nor an object at column 1', 0],
    ['"x', 1, 'the document is neither an array nor an object at column 1', 0],
    ['x', 1, 'invalid JSON at column 1', 0],
    ['[["é","\\n"], ["b",2] ["c",3]]', 1, 'invalid JSON at column 22 (record 2)', 1],
    ['[["a",1],\n["b",01]]', 2, 'invalid JSON at column 7 (record 2)', 1],
    ['[["a",1],]', 1, 'invalid JSON at column 10 (record 2)', 1],
    ['[["a",1]', 1, 'the document ends too early at column 9 (record 1)', 0],
    ['[["a",1],["b"', 1, 'the document ends too early at column 14 (record 2)', 1],
    ['[["a",1]]\n x', 2, 'text after the document at column 2', 1],
    ['[["a",1]}', 1, 'invalid JSON at column 9 (record 1)', 0],
    ['{"a":1,2:3}', 1, 'invalid JSON at column 8 (record 2)', 1],
    ['{"a":1,"b":"\\udc00"}', 1, 'lone surrogate at column 13 (record 2)', 1],
    ['{"a":1,\n"":3}', 2, 'key is empty (record 2, column 1)', 1],
  ])('%j stops', (text, line, reason, entries) => {
    const loaded = load('json', text)
    expect(loaded.stopped).toMatchObject({ line, reason })
    expect(loaded.entries).toHaveLength(entries)
  })

  test('text that is no JSON cannot be skipped, refused records can', () => {
    const loaded = load('json', '[["",1],\n["a"], ["b",2] , nul]', { skip: true })
    expect(loaded.entries).toEqual([['b', '2']])
    expect(loaded.refused).toMatchObject([
      { line: 1, record: 1, source: '["",1]' },
      { line: 2, record: 2, source: '["a"]' },
    ])
    expect(loaded.stopped).toMatchObject({ line: 2, reason: 'invalid JSON at column 21 (record 4)' })
  })
})

describe('CSV', () => {
  test('columns in any order, quotes, line feeds, both line endings', () => {
    expect(load('csv', '\ufeffkey,value\r\na,1\r\n"b","2""\r\n,x"\r\n\r\nc,\r\nd,"é"').entries).toEqual([
      ['a', '1'],
      ['b', '2"\r\n,x'],
      ['c', ''],
      ['d', latin1('é')],
    ])
    expect(load('tsv', 'value\tkey\n1,2\ta b\n').entries).toEqual([['a b', '1,2']])
    expect(load('csv', 'ttl,key,value\n2.5,a,1\n,b,2\n').entries).toEqual([
      ['a', '1', -2500],
      ['b', '2'],
    ])
    expect(load('csv', 'key,value,expires\na,1,2030-01-01T00:00:02Z\n').entries).toEqual([
      ['a', '1', Date.UTC(2030, 0, 1, 0, 0, 2)],
    ])
    expect(load('csv', 'key,value')).toEqual({ entries: [], refused: [], stopped: undefined })
    expect(load('csv', 'key,value\n a , b \n').entries).toEqual([[' a ', ' b ']])
  })

  test.each([
    ['', 'no header'],
    ['key\na\n', 'no column "value"'],
    ['value\na\n', 'no column "key"'],
    ['key,value,tll\na,b,5\n', 'unknown column "tll"'],
    ['key,valüe\n', 'unknown column "valüe"'],
    ['key,value,key\n', 'column "key" is there twice'],
    ['"key,value\na,b\n', 'a quoted field is not closed'],
  ])('the header of %j is refused even with skip', (text, reason) => {
    expect(load('csv', text, { skip: true }).stopped).toMatchObject({ line: 1, record: 0, reason })
  })

  test.each([
    ['a,1,2,', '4 fields where the header has 3'],
    ['a', '1 field where the header has 3'],
    [',1,', 'key is empty'],
    [`${'k'.repeat(MAX_KEY + 1)},1,`, `key is longer than ${MAX_KEY} bytes`],
    [`a,${'v'.repeat(MAX_VALUE + 1)},`, `value is longer than ${MAX_VALUE} bytes`],
    ['a,1,0', NO_TTL],
    ['a,1,0x10', NO_TTL],
    ['a,1,Infinity', NO_TTL],
    ['a,"1"2,', 'text after the closing quote of a field'],
  ])('%s is refused', (record, reason) => {
    const { entries, refused } = load('csv', `key,value,ttl\n"x\n",1,\n\n${record}\ny,2,\n`, { skip: true })
    expect(entries).toEqual([
      ['x\n', '1'],
      ['y', '2'],
    ])
    expect(refused).toMatchObject([{ line: 5, record: 2, reason, source: record }])
  })

  test('invalid UTF-8 is refused with the line it is in', () => {
    const input = Buffer.from('key,value\nx,1\na,"é\né\xff"\ny,2\n'.replaceAll('é', '\xc3\xa9'), 'latin1')
    const { entries, refused } = load('csv', input, { skip: true })
    expect(entries).toEqual([
      ['x', '1'],
      ['y', '2'],
    ])
    expect(refused).toMatchObject([{ line: 4, record: 2, reason: 'invalid UTF-8 at column 2' }])
  })

  test.each(['csv', 'tsv'] as const)('a field of %s longer than any can be is refused before it ends', (format) => {
    const rows = format === 'csv' ? 'key,value\na,1\nb,"' : 'key\tvalue\na\t1\nb\t'
    for (const columns of [rows, rows.replace('value', 'value_hex').replace('1', '31')]) {
      const longest = columns.includes('hex') ? 2 * MAX_VALUE : MAX_VALUE
      const part = (length: number): Loaded =>
        load(format, `${columns}${'3'.repeat(length)}${format === 'csv' ? '"' : ''}\n`, {
          cuts: [columns.length + length],
          skip: true,
        })
      expect(part(longest).entries).toHaveLength(2)
      expect(part(longest + 2)).toMatchObject({
        entries: [['a', '1']],
        stopped: { line: 3, record: 2, reason: expect.stringContaining(`a field is longer than ${MAX_VALUE} bytes`) },
      })
    }
  })

  test.each([
    [
      'a header with no end',
      'ke',
      'y'.repeat(1 << 17),
      { record: 0, line: 1, reason: `unknown column "ke${'y'.repeat(38)}"` },
    ],
    ['a header of countless columns', '', ','.repeat(1 << 17), { record: 0, line: 1, reason: 'unknown column ""' }],
    [
      'a row of countless fields',
      'key,value\na,1\nb,2',
      ',3'.repeat(1 << 16),
      { record: 2, line: 3, reason: 'more fields than the 2 of the header' },
    ],
  ])('%s is refused before it ends', (_, begin, rest, stopped) => {
    const text = `${begin}${rest}`
    expect(load('csv', `${text}\nc,3\n`, { cuts: [text.length] }).stopped).toMatchObject({ ...stopped, isLast: true })
    expect(load('tsv', `${text}\nc,3\n`.replaceAll(',', '\t'), { cuts: [text.length] }).stopped).toMatchObject({
      ...stopped,
      isLast: true,
    })
  })

  test('a long row that is not there to its end can be skipped', () => {
    const text = `key,value\na,1\nb,2${',3'.repeat(1 << 16)}`
    const { entries, refused } = load('csv', `${text}\nc,3\n`, { cuts: [text.length], skip: true })
    expect(entries).toEqual([
      ['a', '1'],
      ['c', '3'],
    ])
    expect(refused).toMatchObject([{ line: 3, record: 2, reason: '65538 fields where the header has 2' }])
  })

  test('a quote that is never closed takes the rest', () => {
    expect(load('csv', 'key,value\na,1\nb,"2\nc,3\n')).toMatchObject({
      entries: [['a', '1']],
      stopped: { line: 3, reason: 'a quoted field is not closed' },
    })
  })

  test('a quote inside a field that does not begin with one is text', () => {
    expect(load('csv', 'key,value\na,{"x":1}\nb,5" disk\nc, "d"\n').entries).toEqual([
      ['a', '{"x":1}'],
      ['b', '5" disk'],
      ['c', ' "d"'],
    ])
  })

  test('names of columns may have blanks around them and be in any case', () => {
    expect(load('csv', ' Key ,"VALUE", Expires\na,1,\n').entries).toEqual([['a', '1']])
  })

  test('columns may be base64 and hex', () => {
    expect(load('csv', 'key_hex,value_base64\nff00,"AP8="\n').entries).toEqual([['\xff\0', '\0\xff']])
    expect(load('tsv', 'value_hex\tkey_base64\n\t/w==\n').entries).toEqual([['\xff', '']])
    const { entries, refused } = load('csv', 'key_hex,value\nf,1\n"f""f",1\n,1\n6b,1\n', { skip: true })
    expect(entries).toEqual([['k', '1']])
    expect(refused.map(({ reason }) => reason)).toEqual(['key_hex is not hex', 'key_hex is not hex', 'key is empty'])
    expect(load('csv', 'key_hex,key,value\n').stopped).toMatchObject({ reason: 'both columns key and key_hex' })
  })

  test('a time to live may be written as 10m', () => {
    expect(load('csv', 'key,value,ttl\na,1,10m\nb,2,5\nc,3,\n').entries).toEqual([
      ['a', '1', -600_000],
      ['b', '2', -5000],
      ['c', '3'],
    ])
  })

  const text = fc.string({
    unit: fc.constantFrom('a', '"', ',', '\t', '\n', '\r', 'é', '\0', ' ', '\\', 't'),
    maxLength: 9,
  })

  test('any text comes back from quotes', () => {
    const quote = (field: string): string => `"${field.replaceAll('"', '""')}"`
    fc.assert(
      fc.property(
        text.filter((key) => key !== ''),
        text,
        (key, value) => {
          expect(load('csv', `key,value\r\n${quote(key)},${quote(value)}\r\n`).entries).toEqual([
            [latin1(key), latin1(value)],
          ])
        },
      ),
    )
  })

  test('any text comes back from the escapes of TSV', () => {
    const escape = (field: string): string =>
      field.replaceAll('\\', '\\\\').replaceAll('\t', '\\t').replaceAll('\n', '\\n').replaceAll('\r', '\\r')
    fc.assert(
      fc.property(
        text.filter((key) => key !== ''),
        text,
        fc.constantFrom('\n', '\r\n'),
        (key, value, ending) => {
          expect(load('tsv', `key\tvalue${ending}${escape(key)}\t${escape(value)}${ending}`).entries).toEqual([
            [latin1(key), latin1(value)],
          ])
        },
      ),
    )
  })

  test('TSV has no quotes, and a backslash before any other letter is text', () => {
    const { entries } = load('tsv', 'key\tvalue\n1\t"\n2\tSuffer\n3\t"\n4\t"x"\ty\n5\t{"a":"\\"}\n6\t\\N\\\n', {
      skip: true,
    })
    expect(entries).toEqual([
      ['1', '"'],
      ['2', 'Suffer'],
      ['3', '"'],
      ['5', '{"a":"\\"}'],
      ['6', '\\N\\'],
    ])
  })

  test('rows are those that csv-parse finds', () => {
    const unit = fc.constantFrom('a', '"', '""', ',', '\n', '\r\n', 'é', ' ', ',"', '",')
    const rowsOf = (bytes: Uint8Array): string[][] => {
      const row = new Row(DIALECTS.csv, 1000)
      const rows: string[][] = []
      for (let at = 0; at < bytes.length;) {
        const next = row.read(bytes, at, bytes.length, true)
        expect(row.fault).toBeUndefined()
        const fields = Array.from({ length: row.known }, (_, field) => {
          row.decode(bytes, field)
          return Buffer.from(bytes.subarray(row.start(field), row.start(field) + row.decodedLength(field))).toString()
        })
        if (row.end > at) rows.push(fields)
        at = next
      }
      return rows
    }
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 12 }), (input) => {
        let expected: string[][]
        try {
          expected = parseCsv(input, {
            record_delimiter: ['\r\n', '\n'],
            relax_column_count: true,
            skip_empty_lines: true,
          })
        } catch {
          return
        }
        expect(rowsOf(new Uint8Array(Buffer.from(input)))).toEqual(expected)
      }),
      { numRuns: 1000 },
    )
  })

  test('many records, more than one batch', () => {
    const count = 20_000
    const rows = Array.from({ length: count }, (_, i) => `key-${i},"${'value '.repeat(i % 20)}"`)
    rows[15_000] = 'key-15000,"x"y'
    const { entries, refused } = load('csv', `key,value\n${rows.join('\n')}`, { skip: true })
    expect(entries).toHaveLength(count - 1)
    expect(entries.at(-1)?.[0]).toBe(`key-${count - 1}`)
    expect(refused).toMatchObject([{ line: 15_002, record: 15_001 }])
  })
})

describe('cutting the input anywhere changes nothing', () => {
  const inputs: [Format, string][] = [
    [
      'jsonl',
      '\ufeff{"key":"a","value":"é日😀"}\r\n\n["b","\\ud83d\\ude00\\n"]\r\n{"key":"c"}\n{"key":"d","value":12}\nnul\n{"key":"é","value":"x"}',
    ],
    [
      'json',
      '\ufeff [ {"key":"a","value":"é日😀"},\r\n["b","\\ud83d\\ude00\\n"] ,["c"],\n{"key":"d","value":12}, ["é",-1.5e3],[] ]\n ',
    ],
    ['json', '{"a":"é日😀",\n"b":"\\u00e9", "":1, "c" : [null, true], "d":12'],
    ['json', '[["a","\\n"],["\\n",1], ["é" 1]]'],
    ['json', '[["a",1]] x'],
    ['json', '\ufeff{"key":"a","value":"é日😀"}\r\n{"value":1,\n"key":"b"}\n{"key":"c","value":"\\u00e9"} '],
    ['json', '{\n"key":"é","value":"\\ud83d\\ude00"} {"key":"b"}\n["c",[\n]]["d","e"] nul'],
    ['json', '{"value":"a", "ttl":5, "key2":1}'],
    ['json', '{"a":{}}\n {"key":"b","value":1}'],
    ['csv', '\ufeffkey,value\r\na,"é""日\r\n😀"\r\n\r\nb\r\n"c\n",\r\nd,"x"y\ne,1\r\n"f"\n"g",2'],
    ['csv', 'key_hex,value,ttl\r\n6b,"a""",\n6,x,\r\n"6c","\r\n","10m"\r\n6d,\r,""\r'],
    ['tsv', '\ufeffkey\tvalue\r\na\té"日\\n😀\r\n\r\nb\r\n"c\t\\\\t\\q\\\r\n"d\t\ne\t\r'],
  ]
  test.each(inputs)('%s %#', (format, input) => {
    const whole = withoutPositions(load(format, input, { skip: true }))
    const size = Buffer.byteLength(input)
    for (let cut = 0; cut <= size; cut++)
      expect(withoutPositions(load(format, input, { skip: true, cuts: [cut] }))).toEqual(whole)
    expect(
      withoutPositions(load(format, input, { skip: true, cuts: Array.from({ length: size }, (_, i) => i) })),
    ).toEqual(whole)
    fc.assert(
      fc.property(fc.array(fc.nat(size)), (cuts) => {
        expect(withoutPositions(load(format, input, { skip: true, cuts }))).toEqual(whole)
      }),
    )
  })

  test('also for broken bytes', () => {
    const piece = fc.oneof(
      fc.constantFrom('{"key":"a","value":"é"}', '["b","\\n"]', '[', ']', ',', '\n', '"', '\\', '😀', '1'),
      fc.uint8Array({ maxLength: 2 }),
    )
    fc.assert(
      fc.property(
        fc.constantFrom('jsonl' as const, 'json' as const),
        fc.array(piece, { maxLength: 8 }),
        fc.array(fc.nat(80), { maxLength: 4 }),
        (format, pieces, cuts) => {
          const input = Buffer.concat([
            Buffer.from(format === 'json' ? '[' : ''),
            ...pieces.map((part) => Buffer.from(part as string)),
          ])
          expect(withoutPositions(load(format, input, { skip: true, cuts })).refused).toEqual(
            withoutPositions(load(format, input, { skip: true })).refused,
          )
          expect(withoutPositions(load(format, input, { cuts })).stopped).toEqual(
            withoutPositions(load(format, input)).stopped,
          )
        },
      ),
      { numRuns: 500 },
    )
  })
})

test.for<[Format, string]>([
  ['jsonl', '{"key":"abc","value":"12345"}\n{"key":"abcd","value":"12345"}\n'],
  ['jsonl', '["abc","12345"]\n["abcd","12345"]\n'],
  ['csv', 'key,value\nabc,12345\nabcd,12345\n'],
])('a key and a value that are too long together are refused, in %s', ([format, input]) => {
  const bytes = new Uint8Array(Buffer.from(input))
  const refused: string[] = []
  const parser = create(format, {
    maxKeyBytes: 5,
    maxValueBytes: 5,
    maxEntryBytes: 8,
    now: () => NOW,
    skip: ({ reason }) => void refused.push(reason),
  })
  const builder = new BlockBuilder(bytes, 1)
  parser.parse(builder, bytes.length, true)
  expect(entriesOf(builder)).toEqual([['abc', '12345']])
  expect(refused).toEqual(['key and value are longer than 8 bytes'])
})
