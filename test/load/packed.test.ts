import zlib from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ByteSource } from '../../src/load/byte-source.ts'
import { gunzip } from '../../src/load/unpack/gzip.ts'
import { ZstdFrame, isSkippable, isZstd } from '../../src/load/unpack/zstd-frame.ts'
import { unpackFrame } from '../../src/load/unpack/zstd-wasm.ts'
import { type UnpackFrame, unzstd } from '../../src/load/unpack/zstd.ts'

/** The same bytes in pieces that end at `cuts`. */
function pieces(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b)
  return ends.map((end, n) => bytes.subarray(ends[n - 1] ?? 0, end))
}

type Unpack = (source: ByteSource) => AsyncIterable<Uint8Array>

/** What is unpacked, and what was thrown after it. */
async function unpack(
  how: Unpack,
  bytes: Uint8Array,
  cuts: readonly number[] = [],
): Promise<{ text: string; fault: string | undefined }> {
  const parts: Uint8Array[] = []
  try {
    const chunks = pieces(new Uint8Array(bytes), cuts)[Symbol.iterator]() as unknown as AsyncIterator<Uint8Array>
    for await (const chunk of how(new ByteSource(chunks))) parts.push(chunk)
    return { text: Buffer.concat(parts).toString(), fault: undefined }
  } catch (error) {
    return { text: Buffer.concat(parts).toString(), fault: (error as Error).message }
  }
}

const TEXTS = ['one\n', '', 'two\n'.repeat(100_000), 'three\n']
const ALL = TEXTS.join('')
const cuts = fc.array(fc.nat(1_000_000), { maxLength: 6 })

/** Members with every kind of header (RFC 1952, section 2.3.1). */
const gzip = (text: string): Buffer => {
  const plain = zlib.gzipSync(text)
  const header = Buffer.from([
    ...plain.subarray(0, 3),
    2 + 4 + 8 + 16,
    ...plain.subarray(4, 10),
    3,
    0,
    1,
    0,
    2,
    ...Buffer.from('name\0comment\0'),
    0,
    0,
  ])
  return Buffer.concat([header, plain.subarray(10)])
}
const GZIP = TEXTS.map((text, n) => (n === 0 ? gzip(text) : zlib.gzipSync(text)))

describe('gzip', () => {
  test('all members are unpacked, also with zeros between and after them, wherever the input is cut', async () => {
    const bytes = Buffer.concat(GZIP.flatMap((member, n) => [member, Buffer.alloc(n * 300)]))
    await fc.assert(
      fc.asyncProperty(cuts, async (at) => {
        expect(await unpack(gunzip, bytes, at)).toEqual({ text: ALL, fault: undefined })
      }),
      { numRuns: 30 },
    )
  })

  test('a cut-off member is refused, wherever it is cut, and what stands before it is there', async () => {
    const last = zlib.gzipSync('four\n')
    for (let length = 1; length < last.length; length++) {
      const { text, fault } = await unpack(gunzip, Buffer.concat([...GZIP, last.subarray(0, length)]))
      expect([length, fault]).toEqual([length, expect.any(String)])
      expect(text.startsWith(ALL)).toBe(true)
    }
  })

  test('what follows and is no gzip is refused after everything before it', async () => {
    expect(await unpack(gunzip, Buffer.concat([...GZIP, Buffer.from('["a",1]\n')]))).toEqual({
      text: ALL,
      fault: 'what follows is not gzip',
    })
    expect(await unpack(gunzip, Buffer.concat([...GZIP, Buffer.from([0, 0, 1])]))).toEqual({
      text: ALL,
      fault: 'what follows is not gzip',
    })
  })

  test('a wrong checksum is refused', async () => {
    const bytes = zlib.gzipSync('one\n')
    bytes[bytes.length - 5]! ^= 1
    expect(await unpack(gunzip, bytes)).toEqual({ text: 'one\n', fault: 'the checksum is wrong' })
  })
})

/** A block's header and content: raw, or a run of one byte (RFC 8878, section 3.1.1.2). */
const block = (isRun: boolean, length: number, isLast: boolean): number[] => {
  const header = (length << 3) | (isRun ? 2 : 0) | (isLast ? 1 : 0)
  return [header & 0xff, (header >>> 8) & 0xff, header >>> 16, ...Buffer.alloc(isRun ? 1 : length, 0x61)]
}

const dataFrame = fc
  .record({
    sizeFlag: fc.nat(3),
    isSingle: fc.boolean(),
    hasChecksum: fc.boolean(),
    dictionaryFlag: fc.nat(3),
    blocks: fc.array(fc.tuple(fc.boolean(), fc.nat(300)), { minLength: 1, maxLength: 4 }),
  })
  .map(({ sizeFlag, isSingle, hasChecksum, dictionaryFlag, blocks }) => {
    const descriptor = (sizeFlag << 6) | (isSingle ? 0x20 : 0) | (hasChecksum ? 4 : 0) | dictionaryFlag
    // Without a dictionary, and with a window that is not too large.
    const fields = (isSingle ? 0 : 1) + [0, 1, 2, 4][dictionaryFlag]! + [isSingle ? 1 : 0, 2, 4, 8][sizeFlag]!
    const body = blocks.flatMap(([isRun, length], n) => block(isRun, length, n === blocks.length - 1))
    return Uint8Array.from([
      0x28,
      0xb5,
      0x2f,
      0xfd,
      descriptor,
      ...Buffer.alloc(fields),
      ...body,
      ...Buffer.alloc(hasChecksum ? 4 : 0, 9),
    ])
  })
const skippableFrame = fc.tuple(fc.nat(15), fc.uint8Array({ maxLength: 400 })).map(([n, content]) => {
  const header = Buffer.alloc(8)
  header.writeUInt32LE(0x184d2a50 + n)
  header.writeUInt32LE(content.length, 4)
  return Uint8Array.from([...header, ...content])
})

describe('frames of Zstandard', () => {
  test('end where their blocks say, wherever the input is cut and whatever follows', () => {
    fc.assert(
      fc.property(fc.oneof(dataFrame, skippableFrame), fc.uint8Array({ maxLength: 20 }), cuts, (bytes, after, at) => {
        expect(isZstd(bytes)).toBe(true)
        const frame = new ZstdFrame()
        let passed = 0
        for (const piece of pieces(Uint8Array.from([...bytes, ...after]), at)) {
          const end = frame.end(piece)
          if (end >= 0) {
            expect(passed + end).toBe(bytes.length)
            return
          }
          passed += piece.length
        }
        expect.unreachable('the frame has no end')
      }),
    )
  })

  test('do not end before their last byte', () => {
    fc.assert(
      fc.property(fc.oneof(dataFrame, skippableFrame), fc.nat(), (bytes, length) => {
        expect(new ZstdFrame().end(bytes.subarray(0, length % bytes.length))).toBe(-1)
      }),
    )
  })

  test.each([
    ['another magic number', [0x28, 0xb5, 0x2f, 0xfe]],
    ['the reserved bit', [0x28, 0xb5, 0x2f, 0xfd, 8]],
    ['the reserved type of block', [0x28, 0xb5, 0x2f, 0xfd, 0x20, 0, 6, 0, 0]],
  ])('%s is no frame', (_, bytes) => {
    expect(() => new ZstdFrame().end(Uint8Array.from(bytes))).toThrow(/wrong|not Zstandard/)
  })
})

test.each<[string, number[], string | undefined]>([
  ['a window of 128 MiB', [0, 17 << 3], undefined],
  ['a window that is larger', [0, (17 << 3) | 1], 'it takes 144 MiB of memory to unpack, and kv takes 128 MiB'],
  ['a content of 128 MiB in one piece', [0xa0, 0, 0, 0, 8], undefined],
  ['a content that is larger', [0xa0, 1, 0, 0, 8], 'it takes 129 MiB of memory to unpack, and kv takes 128 MiB'],
  ['a dictionary', [3, 0, 0, 0, 0, 1], 'it is packed with a dictionary'],
  ['the dictionary 0, which is none', [3, 0, 0, 0, 0, 0], undefined],
])('a frame with %s', (_, header, fault) => {
  const look = (): number => new ZstdFrame().end(Uint8Array.from([0x28, 0xb5, 0x2f, 0xfd, ...header]))
  if (fault === undefined) expect(look()).toBe(-1)
  else expect(look).toThrow(fault)
})

/** As `zstd --check` packs {@link TEXTS} and one record many times. */
const FRAMES = [
  '28b52ffd04582100006f6e650adf166809',
  '28b52ffd240001000099e9d851',
  '28b52ffd04586400002074776f0a0100f9ffe78e084c000008740100fcff3910024c000008740100fcff391002450000087401007cda032198647103',
  '28b52ffd045831000074687265650ad706fd28',
].map((hex) => Buffer.from(hex, 'hex'))
const RECORDS = Buffer.from(
  '28b52ffd0458fd0000c07b226b6579223a2261222c2276616c7565223a2262227d0a010014af3ac75ddafd85',
  'hex',
)

describe.each<[string, UnpackFrame | undefined]>([
  ['what this Node has', undefined],
  ['WebAssembly', unpackFrame],
])('Zstandard with %s', (_, unpacker) => {
  const unpackAll: Unpack = (source) => unzstd(source, unpacker)
  const skippable = Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3])

  test('all frames are unpacked and skippable ones skipped, wherever the input is cut', async () => {
    const bytes = Buffer.concat([skippable, ...FRAMES, skippable])
    expect(isSkippable(bytes)).toBe(true)
    await fc.assert(
      fc.asyncProperty(cuts, async (at) => {
        expect(await unpack(unpackAll, bytes, at)).toEqual({ text: ALL, fault: undefined })
      }),
      { numRuns: 30 },
    )
  })

  test('a cut-off frame is refused, wherever it is cut, and what stands before it is there', async () => {
    for (let length = 1; length < RECORDS.length; length++) {
      const { text, fault } = await unpack(unpackAll, Buffer.concat([...FRAMES, RECORDS.subarray(0, length)]))
      expect([length, fault]).toEqual([length, 'unexpected end of file'])
      expect(text.startsWith(ALL)).toBe(true)
    }
  })

  test('what follows and is no Zstandard is refused after everything before it', async () => {
    expect(await unpack(unpackAll, Buffer.concat([...FRAMES, Buffer.from('["a",1]\n')]))).toEqual({
      text: ALL,
      fault: 'what follows is not Zstandard',
    })
  })

  test('damage is refused, wherever it is, and what stands before the frame is there', async () => {
    for (let at = 4; at < RECORDS.length; at++) {
      const damaged = Buffer.from(RECORDS)
      damaged[at]! ^= 0x55
      const { text, fault } = await unpack(unpackAll, Buffer.concat([...FRAMES, damaged]))
      // The size of the window says nothing about what is in it.
      if (at !== 5) expect([at, fault]).toEqual([at, expect.any(String)])
      expect(text.startsWith(ALL)).toBe(true)
    }
  })
})

test('WebAssembly unpacks a frame of many blocks as it comes, and the end of a loop frees what it took', async () => {
  // A raw block of its window's size each.
  const length = 1 << 17
  const count = 100
  const header = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 7 << 3])
  for (let round = 0; round < 20; round++) {
    let given = 0
    const frame = {
      next: async () => {
        const n = given++
        return n === 0 ? header : n > count ? undefined : Uint8Array.from(block(false, length, n === count))
      },
      unread() {},
    }
    let unpacked = 0
    for await (const chunk of unpackFrame(frame)) {
      unpacked += chunk.length
      expect(given * length).toBeGreaterThanOrEqual(unpacked)
      if (round > 0 && unpacked > 3 * length) break
    }
    if (round === 0) expect(unpacked).toBe(length * count)
  }
})
