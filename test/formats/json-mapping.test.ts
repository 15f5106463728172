import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { blockOps } from '../../src/blocks/block.ts'
import { BlockBuilder } from '../../src/blocks/block-builder.ts'
import { ByteArena } from '../../src/blocks/byte-arena.ts'
import { jsonLinesParser } from '../../src/formats/json/lines-reader.ts'
import { jsonParser } from '../../src/formats/json/reader.ts'
import type { Mapping } from '../../src/formats/mapping.ts'
import { parsePath } from '../../src/formats/path.ts'
import { type BadRecord, BadRecordError, type ParserOptions } from '../../src/formats/record-reader.ts'

interface Given {
  format?: 'json' | 'jsonl'
  mapping?: Omit<Mapping, 'prefix'> & { prefix?: string }
  at?: string
  cuts?: number[]
  skip?: boolean
}

interface Loaded {
  /** In key order: key and value, `null` for a delete, the expiry where there is one. */
  entries: [key: string, value: string | null, expires?: number][]
  refused: string[]
  stopped: string | undefined
}

const MAX_KEY = 60
const MAX_VALUE = 3000

/** What a parser makes of an input that comes in pieces which end at `cuts`. Keys and values as Latin-1. */
function load(input: string | Uint8Array, { format = 'json', mapping, at, cuts = [], skip = false }: Given): Loaded {
  const bytes = Buffer.from(input as string)
  const refused: string[] = []
  let buffer = new Uint8Array(0)
  const describeBad = (bad: BadRecord): string => {
    const source = Buffer.from(buffer.subarray(bad.start, bad.end)).toString()
    return `${bad.line}/${bad.record}: ${bad.reason}${source === '' ? '' : `: ${source}`}`
  }
  const options: ParserOptions = {
    mapping: mapping && {
      ...mapping,
      prefix: mapping.prefix === undefined ? undefined : new Uint8Array(Buffer.from(mapping.prefix)),
    },
    at: at === undefined ? undefined : parsePath(at),
    maxKeyBytes: MAX_KEY,
    maxValueBytes: MAX_VALUE,
    now: () => 1e12,
    skip: skip ? (bad) => void refused.push(describeBad(bad)) : undefined,
  }
  const parser = format === 'json' ? jsonParser(options) : jsonLinesParser(options)
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  const entries = new Map<string, Loaded['entries'][number]>()
  let stopped: string | undefined
  let rest = new Uint8Array(0)
  let from = 0
  for (const [n, to] of ends.entries()) {
    const length = rest.length + to - from
    // Bytes after `length` must play no part.
    buffer = new Uint8Array([...rest, ...bytes.subarray(from, to), ...Buffer.from('"}\n')])
    from = to
    const builder = new BlockBuilder(buffer, 1, { made: parser.makes && { ...parser.makes, arena: new ByteArena(1) } })
    const final = n === ends.length - 1
    try {
      const consumed = parser.parse(builder, length, final)
      expect(consumed).toBeLessThanOrEqual(length)
      if (final) expect(consumed).toBe(length)
      rest = buffer.slice(consumed, length)
    } catch (error) {
      if (!(error instanceof BadRecordError)) throw error
      stopped = describeBad(error.badRecord)
    }
    for (const op of blockOps(builder.finish())) {
      const key = Buffer.from(op.key).toString('latin1')
      const value = op.type === 'del' ? null : Buffer.from(op.value).toString('latin1')
      const expires = op.type === 'del' ? undefined : (op.expires ?? (op.ttl === undefined ? undefined : -op.ttl))
      entries.set(key, expires === undefined ? [key, value] : [key, value, expires])
    }
    if (stopped !== undefined) break
  }
  const inOrder = [...entries.values()].sort(([a], [b]) => (a < b ? -1 : 1))
  return { entries: inOrder, refused, stopped }
}

const latin1 = (text: string): string => Buffer.from(text).toString('latin1')

describe('a key and a value that are chosen', () => {
  test.each<[string, string, string | undefined, string, string | undefined]>([
    ['{"id":7,"name":"Ada"}', 'id', undefined, '7', undefined],
    [' { "id" : "\\u0061\\n" } ', 'id', undefined, 'a\n', '{ "id" : "\\u0061\\n" }'],
    ['{"id":1E400}', 'id', undefined, '1E400', undefined],
    ['{"id":true}', '{id}{id}', undefined, 'truetrue', undefined],
    ['{"a":{"b":[1,{"c":"x"}]}}', 'a.b.1.c', undefined, 'x', undefined],
    ['{"a.b":"x","a":{"b":"y"}}', '"a.b"', 'a.b', 'x', 'y'],
    ['{"a.b":"x","a":{"b":"y"}}', '{"a.b"}-{a.b}', '{a}', 'x-y', '{"b":"y"}'],
    ['{"k\\u0065":"x"}', 'ke', undefined, 'x', undefined],
    ['["a",2]', '0', '1', 'a', '2'],
    ['[3,"\\"b\\""]', '0', '1', '3', '"b"'],
    ['{"0":"a"}', '0', undefined, 'a', undefined],
    ['{"id":7,"v":"\\ud83d\\ude00\\t"}', 'u:{id:08}', 'v', 'u:00000007', latin1('😀\t')],
    ['{"id":7,"v":{"w":[ 1 ]}}', '{id:>3}|{id:*<3}', 'v', '  7|7**', '{"w":[ 1 ]}'],
    ['{"id":7,"v":[1,2]}', 'id', 'v={v}', '7', 'v=[1,2]'],
    ['{"id":"é","v":""}', '{{{id}}}', 'v', latin1('{é}'), ''],
    ['{"key":"k","value":"v","ttl":5,"key_base64":"x"}', 'key', undefined, 'k', undefined],
    ['{"id":7,"v":1.50}', '{v:03}', 'id', '001.50', '7'],
  ])('of %s by %s and %s', (record, key, value, madeKey, madeValue = latin1(record)) => {
    const entries = [[madeKey, madeValue]]
    for (const format of ['json', 'jsonl'] as const)
      expect(load(record, { format, mapping: { key, value } })).toEqual({ entries, refused: [], stopped: undefined })
    expect(load(`[${record}]`, { mapping: { key, value } })).toMatchObject({ entries })
    expect(
      load(`{"x":[{"id":1},2],"data":{"rows":[${record}],"n":1}}`, { mapping: { key, value }, at: 'data.rows' }),
    ).toEqual({
      entries,
      refused: [],
      stopped: undefined,
    })
  })

  test.each<[string, string, string | undefined, string]>([
    ['{"name":"x"}', 'id', undefined, 'no field "id"'],
    ['{}', '{id}', undefined, 'no field "id"'],
    ['[]', '{id}', undefined, 'no field "id"'],
    ['[1]', '1', undefined, 'no field "1"'],
    ['5', 'id', undefined, 'no field "id"'],
    ['{"a":"x"}', 'a.b', undefined, 'no field "a.b"'],
    ['{"id":null}', 'id', undefined, '"id" is null'],
    ['{"id":{"a":1}}', 'id', undefined, '"id" is an object'],
    ['{"id":[]}', 'x{id}', undefined, '"id" is an array'],
    ['{"id":1,"id":1}', 'id', undefined, 'field "id" is there twice'],
    ['{"id":1,"i\\u0064":1}', 'id', undefined, 'field "id" is there twice'],
    ['{"a":{"b":1},"a":{"c":2}}', 'a.b', undefined, 'field "a" is there twice'],
    ['{"id":1,"v":1,"v":1}', 'id', 'v', 'field "v" is there twice'],
    ['{"id":1}', 'id', 'v', 'no field "v"'],
    ['{"id":1,"v":null}', 'id', 'v', '"v" is null'],
    ['{"id":1,"v":null}', 'id', '{v}', '"v" is null'],
    ['{"id":""}', 'id', undefined, 'key is empty'],
    [`{"id":"${'1'.repeat(MAX_KEY + 1)}"}`, 'id', undefined, `key is longer than ${MAX_KEY} bytes`],
    [`{"id":1,"v":"${'1'.repeat(MAX_VALUE)}"}`, 'id', undefined, `value is longer than ${MAX_VALUE} bytes`],
    [`{"id":1,"v":"${'1'.repeat(MAX_VALUE + 1)}"}`, 'id', 'v', `value is longer than ${MAX_VALUE} bytes`],
    ['{"id":"a"}', '{id:08}', undefined, '"id" is not a plain number'],
    ['{"id":-1}', '{id:08}', undefined, '"id" is negative, so padded with zeros it would not sort'],
    ['{"id":123}', '{id:02}', undefined, '"id" has more than 2 digits before the point'],
  ])('%s by %s and %s is refused', (record, key, value, reason) => {
    const good = '{"id":"7","v":"x","a":{"b":"7"},"1":"7"}'
    const lines = load(`${good}\n\n${record}\n${good.replaceAll('7', '8')}`, {
      format: 'jsonl',
      mapping: { key, value },
      skip: true,
    })
    expect(lines.refused).toEqual([`3/2: ${reason}: ${record}`])
    expect(lines.entries).toHaveLength(2)
    const array = load(`[${good},\n ${record}]`, { mapping: { key, value }, skip: true })
    if (!record.startsWith('5')) expect(array.refused).toEqual([`2/2: ${reason} (record 2, column 2): ${record}`])
    expect(array.entries).toHaveLength(1)
  })

  test('where a string is decoded in place no byte of a refused record is changed', () => {
    const record = `{"id":"${'k'.repeat(MAX_KEY + 1)}","v":"\\u0061"}`
    const { refused } = load(record, { format: 'jsonl', mapping: { key: 'id', value: 'v' }, skip: true })
    expect(refused).toEqual([`1/1: key is longer than ${MAX_KEY} bytes: ${record}`])
  })

  test('a text of a string longer than a value may be is fine when its escapes make it so', () => {
    const record = `{"id":1,"v":"${'\\u0061'.repeat(MAX_VALUE)}"}`
    expect(load(record, { mapping: { key: 'id', value: 'v' } }).entries).toEqual([['1', 'a'.repeat(MAX_VALUE)]])
  })

  test('a time to live is that of every entry', () => {
    expect(load('{"id":1,"ttl":5}', { mapping: { key: 'id', ttl: 2000 } }).entries).toEqual([
      ['1', '{"id":1,"ttl":5}', -2000],
    ])
  })
})

describe('records with the fields of kv', () => {
  test.each<[string, Loaded['entries']]>([
    ['{"key":"a","value":"1"}', [['p:a', '1', -2000]]],
    ['{"key":"\\u0061","value":"\\n"}', [['p:a', '\n', -2000]]],
    ['{"key":"","value":"1"}', [['p:', '1', -2000]]],
    ['{"key_base64":"/w==","value_hex":"ff","ttl":1}', [['p:\xff', '\xff', -1000]]],
    ['{"value":2,"key":"a","expires":"2030-01-01T00:00:00Z"}', [['p:a', '2', Date.UTC(2030, 0, 1)]]],
    ['["a",{"b":1}]', [['p:a', '{"b":1}', -2000]]],
    ['{"key":"a","value":"1","ttl":null}', [['p:a', '1', -2000]]],
    ['{"del":"a"}', [['p:a', null]]],
    ['{"del_hex":"\\u0066f"}', [['p:\xff', null]]],
  ])('%s with a prefix and a time to live', (record, entries) => {
    const mapping = { prefix: 'p:', ttl: 2000 }
    for (const format of ['json', 'jsonl'] as const)
      expect(load(record, { format, mapping })).toEqual({ entries, refused: [], stopped: undefined })
    expect(load(`[${record}\n]`, { mapping })).toEqual({ entries, refused: [], stopped: undefined })
  })

  test('a map with a prefix and a time to live', () => {
    expect(load('{"a":"1","b\\u0062":2}', { mapping: { prefix: 'p:', ttl: 1 } }).entries).toEqual([
      ['p:a', '1', -1],
      ['p:bb', '2', -1],
    ])
  })

  test('a prefix counts for the longest key', () => {
    const key = 'k'.repeat(MAX_KEY - 2)
    const input = `{"key":"${key}","value":"1"}\n{"key":"${key}k","value":"1"}\n`
    const { entries, refused } = load(input, { format: 'jsonl', mapping: { prefix: 'p:' }, skip: true })
    expect(entries).toEqual([[`p:${key}`, '1']])
    expect(refused).toEqual([expect.stringContaining(`2/2: key is longer than ${MAX_KEY} bytes`)])
  })

  test.each<[string, Loaded['entries']]>([
    ['{"del":"a"}', [['a', null]]],
    ['{"del_base64":"/w=="}', [['\xff', null]]],
    ['{"type":"put","key":"a","value":"1"}', [['a', '1']]],
    ['{"type":"put","key":"a","value":"1","expires":"2030-01-01T00:00:00.000Z"}', [['a', '1', Date.UTC(2030, 0, 1)]]],
    ['{"type":"del","key":"a"}', [['a', null]]],
    ['{"type":"put","key":"a","value":"1","position":"log-1"}', [['a', '1']]],
    ['{"type":"del","key":"a","position":"log-2"}', [['a', null]]],
    ['{"key_base64":"/w==","type":"del"}', [['\xff', null]]],
  ])('%s is a change', (record, entries) => {
    for (const [input, format] of [
      [record, 'jsonl'],
      [`${record}\n${record}`, 'json'],
      [record, 'json'],
      [`[${record}]`, 'json'],
      [record.replaceAll(',', ',\n'), 'json'],
    ] as const)
      expect(load(input, { format })).toEqual({ entries, refused: [], stopped: undefined })
  })

  test('in the order of the records', () => {
    const input = '{"key":"a","value":"1"}\n{"del":"a"}\n{"del":"b"}\n{"type":"put","key":"b","value":"2"}\n'
    expect(load(input, { format: 'jsonl' }).entries).toEqual([
      ['a', null],
      ['b', '2'],
    ])
  })

  test.each([
    ['{"del":"a","value":"1"}', 'a delete is {"del":KEY} and nothing else'],
    ['{"del":"a","del_hex":"61"}', 'a delete is {"del":KEY} and nothing else'],
    ['{"del":5}', 'a delete is {"del":KEY} and nothing else'],
    ['{"del":""}', 'key is empty'],
    ['{"del_hex":"6"}', 'del_hex is not hex'],
    ['{"type":"del","key":"a","value":"1"}', 'a change of type del has a key and nothing else'],
    ['{"type":"del","del":"a"}', 'a delete is {"del":KEY} and nothing else'],
    ['{"type":"del"}', 'no key'],
    ['{"type":"del","key":"a","value":"1","position":"log-1"}', 'a change of type del has a key and nothing else'],
    ['{"key":"a","value":"1","position":"log-1"}', 'a position without a type: that is no change'],
    ['{"type":"put","key":"a"}', 'no value'],
    ['{"type":"x","key":"a","value":"1"}', 'type is neither put nor del'],
    ['{"type":null,"key":"a","value":"1"}', 'type is neither put nor del'],
  ])('%s is refused', (record, reason) => {
    expect(load(record, { format: 'jsonl' }).stopped).toBe(`1/1: ${reason}: ${record}`)
  })

  test('a map of such names stays a map', () => {
    for (const map of [
      '{"del":"a","x":"b"}',
      '{"type":"a","key":"b"}',
      '{"type":"put","value":"b"}',
      '{"deleted":"a"}',
    ])
      expect(load(map, {}).entries).toEqual(
        Object.entries(JSON.parse(map) as object).sort(([a], [b]) => (a < b ? -1 : 1)),
      )
  })
})

describe('records at a path', () => {
  const byId = { mapping: { key: 'id' } }

  test.each<[string, string, string[]]>([
    ['an array', '{"x":1,"items":[{"id":1},{"id":2}],"y":{"z":[]}}', ['1', '2']],
    ['an empty one', '{"items":[ ],"x":1}', []],
    ['a map of records', '{"items":{"a":{"id":1},"b\\n":{"id":2}}}', ['1', '2']],
    ['pages', '{"items":[{"id":1}]}\n{"n":2,"items":[{"id":2}]}{"items":[]}', ['1', '2']],
    ['marked pages', '\x1e{"items":[{"id":1}]}\n\x1e{"items":[{"id":2}]}\n', ['1', '2']],
    [
      'values beside it of all kinds',
      '{"a":"\\u0061]}","b":-1.5e3,"c":[[],{"d":"[{"}],"items":[{"id":1}],"e":null}',
      ['1'],
    ],
  ])('%s', (_, input, keys) => {
    const loaded = load(`\ufeff ${input} `, { ...byId, at: 'items' })
    expect(loaded).toMatchObject({ refused: [], stopped: undefined })
    expect(loaded.entries.map(([key]) => key)).toEqual(keys)
    expect(load(input.replaceAll('}\n{', '}{'), { ...byId, at: 'items', format: 'jsonl' })).toMatchObject({
      entries: loaded.entries,
    })
  })

  test('with elements of arrays on the way, and names with dots', () => {
    expect(load('[5,{"a.b":[[{"id":1}]]},6]', { ...byId, at: '1."a.b".0' }).entries).toEqual([['1', '{"id":1}']])
  })

  test('without a key, a map is keys and values, an array holds records', () => {
    expect(load('{"n":1,"data":{"a":"1","b":{"c":2}}}', { at: 'data' }).entries).toEqual([
      ['a', '1'],
      ['b', '{"c":2}'],
    ])
    expect(load('{"data":[["a","1"],{"key":"b","value":2},{"del":"c"}]}', { at: 'data' }).entries).toEqual([
      ['a', '1'],
      ['b', '2'],
      ['c', null],
    ])
  })

  test.each([
    ['{"count":1,"data":[]}', 'items', 'no field "items"; it has count, data'],
    ['{}', 'items', 'no field "items"; it has nothing'],
    ['{"data":{"total":1,"a b":2}}', 'data.items', 'no field "data.items"; "data" has total, "a b"'],
    ['{"data":[1]}', 'data.5', 'no field "data.5"; "data" has 1 element'],
    ['{"data":[{"id":1}]}', 'data.items', 'no field "data.items": "data" is an array'],
    ['[{"id":1}]', 'items', 'no field "items": the document is an array'],
    ['{"items":"x"}', 'items', '"items" is a string, neither an array nor an object'],
    ['{"items":null,"x":[]}', 'items', '"items" is null, neither an array nor an object'],
    ['{"items":[{"id":5}],"items":[{"id":6}]}', 'items', 'field "items" is there twice'],
    ['5', 'items', 'no field "items": the document is a number'],
  ])('%s has none at %s', (input, at, reason) => {
    expect(load(input, { ...byId, at }).stopped).toBe(`1/${input.includes('5}') ? 2 : 1}: ${reason}`)
    const more = `${input}\n{"items":[{"id":7}],"data":{"items":[{"id":7}],"5":[{"id":7}]}}`
    const skipped = load(more, { ...byId, at, skip: true })
    expect(skipped.refused).toHaveLength(1)
    expect(skipped.entries.at(-1)).toEqual(['7', '{"id":7}'])
  })

  test.each([
    ['{"a":[1,],"items":[]}', '1/1: invalid JSON at column 9 (record 1)'],
    ['{"a":"\x01","items":[]}', '1/1: invalid JSON at column 7 (record 1)'],
    ['{"items":[{"id":1}],"a":"\\ud800"}', '1/2: lone surrogate at column 26 (record 2)'],
    ['{"items":[{"id":1}]', '1/2: the document ends too early at column 20 (record 2)'],
    ['{"items":[{"id":1}}', '1/1: invalid JSON at column 19 (record 1)'],
    ['{"items":[{"id":1}]} x', '1/1: text after the document at column 22'],
    ['', '1/1: no JSON document at column 1'],
  ])('%j is refused', (input, reason) => {
    const { stopped } = load(input, { ...byId, at: 'items' })
    expect(stopped?.replace('1/0', '1/1')).toBe(reason)
  })

  test('what lies beside it is not held', () => {
    const options = { maxKeyBytes: 9, maxValueBytes: 99, now: () => 0, skip: undefined, at: ['items'] }
    const parser = jsonParser({ ...options, mapping: { key: 'id' } })
    const made = { ...parser.makes!, arena: new ByteArena() }
    let entries = 0
    const feed = (text: string, final = false): number => {
      const bytes = new Uint8Array(Buffer.from(text))
      const builder = new BlockBuilder(bytes, 1, { made })
      const consumed = parser.parse(builder, bytes.length, final)
      entries += builder.count
      return bytes.length - consumed
    }
    expect(feed('{"a":[1,{"b":"')).toBe(0)
    for (let n = 0; n < 50; n++) expect(feed('x'.repeat(5000))).toBe(0)
    // An escape stays whole.
    expect(feed('x\\ud83d')).toBe(6)
    expect(feed('\\ud83d\\ude00"},')).toBe(0)
    for (let n = 0; n < 50; n++) expect(feed('[{"c":[null,true]}],'.repeat(100))).toBe(0)
    expect(feed('0],"items":[{"id":1}],"y":{"z":"')).toBe(0)
    for (let n = 0; n < 50; n++) expect(feed('y'.repeat(5000))).toBe(0)
    expect(feed('"}}', true)).toBe(0)
    expect(entries).toBe(1)
  })
})

describe('documents one after another', () => {
  test.each<[string, Given, string[]]>([
    ['{\n"id":1}\n{\n"id":2}', { mapping: { key: 'id' } }, ['1', '2']],
    ['{"id":1}\n{"id":2}\n', { mapping: { key: 'id' } }, ['1', '2']],
    ['{"id":1}{"id":2}', { mapping: { key: 'id' } }, ['1', '2']],
    ['[{"id":1}]\n[{"id":2},\n{"id":3}][] []', { mapping: { key: 'id' } }, ['1', '2', '3']],
    ['[{"id":1}]\n{"id":2}[[]]', { mapping: { key: 'id' }, skip: true }, ['1', '2']],
    ['\x1e{"id":1}\n\x1e{\n"id":2}\n\x1e[{"id":3}]\n', { mapping: { key: 'id' } }, ['1', '2', '3']],
    ['[["a",1]]\n[["b",2]]', {}, ['a', 'b']],
    ['[{"key":"a","value":1}]{"key":"b","value":2}', {}, ['a', 'b']],
    ['\x1e{"key":"a","value":1}\n\x1e["b",2]\n', {}, ['a', 'b']],
    ['\x1e\x1e\n', {}, []],
    ['[["a",1],["b",2]]', { mapping: { key: '0' } }, ['a', 'b']],
    ['["a",1]\n["b",2]', { mapping: { key: '0' } }, ['a', 'b']],
    ['["a",\n1] ["b",2]', { mapping: { key: '0' } }, ['a', 'b']],
  ])('%j', (input, given, keys) => {
    const loaded = load(input, given)
    expect(loaded.stopped).toBeUndefined()
    expect(loaded.entries.map(([key]) => key)).toEqual(keys)
  })

  test('in a marked sequence a text that is no JSON can be skipped', () => {
    const input = '\x1e{"id":1}\n\x1e{"id":\n\x1e[{"id":2},{]\n\x1e{"id":"\xff"}\n\x1e{"id":3}\n\x1e5\n\x1e{"id":4}\n'
    const bytes = Buffer.from(input, 'latin1')
    const loaded = load(bytes, { mapping: { key: 'id' }, skip: true })
    expect(loaded.entries.map(([key]) => key)).toEqual(['1', '2', '3', '4'])
    expect(loaded.refused).toEqual([
      expect.stringContaining('3/2: invalid JSON at column 1 (record 2)'),
      expect.stringContaining('3/4: invalid JSON at column 13 (record 4)'),
      expect.stringContaining('4/5: invalid UTF-8 at column 9 (record 5)'),
      expect.stringContaining('6/6: the document is neither an array nor an object'),
    ])
    for (let cut = 0; cut < bytes.length; cut++)
      expect(load(bytes, { mapping: { key: 'id' }, skip: true, cuts: [cut] })).toEqual(loaded)
  })
})

/** JSON with blanks here and there, whose numbers and strings are written in several ways. */
const anyText = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 6 }),
  fc.constantFrom('a', 'b', 'x.y', '0', '', 'é"\\\n'),
)
const anyValue = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    anyText.filter((text) => text.isWellFormed()).map((text) => JSON.stringify(text)),
    anyText
      .filter((text) => text.isWellFormed())
      .map(
        (text) =>
          `"${[...text].map((char) => [...char].flatMap((c) => Array.from({ length: c.length }, (_, n) => `\\u${c.charCodeAt(n).toString(16).padStart(4, '0')}`)).join('')).join('')}"`,
      ),
    fc.constantFrom('0', '-1', '12', '1.50', '1E400', 'true', 'false', 'null'),
    fc.array(tie('value'), { maxLength: 3 }).map((values) => `[ ${values.join(' , ')}]`),
    fc
      .uniqueArray(fc.tuple(fc.constantFrom('a', 'b', 'x.y', '0', 'c'), tie('value')), {
        selector: ([name]) => name,
        maxLength: 4,
      })
      .map((members) => `{${members.map(([name, value]) => `${JSON.stringify(name)} :${value}`).join(',')} }`),
  ),
})).value

const anyPath = fc.array(fc.constantFrom('a', 'b', '"x.y"', '0', '1', 'c'), { minLength: 1, maxLength: 3 })

/** What is at a path, by JSON.parse; numbers are told by their source, so only their presence counts. */
function valueAt(record: unknown, path: readonly string[]): unknown {
  let value = record
  for (const step of path) {
    const name = step.startsWith('"') ? (JSON.parse(step) as string) : step
    if (typeof value !== 'object' || value === null) return undefined
    value = Array.isArray(value)
      ? /^\d+$/.test(name)
        ? value[Number(name)]
        : undefined
      : Object.hasOwn(value, name)
        ? (value as Record<string, unknown>)[name]
        : undefined
  }
  return value
}

test('random records, paths and cuts give what JSON.parse gives', () => {
  fc.assert(
    fc.property(
      fc.array(anyValue, { minLength: 1, maxLength: 5 }),
      anyPath,
      anyPath,
      fc.constantFrom('lines', 'array', 'at', 'documents', 'marked'),
      fc.boolean(),
      fc.array(fc.nat(2000), { maxLength: 4 }),
      (sources, keyPath, valuePath, form, isTemplate, cuts) => {
        // A document is an array or an object.
        const records = sources.filter((source) =>
          form !== 'documents' && form !== 'marked' ? true : source.startsWith('{'),
        )
        const input =
          form === 'lines'
            ? records.join('\n')
            : form === 'array'
              ? `[${['{"c":1}', ...records].join(',\n')}]`
              : form === 'at'
                ? `{"b":[1,{"c":"]"}],"in":{"a":"\\u0061","rows":[${records.join(' ,')}],"z":[]},"y":"\\n"}`
                : form === 'marked'
                  ? records.map((record) => `\x1e${record}\n`).join('')
                  : `${records.join('\n')} `
        const key = `${keyPath.join('.')}`
        const value = valuePath.join('.')
        const mapping = isTemplate ? { key: `k{${key}}`, value: `{${value}}!` } : { key, value }
        const at = form === 'at' ? 'in.rows' : undefined
        const format = form === 'lines' ? 'jsonl' : 'json'
        const expected = new Map<string, string | undefined>()
        let refused = 0
        for (const record of form === 'array' ? ['{"c":1}', ...records] : records) {
          const parsed = JSON.parse(record) as unknown
          const [k, v] = [valueAt(parsed, keyPath), valueAt(parsed, valuePath)]
          const isGood =
            k !== undefined &&
            k !== null &&
            typeof k !== 'object' &&
            (k !== '' || isTemplate) &&
            v !== undefined &&
            v !== null
          if (!isGood) refused++
          // What has a source of its own is only looked for.
          else if (typeof k === 'string') {
            const text = typeof v === 'string' ? (isTemplate ? `${v}!` : v) : undefined
            expected.set(latin1(isTemplate ? `k${k}` : k), text === undefined ? undefined : latin1(text))
          }
        }
        const whole = load(input, { format, mapping, at, skip: true })
        if (records.length > 0) expect(whole.stopped).toBeUndefined()
        expect(whole.refused).toHaveLength(refused)
        for (const [name, text] of expected) {
          const found = whole.entries.find(([k]) => k === name)
          expect(found).toBeDefined()
          if (text !== undefined && records.length === 1) expect(found![1]).toBe(text)
        }
        expect(load(input, { format, mapping, at, skip: true, cuts })).toEqual(whole)
      },
    ),
    { numRuns: 1500 },
  )
})

test('the whole record is a value byte for byte, of equal keys the last', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom('k1', 'k2', 'k3'), anyValue), { minLength: 1, maxLength: 5 }),
      // By the first record it is told whether each has a line to itself.
      fc.constantFrom('', ' ', '\n\t', '\r\n'),
      fc.constantFrom('json', 'at', 'array', 'jsonl'),
      (rows, blank, form) => {
        const records = rows.map(([id, value]) => {
          const space = form === 'jsonl' ? ' ' : blank
          return `{${space}"v":${value},"id" :${space}"${id}"${space}}`
        })
        const input =
          form === 'at'
            ? `{"x":[{}],"rows":[${records.join(' , ')} ]}`
            : form === 'array'
              ? `[${records.join(',')}\n]`
              : records.join('\n')
        const expected = new Map(rows.map(([id], n) => [id, latin1(records[n]!)]))
        const loaded = load(input, {
          format: form === 'jsonl' ? 'jsonl' : 'json',
          mapping: { key: 'id' },
          at: form === 'at' ? 'rows' : undefined,
        })
        expect(loaded.stopped).toBeUndefined()
        expect(new Map(loaded.entries.map(([key, value]) => [key, value]))).toEqual(expected)
      },
    ),
    { numRuns: 500 },
  )
})

test('wherever an input is cut, it gives the same', () => {
  const inputs: [string, Given][] = [
    [
      '\ufeff{"a":"\\u0061","in":{"rows":[{"id":1,"v":"\\ud83d\\ude00"},{"id":null}],"z":{"y":-1.5}},"n":12}',
      { at: 'in.rows', mapping: { key: 'id', value: 'v' } },
    ],
    ['{"id":1,"v":"\\n"}\n {"id":2}\n[{"id":3,"v":"é"}]', { mapping: { key: '{id:03}', value: '<{v}>' } }],
    ['[["a",1],\n["b",2]] [["c",3]]', { mapping: { prefix: 'é' } }],
    ['{"key":"a","value":"1"}\r\n{"del":"b"}\n{"type":"del","key":"c"}\n{"del":5}\n', { mapping: { prefix: 'p' } }],
    ['{"a":1,"in":{"x":{"id":1},"y":{"id":2}}}', { at: 'in', mapping: { key: 'id' } }],
  ]
  for (const [input, given] of inputs) {
    const whole = load(input, { ...given, skip: true })
    expect(whole.entries.length).toBeGreaterThan(0)
    for (let cut = 0; cut <= Buffer.byteLength(input); cut++)
      expect(load(input, { ...given, skip: true, cuts: [cut, cut + 1, cut + 7] })).toEqual(whole)
  }
})
