import { isUtf8 } from 'node:buffer'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { JsonScanner } from '../../src/formats/json/scanner.ts'
import { decodedLength, decodeInPlace } from '../../src/formats/json/string.ts'
import { countCodePoints, firstInvalidUtf8, wholeSequences } from '../../src/formats/utf8.ts'

const encode = (text: string): Uint8Array => new Uint8Array(Buffer.from(text))

/** Undefined when the text is one JSON value with whitespace around it, else what is wrong. */
function fault(text: string): { at: number; fault: string; expected: string } | undefined {
  const bytes = encode(text)
  const scanner = new JsonScanner()
  // Bytes after the end must play no part.
  const padded = new Uint8Array([...bytes, ...encode('"}]0')])
  scanner.reset(padded, bytes.length)
  const after = scanner.value(scanner.space(0))
  if (after < 0) return { at: scanner.failedAt, fault: scanner.fault, expected: scanner.expected }
  const rest = scanner.space(after)
  return rest === bytes.length ? undefined : { at: rest, fault: 'invalid JSON', expected: 'the end' }
}

function parses(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** Text in which an escaped surrogate stands alone is valid to JSON.parse, and refused here. */
const mayHoldSurrogateEscape = (text: string): boolean => /\\u[dD][89a-fA-F]/.test(text)

const VALID = [
  '0',
  '-0',
  '1',
  '-1.5',
  '1E400',
  '1e+5',
  '1e-5',
  '0.0',
  '12345678901234567890',
  'true',
  'false',
  'null',
  '""',
  '[]',
  '{}',
  ' [ ] ',
  '\t{\r\n}\n',
  '[1,2]',
  '{"a":1,"a":2}',
  '{"":{"":[]}}',
  '"\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\uD83D\\uDE00"',
  '"é日😀"',
  '"\u007f\u2028"',
]
const INVALID = [
  '',
  ' ',
  '01',
  '-01',
  '1.',
  '.5',
  '-',
  '+1',
  '1e',
  '1e+',
  '1.e5',
  '0x1',
  'NaN',
  'Infinity',
  '-Infinity',
  'nul',
  'nulll',
  'True',
  'tru',
  'fals',
  '"',
  '"\\',
  '"\\u12"',
  '"\\u12',
  '"\\u12g4"',
  '"\\x41"',
  '"\\\'"',
  '"a\nb"',
  '"a\tb"',
  '"\u0000"',
  '"\u001f"',
  "'a'",
  '[1,]',
  '[,1]',
  '[1 2]',
  '[',
  ']',
  '[1',
  '[1}',
  '{"a":1,}',
  '{,}',
  '{"a"}',
  '{"a":}',
  '{a:1}',
  '{1:1}',
  '{"a" 1}',
  '{"a":1 "b":2}',
  '{',
  '}',
  '{"a":1',
  '{"a":1]',
  '[[]',
  '1 2',
  '[]]',
  '\u00a0 1',
  '\ufeff1',
  '\v1',
  '/**/1',
  '1//',
]

describe('the scanner', () => {
  test.each(VALID)('takes %j', (text) => {
    expect(parses(text)).toBe(true)
    expect(fault(text)).toBeUndefined()
  })

  test.each(INVALID)('refuses %j', (text) => {
    expect(parses(text)).toBe(false)
    expect(fault(text)).toMatchObject({ fault: 'invalid JSON' })
  })

  test.each([
    '"\\ud800"',
    '"\\udc00"',
    '"\\ud800\\ud800"',
    '"\\ud800x"',
    '"\\udc00\\ud800"',
    '"\\ud800\\n"',
    '{"a":["\\uDFFF"]}',
  ])('refuses the lone surrogate in %j', (text) => {
    expect(parses(text)).toBe(true)
    expect(fault(text)).toMatchObject({
      fault: 'lone surrogate',
      at: text.search(/\\u(d800x|d800\\ud|d800"|d800\\n|dc|DF)/),
    })
  })

  test.each([
    ['{"a" 1}', 5, "':'"],
    ['[1 2]', 3, "',' or ']'"],
    ['{"a":1 2}', 7, "',' or '}'"],
    ['{"a":1,}', 7, 'a string'],
    ['[1,]', 3, 'a value'],
    ['nulL', 3, "'null'"],
    ['-x', 1, 'a digit'],
    ['"\\u12x"', 5, 'a hexadecimal digit'],
    ['"ab', 3, "'\"'"],
  ])('says where %j goes wrong and what it expected', (text, at, expected) => {
    expect(fault(text)).toMatchObject({ at, expected })
  })

  test('is not troubled by deep nesting', () => {
    const depth = 100_000
    expect(fault('['.repeat(depth) + ']'.repeat(depth))).toBeUndefined()
    expect(fault('{"a":['.repeat(depth) + '1' + ']}'.repeat(depth))).toBeUndefined()
    expect(fault('['.repeat(depth))).toMatchObject({ at: depth })
    expect(fault('['.repeat(depth) + ']'.repeat(depth - 1) + '}')).toMatchObject({ at: 2 * depth - 1 })
  })

  test('agrees with JSON.parse on JSON text', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), fc.constantFrom(undefined, 1, '\t'), (value, indent) => {
        const text = JSON.stringify(value, null, indent)
        expect(fault(text)).toBeUndefined()
      }),
    )
  })

  test('agrees with JSON.parse on damaged JSON text', () => {
    const piece = fc.constantFrom(
      ...'[]{}",:0123456789.eE+-\\/bfnrtu \n\t\u0000é😀',
      'null',
      'true',
      '""',
      '\\u00e4',
      '1e5',
    )
    const damage = fc.record({ at: fc.nat(), drop: fc.nat(3), insert: piece })
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 3 }), fc.array(damage, { minLength: 1, maxLength: 3 }), (value, damages) => {
        let text = JSON.stringify(value)
        for (const { at, drop, insert } of damages) {
          const points = [...text]
          points.splice(at % (points.length + 1), drop, insert)
          text = points.join('')
        }
        fc.pre(!mayHoldSurrogateEscape(text))
        expect(fault(text) === undefined).toBe(parses(text))
      }),
      { numRuns: 2000 },
    )
  })

  test('agrees with JSON.parse on soup', () => {
    const soup = fc
      .array(fc.constantFrom(...'[]{}",:01.eE-\\u ', 'null', '"a"', '1'), { maxLength: 12 })
      .map((parts) => parts.join(''))
    fc.assert(
      fc.property(soup, (text) => {
        expect(fault(text) === undefined).toBe(parses(text))
      }),
      { numRuns: 3000 },
    )
  })

  test('text that ends too early fails at its end', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 3 }), fc.nat(), (value, cut) => {
        const text = JSON.stringify([value])
        const start = text.slice(0, cut % text.length).replace(/[\ud800-\udbff]$/, '')
        expect(fault(start)?.at).toBe(encode(start).length)
      }),
    )
    expect(fault('"\\ud83d')?.at).toBe(7)
    expect(fault('"\\ud83d\\')?.at).toBe(8)
    expect(fault('"\\ud83d\\ud')?.at).toBe(10)
  })
})

describe('decoding strings', () => {
  /** JSON text of a string with as many escapes as there can be. */
  const escapeAll = (text: string): string =>
    `"${Array.from({ length: text.length }, (_, i) => `\\u${text.charCodeAt(i).toString(16).padStart(4, '0')}`).join('')}"`

  test('gives what JSON.parse gives', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.boolean(), (text, all) => {
        const bytes = encode(all ? escapeAll(text) : JSON.stringify(text))
        const expected = Buffer.from(text)
        expect(decodedLength(bytes, 1, bytes.length - 1)).toBe(expected.length)
        const length = decodeInPlace(bytes, 1, bytes.length - 1)
        expect(Buffer.from(bytes.subarray(1, 1 + length))).toEqual(expected)
      }),
    )
  })

  test('knows every short escape', () => {
    const bytes = encode('"\\"\\\\\\/\\b\\f\\n\\r\\t"')
    const length = decodeInPlace(bytes, 1, bytes.length - 1)
    expect(Buffer.from(bytes.subarray(1, 1 + length)).toString()).toBe('"\\/\b\f\n\r\t')
  })
})

describe('UTF-8', () => {
  const sequence = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 4 }),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 3 }).map(encode),
    fc
      .tuple(
        fc.constantFrom(0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5, 0xff),
        fc.constantFrom(0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0),
        fc.constantFrom(0x80, 0xbf),
      )
      .map((b) => Uint8Array.from(b)),
  )

  test('the first invalid byte is where isUtf8 turns false', () => {
    fc.assert(
      fc.property(fc.array(sequence, { maxLength: 5 }), (parts) => {
        const bytes = new Uint8Array(Buffer.concat(parts))
        const at = firstInvalidUtf8(bytes, 0, bytes.length)
        expect(at === bytes.length).toBe(isUtf8(bytes))
        expect(isUtf8(bytes.subarray(0, at))).toBe(true)
        for (let end = at + 1; end <= Math.min(at + 4, bytes.length); end++)
          expect(isUtf8(bytes.subarray(at, end))).toBe(false)
      }),
      { numRuns: 2000 },
    )
  })

  test('whole sequences stay whole at any cut', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const bytes = encode(text)
        for (let cut = 0; cut <= bytes.length; cut++) {
          const whole = wholeSequences(bytes, cut)
          expect(isUtf8(bytes.subarray(0, whole))).toBe(true)
          expect(cut - whole).toBeLessThan(4)
          if (isUtf8(bytes.subarray(0, cut))) expect(whole).toBe(cut)
        }
      }),
    )
  })

  test('code points are counted', () => {
    const bytes = encode('aé日😀')
    expect(countCodePoints(bytes, 0, bytes.length)).toBe(4)
    expect(countCodePoints(bytes, 1, 3)).toBe(1)
  })
})
