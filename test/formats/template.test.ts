import { describe, expect, test } from 'vitest'
import { ByteArena } from '../../src/blocks/byte-arena.ts'
import { parsePath } from '../../src/formats/path.ts'
import { FieldList, fill, parseFieldOrTemplate, parseTemplate } from '../../src/formats/template.ts'

/** What a template makes of fields by their names, or why it makes nothing. */
function made(template: string, values: Readonly<Record<string, string>>): string {
  const fields = new FieldList()
  const parsed = parseTemplate(template, fields)
  const out = new ByteArena(1)
  const addText = (field: number, arena: ByteArena): string | undefined => {
    const value = values[fields.names[field]!]
    if (value === undefined) return `no field ${JSON.stringify(fields.names[field])}`
    arena.add(Buffer.from(value))
    return undefined
  }
  return fill(parsed, { addText }, out) ?? Buffer.from(out.bytes.subarray(0, out.length)).toString()
}

describe('a path', () => {
  for (const [text, path] of [
    ['id', ['id']],
    ['address.city', ['address', 'city']],
    ['tags.0', ['tags', '0']],
    ['"a.b".c', ['a.b', 'c']],
    ['a."b\\"c"', ['a', 'b"c']],
    ['"\\u0041"', ['A']],
    ['größe.naïve', ['größe', 'naïve']],
    ['with blank', ['with blank']],
    ['""', ['']],
  ] as const) {
    test(text, () => expect(parsePath(text)).toEqual(path))
  }

  for (const text of ['', '.', 'a.', '.a', 'a..b', '"a', 'a"b"', '"a"b', '"\\x"'])
    test(`${text === '' ? 'nothing' : text} is none`, () => expect(() => parsePath(text)).toThrow('not a field'))
})

describe('a template', () => {
  for (const [template, values, expected] of [
    ['user:{id}', { id: '7' }, 'user:7'],
    ['{a}{b}{a}', { a: 'x', b: 'y' }, 'xyx'],
    ['{{{a}}}', { a: 'x' }, '{x}'],
    ['no field', {}, 'no field'],
    ['{"a:b"}', { '"a:b"': 'x' }, 'x'],
    ['{ a }', { a: 'x' }, 'x'],
    ['é{a}😀', { a: 'ü' }, 'éü😀'],
    // Numbers.
    ['{n:04}', { n: '7' }, '0007'],
    ['{n:>04}', { n: '7' }, '0007'],
    ['{n:04}', { n: '1.5' }, '0001.5'],
    ['{n:04}', { n: '12345' }, '"n" has more than 4 digits before the point'],
    ['{n:04}', { n: '-7' }, '"n" is negative, so padded with zeros it would not sort'],
    ['{n:04}', { n: '' }, '"n" is not a plain number'],
    ['{n:04}', { n: '1e3' }, '"n" is not a plain number'],
    ['{n:04}', { n: '7.' }, '"n" is not a plain number'],
    ['{n:04}', { n: '7x' }, '"n" is not a plain number'],
    // Text.
    ['{t:>4}|', { t: 'ab' }, '  ab|'],
    ['{t:<4}|', { t: 'ab' }, 'ab  |'],
    ['{t:*>4}|', { t: 'ab' }, '**ab|'],
    ['{t:0>4}|', { t: 'ab' }, '00ab|'],
    ['{t:😀<4}|', { t: 'é' }, 'é😀😀😀|'],
    ['{t:>2}|', { t: 'abc' }, 'abc|'],
    ['{t:>3}|', { t: '' }, '   |'],
    ['{a}:{missing}', { a: 'x' }, 'no field "missing"'],
  ] as const) {
    test(`${template} of ${JSON.stringify(values)}`, () => expect(made(template, values)).toBe(expected))
  }

  for (const [template, message] of [
    ['{', 'a lone {'],
    ['a}', 'a lone }'],
    ['{a', 'a lone {'],
    ['{}', 'not a field'],
    ['{a.}', 'not a field'],
    ['{a:}', 'not a padding'],
    ['{a:0}', 'not a padding'],
    ['{a:8}', 'not a padding'],
    ['{a:<08}', 'not a padding'],
    ['{a:x}', 'not a padding'],
    ['{a:>2000}', 'not a padding'],
  ] as const) {
    test(`${template} is none`, () => expect(() => parseTemplate(template, new FieldList())).toThrow(message))
  }

  test('numbers padded with zeros sort as numbers', () => {
    const numbers = ['0', '0.5', '1', '1.25', '1.5', '2', '9', '10', '10.01', '99', '100']
    const keys = numbers.map((n) => made('{n:03}', { n }))
    expect([...keys].toSorted()).toEqual(keys)
  })

  test('a field named twice in two spellings is one', () => {
    const fields = new FieldList()
    parseTemplate('{a.b} {"a".b}', fields)
    expect(fields.paths).toEqual([['a', 'b']])
  })

  test('without a brace it is one field', () => {
    const fields = new FieldList()
    expect(parseFieldOrTemplate('a.b', fields).parts).toMatchObject([{ field: 0, name: 'a.b' }])
  })
})
