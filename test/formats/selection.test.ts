import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { utf8 } from '../../src/bytes.ts'
import type { EntryForm } from '../../src/formats/format.ts'
import { ValueFields } from '../../src/formats/selection/value-fields.ts'
import { type Path, parsePath, pathText } from '../../src/formats/path.ts'
import { EntryColumns } from '../../src/formats/selection/columns.ts'
import { ValueField } from '../../src/formats/selection/field.ts'
import { LineTemplate } from '../../src/formats/selection/line-template.ts'
import { Printer } from '../../src/output/printer.ts'
import type { Entry } from '../../src/store/driver/entry.ts'

const TEXT = { keyEncoding: 'utf8', valueEncoding: 'utf8' } as const

function entry(value: string | Uint8Array, key: string | Uint8Array = 'k', expires?: number): Entry {
  const bytes = (data: string | Uint8Array): Uint8Array => (typeof data === 'string' ? utf8(data) : data)
  return { key: bytes(key), value: bytes(value), revision: 1, expires }
}

const textOf = (bytes: Uint8Array | undefined): string | undefined => bytes && Buffer.from(bytes).toString()

/** What is printed of entries into a pipe. */
async function printed(entries: readonly Entry[], form: Partial<EntryForm>, format?: 'csv' | 'tsv' | 'jsonl' | 'json') {
  const parts: Buffer[] = []
  const write = (data: string | Uint8Array): void => void parts.push(Buffer.from(data as Uint8Array))
  const sink = { isTTY: false, columns: () => 80, write, stream: () => process.stdout }
  await new Printer(sink, { format, json: false, color: false }).entries(
    { pages: () => [entries] },
    { ...TEXT, jsonValues: false, expiring: () => false, ...form },
  )
  return Buffer.concat(parts).toString('latin1')
}

const name = fc.oneof(
  fc.constantFrom('a', 'b', 'id', '0', '1', '00', 'a.b', '"', '\\', 'é', '\u{1f600}', '', ' ', 'a b', '{', ':', ','),
  fc.string({ unit: 'binary' }).map((text) => text.toWellFormed()),
)

const json: fc.Memo<unknown> = fc.memo((depth) => {
  const scalar = fc.oneof(
    name,
    fc.constantFrom(null, true, false, 0, -1.5, 1e300),
    fc.integer(),
    fc.constant('line\nend\r'),
  )
  if (depth <= 1) return scalar
  const below = json(depth - 1)
  return fc.oneof(
    scalar,
    fc.array(below, { maxLength: 3 }),
    fc.array(fc.tuple(name, below), { maxLength: 4 }).map((members) => Object.fromEntries(members)),
  )
})

/** What JavaScript finds at a path. */
function found(value: unknown, path: Path): unknown {
  let at: unknown = value
  for (const step of path) {
    if (typeof at !== 'object' || at === null) return undefined
    if (Array.isArray(at) ? !/^(0|[1-9]\d*)$/.test(step) : !Object.hasOwn(at, step)) return undefined
    at = (at as Record<string, unknown>)[step]
  }
  return at
}

describe('fields of values', () => {
  test('are what JSON.parse finds at the paths, however the JSON is laid out', () => {
    const paths = fc.uniqueArray(fc.array(name, { minLength: 1, maxLength: 3 }), {
      minLength: 1,
      maxLength: 5,
      selector: (path) => JSON.stringify(path),
    })
    fc.assert(
      fc.property(json(4), paths, fc.constantFrom('', ' ', '\t'), fc.boolean(), (value, all, indent, escapes) => {
        const plain = JSON.stringify(value, null, indent)
        const source = escapes
          ? plain.replaceAll(/[\u0080-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
          : plain
        const fields = new ValueFields(all)
        fields.read(utf8(source))
        for (const [field, path] of all.entries()) {
          const expected = found(value, path)
          const text = textOf(fields.text(field))
          const oneLine = textOf(fields.source(field))
          if (expected === undefined) expect([text, oneLine]).toEqual([undefined, undefined])
          else {
            expect(JSON.parse(oneLine!)).toEqual(expected)
            expect(oneLine).not.toMatch(/[\r\n]/)
            if (typeof expected === 'string') expect(text).toBe(expected)
            else expect(source).toContain(text)
          }
        }
      }),
      { numRuns: 1000 },
    )
  })

  test.for([
    ['{"a":{"b":1},"a":{}}', 'a.b', undefined],
    ['{"a":{"b":1},"a":2}', 'a.b', undefined],
    ['{"a":1,"a":2}', 'a', '2'],
    ['{"a":{"b":1},"a":{"b":[3]}}', 'a.b', '[3]'],
    ['{"\\u0061":"x"}', 'a', 'x'],
    ['{"a":1', 'a', undefined],
    ['{"a":1}x', 'a', undefined],
    [' {"a" : 1e400 }\n', 'a', '1e400'],
    ['[[1,2],[3]]', '0.1', '2'],
    ['[1]', '00', undefined],
    ['"text"', 'a', undefined],
    ['', 'a', undefined],
  ] as const)('%s has at %s: %s', ([value, path, expected]) => {
    const fields = new ValueFields([parsePath(path)])
    fields.read(utf8(value))
    expect(textOf(fields.text(0))).toBe(expected)
  })

  test('bytes that are not UTF-8 have none', () => {
    const fields = new ValueFields([['a']])
    expect(fields.read(Buffer.from('7b2261223a22ff227d', 'hex'))).toBe('none')
    expect(fields.has(0)).toBe(false)
  })

  test('the fields of several entries do not mix', () => {
    const field = new ValueField('a')
    const all = ['{"a":"\\u0041"}', '{"a":"\\u0042"}'].map((value) => field.of(entry(value), false)!)
    expect(all.map(({ value }) => textOf(value))).toEqual(['A', 'B'])
  })

  test('every path has a text that reads as it', () => {
    fc.assert(
      fc.property(fc.array(name, { minLength: 1 }), (path) => {
        expect(parsePath(pathText(path))).toEqual(path)
      }),
    )
  })
})

describe('columns', () => {
  const ADA = entry('{"id":7,"name":"Ada, \\"L\\"","tags":["x",\n"y"],"none":null,"on":true,"a.b":1}', 'user:7', 1e12)

  test.for([
    ['key,expires,value', 'key,expires,value\nuser:7,2001-09-09T01:46:40.000Z,', /^[^]*$/],
    ['id,name,on', 'id,name,on\n7,"Ada, ""L""",true\n', undefined],
    ['none,missing,id', 'none,missing,id\n,,7\n', undefined],
    ['tags,tags.1', 'tags,tags.1\n"[""x"",\n""y""]",y\n', undefined],
    ['"a.b", id', 'a.b,id\n1,7\n', undefined],
    ['missing', 'missing\n""\n', undefined],
  ] as const)('%s as CSV', async ([columns, expected, rest]) => {
    const text = await printed([ADA], { columns: new EntryColumns(columns, TEXT) }, 'csv')
    if (rest === undefined) expect(text).toBe(expected)
    else expect(text.startsWith(expected)).toBe(true)
  })

  test.for([
    ['csv', 'name,id\n"Ada, ""L""",7\n,\n'],
    ['tsv', 'name\tid\nAda, "L"\t7\n\t\n'],
    ['jsonl', '{"name":"Ada, \\"L\\"","id":7}\n{"name":null,"id":null}\n'],
    ['json', '[\n{"name":"Ada, \\"L\\"","id":7},\n{"name":null,"id":null}\n]\n'],
  ] as const)('as %s', async ([format, expected]) => {
    const columns = new EntryColumns('name,id', TEXT)
    expect(await printed([ADA, entry('no JSON')], { columns }, format)).toBe(expected)
    expect(columns.remarks()).toEqual(['1 value is no JSON object: its fields are empty'])
  })

  test('of keys and values that are not UTF-8 are written like those of entries', async () => {
    const binary = entry(Uint8Array.of(0xff), Uint8Array.of(0xfe))
    const jsonl = await printed([binary], { columns: new EntryColumns('expires,value,key', TEXT) }, 'jsonl')
    expect(jsonl).toBe('{"expires":null,"value_base64":"/w==","key_base64":"/g=="}\n')
    await expect(printed([binary], { columns: new EntryColumns('key', TEXT) }, 'csv')).rejects.toMatchObject({
      code: 'KV_USAGE',
    })
    const hex = { keyEncoding: 'hex', valueEncoding: 'base64' } as const
    expect(await printed([binary], { columns: new EntryColumns('key,value', hex) }, 'csv')).toBe('key,value\nfe,/w==\n')
  })

  test('a quoted name is a field of the value, also where an entry has a part of that name', async () => {
    const columns = new EntryColumns('"key",id', TEXT)
    expect(await printed([entry('{"key":"inner","id":1}')], { columns }, 'csv')).toBe('key,id\ninner,1\n')
  })

  test.for(['', ',', 'a,', 'a,,b', 'a,a', 'a,"a"', 'a."', 'a..b', '"a', '.a'])('%s is refused', (text) => {
    expect(() => new EntryColumns(text, TEXT)).toThrow(expect.objectContaining({ code: 'KV_USAGE' }))
  })

  test('fields that no value has are named', async () => {
    const columns = new EntryColumns('id,naem,"x.y"', TEXT)
    await printed([ADA, entry('{"id":null}')], { columns }, 'jsonl')
    expect(columns.remarks()).toEqual(['no value has a field naem', 'no value has a field "x.y"'])
    expect(new EntryColumns('id', TEXT).remarks()).toEqual([])
  })
})

describe('templates', () => {
  const bytes = entry(Uint8Array.of(0x7b, 0xff), Uint8Array.of(0xfe, 0x0a))
  test.for([
    ['{key}', '\xfe\n\n', bytes],
    ['{value}', '\x7b\xff\n', bytes],
    ['{value.a}', '\n', bytes],
    ['{key}\\t{value.n:04}', 'k\t0007\n', entry('{"n":7}')],
    ['{value.n:>4}|{value.n:<4}|{value.n:*>4}', '   7|7   |***7\n', entry('{"n":7}')],
    ['{value.n:04}', '-7\n', entry('{"n":-7}')],
    ['{value.n:04}', '\n', entry('{}')],
    ['{value.n:>3}', '   \n', entry('{"n":null}')],
    ['{value."a.b"}-{value.a.b}', '1-2\n', entry('{"a.b":1,"a":{"b":2}}')],
    ['{{{key}}}\\\\\\n\\0', '{k}\\\n\0\n', entry('')],
    ['{expires}.', '2001-09-09T01:46:40.000Z.\n', entry('', 'k', 1e12)],
    ['{expires}.', '.\n', entry('')],
    ['{value}', '{"a":1}\n', entry('{"a":1}')],
    ['', '\n', entry('')],
  ] as const)('%s makes %j', async ([text, expected, one]) => {
    const lines = new LineTemplate(text, TEXT, '\n')
    expect(await printed([one], { template: (out) => lines.writer(out) })).toBe(expected)
  })

  test('write keys and values in the encoding asked for', async () => {
    const lines = new LineTemplate('{key} {value:>6}', { keyEncoding: 'hex', valueEncoding: 'base64' }, '\0')
    expect(await printed([bytes], { template: (out) => lines.writer(out) })).toBe('fe0a   e/8=\0')
  })

  test.for(['{name}', '{', '}', '{}', '{value.}', '\\x', '\\', '{key:x}', '{valuex}', '{key.a}'])(
    '%s is refused',
    (text) => {
      expect(() => new LineTemplate(text, TEXT, '\n')).toThrow(expect.objectContaining({ code: 'KV_USAGE' }))
    },
  )
})
