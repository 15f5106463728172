import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decode, decodeEncoded, encodedLength } from '../../src/bytes.ts'

const ENCODINGS = ['hex', 'base64'] as const

/** The bytes that a text stands for, decoded within a larger buffer; `undefined` when it is refused. */
function decoded(text: string, encoding: 'hex' | 'base64'): string | undefined {
  const bytes = new Uint8Array(Buffer.from(`AA${text}AA`))
  const end = 2 + Buffer.byteLength(text)
  const length = encodedLength(bytes, 2, end, encoding)
  if (length < 0) return undefined
  expect(decodeEncoded(bytes, 2, end, encoding)).toBe(length)
  return Buffer.from(bytes.subarray(2, 2 + length)).toString('hex')
}

describe.for(ENCODINGS)('%s', (encoding) => {
  test('any bytes come back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const buffer = Buffer.from(bytes)
        const forms = [
          buffer.toString(encoding),
          encoding === 'hex' ? buffer.toString('hex').toUpperCase() : buffer.toString('base64url'),
        ]
        for (const form of forms) expect(decoded(form, encoding)).toBe(buffer.toString('hex'))
      }),
    )
  })

  test('any text is taken or refused as a text of the command line is', () => {
    const char = fc.constantFrom(...'AZaz09fg+/-_=é ')
    fc.assert(
      fc.property(fc.array(char, { maxLength: 9 }), (chars) => {
        const bytes = decode(chars.join(''), encoding)
        expect(decoded(chars.join(''), encoding)).toBe(bytes && Buffer.from(bytes).toString('hex'))
      }),
    )
  })
})

test('base64 longer than any string of JavaScript is decoded', { timeout: 60_000 }, () => {
  const length = 2 ** 29
  const bytes = Buffer.alloc(length, 'A')
  expect(encodedLength(bytes, 0, length, 'base64')).toBe((length / 4) * 3)
  expect(decodeEncoded(bytes, 0, length, 'base64')).toBe((length / 4) * 3)
  for (const at of [0, 1, 2 ** 20, (length / 4) * 3 - 1]) expect(bytes[at]).toBe(0)
  // What is behind is as it was.
  expect(bytes[(length / 4) * 3]).toBe(0x41)
})
