import { crc32 as zlibCrc32 } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BlockBuilder } from '../../src/blocks/block-builder.ts'
import { isStrictlyAscending, sortKeys } from '../../src/blocks/sort.ts'
import { checksum } from '../../src/blocks/checksum.ts'
import { crc32 } from '../../src/blocks/crc32.ts'

function pack(keys: readonly Uint8Array[]) {
  const start = new Uint32Array(keys.length)
  const length = new Uint32Array(keys.length)
  let at = 0
  keys.forEach((key, i) => {
    start[i] = at
    length[i] = key.length
    at += key.length
  })
  // A last byte that belongs to no key shows reading past the end of one.
  return { bytes: new Uint8Array(Buffer.concat([...keys, Uint8Array.of(0xff)])), count: keys.length, start, length }
}

function expectSorted(keys: readonly Uint8Array[]): void {
  const expected = keys.map((_, i) => i).sort((a, b) => Buffer.compare(keys[a]!, keys[b]!) || a - b)
  const { order, hasDuplicates } = sortKeys(pack(keys))
  expect([...order]).toEqual(expected)
  expect(hasDuplicates).toBe(new Set(keys.map((key) => Buffer.from(key).toString('latin1'))).size < keys.length)
}

/** Numbers that look random and are the same every time. */
function* numbers(): Generator<number, never, void> {
  for (let state = 12345; ;) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    yield state >>> 8
  }
}

describe('sorting', () => {
  const byte = fc.constantFrom(0, 1, 0x61, 0x62, 0x7f, 0x80, 0xff)
  const awkward = fc.array(byte, { minLength: 1, maxLength: 12 }).map((bytes) => Uint8Array.from(bytes))

  test('is that of Buffer.compare, stable', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(awkward, fc.uint8Array({ minLength: 1, maxLength: 9 })), { maxLength: 200 }),
        expectSorted,
      ),
    )
  })

  test('also after a common prefix', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 11 }), fc.array(awkward, { maxLength: 60 }), (prefix, keys) => {
        expectSorted(keys.map((key) => Uint8Array.from([...prefix, ...key])))
      }),
    )
  })

  test('of keys that are prefixes of each other, with zero bytes', () => {
    const keys: Uint8Array[] = []
    for (let length = 12; length > 0; length--)
      keys.push(new Uint8Array(length), new Uint8Array(length).fill(0x61), new Uint8Array(length))
    expectSorted(keys)
  })

  // Each way of sorting a run has its own range of sizes.
  test.each([2, 39, 40, 41, 255, 5999, 6000, 20_000])('of %i keys', (count) => {
    const random = numbers()
    expectSorted(Array.from({ length: count }, () => Buffer.from(`user:${random.next().value % count}`)))
    expectSorted(
      Array.from({ length: count }, () =>
        Buffer.from(`@scope/a-long-package-name-${(random.next().value % 3).toString()}/${random.next().value}`),
      ),
    )
    expectSorted(
      Array.from({ length: count }, () =>
        Buffer.alloc(8, 0)
          .fill(random.next().value & 0xff, 0, 4)
          .fill(random.next().value & 0xff, 4),
      ),
    )
  })

  test('knows ascending keys', () => {
    fc.assert(
      fc.property(fc.array(awkward, { maxLength: 6 }), fc.boolean(), (keys, sort) => {
        if (sort) keys.sort(Buffer.compare)
        const ascending = keys.every((key, i) => i === 0 || Buffer.compare(keys[i - 1]!, key) < 0)
        expect(isStrictlyAscending(pack(keys))).toBe(ascending)
      }),
    )
  })
})

describe('CRC-32', () => {
  test('is the one of zlib at every length and offset', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ maxLength: 1000, size: 'max' }), (key, value) => {
        const bytes = Uint8Array.from([...key, ...value])
        const sum = crc32(bytes, key.length, value.length, crc32(bytes, 0, key.length, 0))
        expect(sum).toBe(zlibCrc32(bytes))
        expect(checksum(key, value, undefined)).toBe(sum)
      }),
    )
    expect(crc32(Buffer.from('123456789'), 0, 9, 0)).toBe(0xcbf43926)
  })
})

describe('a block', () => {
  const entry = fc.record({
    isDelete: fc.boolean(),
    key: fc.string({ unit: fc.constantFrom('a', 'b', '\u0000', 'é'), minLength: 1, maxLength: 3 }),
    value: fc.oneof(fc.string(), fc.constant('x'.repeat(500))),
    expires: fc.option(fc.oneof(fc.integer(), fc.constantFrom(0, -1, 253_402_300_799_999, -62_135_596_800_000)), {
      nil: undefined,
    }),
  })

  test('holds the last entry of each key in order, with its checksum, and deletes', () => {
    fc.assert(
      fc.property(
        fc.array(entry, { maxLength: 40 }),
        fc.integer({ min: 1, max: 50 }),
        fc.boolean(),
        (entries, capacity, sorted) => {
          if (sorted) entries.sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)))
          const builder = new BlockBuilder(
            new Uint8Array(Buffer.from(entries.map((e) => e.key + e.value).join(''))),
            capacity,
          )
          let at = 0
          for (const { key, value, expires, isDelete } of entries) {
            const keyLength = Buffer.byteLength(key)
            const valueLength = Buffer.byteLength(value)
            if (isDelete) builder.addDelete(at, keyLength)
            else if (expires === undefined) builder.add(at, keyLength, at + keyLength, valueLength)
            else builder.addExpiring(at, keyLength, at + keyLength, valueLength, expires)
            at += keyLength + valueLength
          }
          expect(builder.count).toBe(entries.length)
          expect(builder.deletes).toBe(entries.filter((e) => e.isDelete).length)
          const block = builder.finish()
          const last = new Map(entries.map((e) => [e.key, e]))
          const expected = [...last.values()].sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)))
          expect(block.count).toBe(expected.length)
          for (const [i, { key, value, expires, isDelete }] of expected.entries()) {
            const slice = (start: number, length: number): string =>
              Buffer.from(block.bytes.subarray(start, start + length)).toString()
            expect(slice(block.keyStart[i]!, block.keyLength[i]!)).toBe(key)
            expect(block.deleted?.[i] ?? 0).toBe(Number(isDelete))
            if (isDelete) {
              expect(block.valueLength[i]).toBe(0)
              expect(block.expires?.[i] ?? Number.NaN).toBeNaN()
              continue
            }
            expect(slice(block.valueStart[i]!, block.valueLength[i]!)).toBe(value)
            expect(block.expires?.[i] ?? Number.NaN).toBe(expires ?? Number.NaN)
            expect(block.checksums[i]).toBe(
              checksum(
                Buffer.from(key),
                Buffer.from(value),
                expires !== undefined && expires < 0 ? undefined : expires,
              ),
            )
          }
          if (entries.every((e) => e.expires === undefined)) expect(block.expires).toBeUndefined()
          if (entries.every((e) => !e.isDelete)) expect(block.deleted).toBeUndefined()
        },
      ),
    )
  })

  test('can be empty', () => {
    expect(new BlockBuilder(new Uint8Array(0)).finish()).toMatchObject({ count: 0, expires: undefined })
  })
})
