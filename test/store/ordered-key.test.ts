import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type OrderedPart, decodeOrderedKey, orderedKey } from '../../src/index.ts'
import { toHex } from '../helpers/bytes.ts'
import { failure } from '../helpers/store.ts'

/** Values of each type, with what orders two of them. */
const TYPES: Record<string, { values: fc.Arbitrary<OrderedPart>; compare: (a: never, b: never) => number }> = {
  text: {
    values: fc.string({
      unit: fc.oneof(
        fc.constantFrom('\0', 'a', 'é', '\uffff', '\u{10000}'),
        fc.string({ unit: 'binary', maxLength: 1 }),
      ),
    }),
    compare: (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b)),
  },
  numbers: {
    values: fc.oneof(fc.double({ noNaN: true }), fc.integer(), fc.constantFrom(-Infinity, -0, 0, 5e-324, Infinity)),
    compare: (a: number, b: number) => (a < b ? -1 : a > b ? 1 : 0),
  },
  bigints: {
    values: fc.oneof(
      fc.bigInt(),
      fc.bigInt({ min: -(2n ** 200n), max: 2n ** 200n }),
      fc.constantFrom(-256n, -255n, -1n, 0n, 255n, 256n, 2n ** 64n),
    ),
    compare: (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0),
  },
  booleans: { values: fc.boolean(), compare: (a: boolean, b: boolean) => Number(a) - Number(b) },
  dates: { values: fc.date({ noInvalidDate: true }), compare: (a: Date, b: Date) => a.getTime() - b.getTime() },
  bytes: { values: fc.uint8Array({ maxLength: 12 }), compare: (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) },
}

const anyPart = fc.oneof(...Object.values(TYPES).map(({ values }) => values))

/** Equal as keys are: -0 is 0. */
const plain = (part: OrderedPart): OrderedPart => (part === 0 ? 0 : part)

describe('orderedKey', () => {
  test.for(Object.entries(TYPES))('sorts as the values do: %s', ([, { values, compare }]) => {
    fc.assert(
      fc.property(values, values, anyPart, anyPart, (a, b, behindA, behindB) => {
        const order = Math.sign(compare(a as never, b as never))
        expect(Math.sign(Buffer.compare(orderedKey(a), orderedKey(b)))).toBe(order)
        // Whatever stands before and behind it.
        expect(Math.sign(Buffer.compare(orderedKey('x', a, behindA), orderedKey('x', b, behindA)))).toBe(order)
        if (order !== 0) expect(Math.sign(Buffer.compare(orderedKey(a, behindA), orderedKey(b, behindB)))).toBe(order)
      }),
    )
  })

  test('is read back as it was made, and begins the keys of more parts', () => {
    fc.assert(
      fc.property(fc.array(anyPart, { minLength: 1, maxLength: 5 }), fc.nat(), (parts, at) => {
        const key = orderedKey(...parts)
        expect(decodeOrderedKey(key)).toEqual(parts.map(plain))
        const first = orderedKey(...parts.slice(0, 1 + (at % parts.length)))
        expect(toHex(key.subarray(0, first.length))).toBe(toHex(first))
      }),
    )
  })

  test('bytes that are no ordered key are refused, and others have one reading', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), (bytes) => {
        let parts: OrderedPart[]
        try {
          parts = decodeOrderedKey(bytes)
        } catch (error) {
          expect(error).toMatchObject({ code: 'KV_INVALID_KEY' })
          return
        }
        if (parts.some((part) => Object.is(part, -0))) return
        expect(decodeOrderedKey(orderedKey(...parts))).toEqual(parts)
      }),
    )
  })

  test.for<readonly [OrderedPart, string]>([
    ['a\0b', '026100ff6200'],
    ['', '0200'],
    [Uint8Array.of(0, 255), '0100ffff00'],
    [0n, '14'],
    [1n, '1501'],
    [-1n, '13fe'],
    [256n, '160100'],
    [2n ** 64n, '1d09010000000000000000'],
    [-(2n ** 64n), '0bf6feffffffffffffffff'],
    [0, '218000000000000000'],
    [1.5, '21bff8000000000000'],
    [-1.5, '214007ffffffffffff'],
    [false, '26'],
    [true, '27'],
    [new Date(0), '408000000000000000'],
  ])('%s is %s', ([part, bytes]) => expect(toHex(orderedKey(part))).toBe(bytes))

  test('refuses what has no place in an order', async () => {
    const parts: unknown[] = [
      Number.NaN,
      new Date(Number.NaN),
      null,
      undefined,
      {},
      [],
      Symbol('s'),
      '\ud800',
      2n ** 2040n,
    ]
    for (const part of parts)
      expect(await failure(() => orderedKey(part as never)), String(part)).toMatchObject({ code: 'KV_INVALID_KEY' })
    expect(await failure(() => orderedKey())).toMatchObject({ code: 'KV_INVALID_KEY' })
    expect(await failure(() => decodeOrderedKey(new Uint8Array()))).toMatchObject({ code: 'KV_INVALID_KEY' })
  })
})
