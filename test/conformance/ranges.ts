import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { blockOps } from '../../src/blocks/block.ts'
import { checksum } from '../../src/blocks/checksum.ts'
import { compareBytes } from '../../src/bytes.ts'
import type { DelRangeOptions, RangeOptions, Store } from '../../src/index.ts'
import type { Entry, Put } from '../../src/store/driver/entry.ts'
import type { Driver } from '../../src/store/driver/driver.ts'
import { hex, noise, text, toHex, toText } from '../helpers/bytes.ts'
import { entries, failureCode, keys } from '../helpers/store.ts'
import { EVERYTHING, type Kit, fill, longestValue, readPages } from './suite.ts'

/** The keys of the range table in byte order, in hex. */
const STORED = [
  '00',
  '0000',
  '0005',
  '05',
  '61',
  '6100',
  '6161',
  '616162',
  '6162',
  '62',
  '7f',
  '80',
  'c328',
  'c3a9',
  'ed9fbf',
  'efbfbf',
  'f0908080',
  'fe',
  'ff',
  'ff00',
  'ffff',
  'ffff00',
  'ffffff',
] as const

type Bounds = Partial<Record<'gt' | 'gte' | 'lt' | 'lte' | 'prefix', string>>

/** Bounds in hex, and the keys of {@link STORED} they hold: all from `first` to `last` (none without). */
type Row = readonly [bounds: Bounds, first?: string, last?: string]

const TABLE: Readonly<Record<string, readonly Row[]>> = {
  'one bound': [
    [{}, '00', 'ffffff'],
    [{ gte: '61' }, '61', 'ffffff'],
    [{ gt: '61' }, '6100', 'ffffff'],
    [{ lt: '61' }, '00', '05'],
    [{ lte: '61' }, '00', '61'],
    [{ gte: '00' }, '00', 'ffffff'],
    [{ gt: '00' }, '0000', 'ffffff'],
    [{ lt: '00' }],
    [{ lte: '00' }, '00', '00'],
    [{ gte: 'ffffff' }, 'ffffff', 'ffffff'],
    [{ gt: 'ffffff' }],
    [{ lt: 'ffffff' }, '00', 'ffff00'],
    [{ lte: 'ffffff' }, '00', 'ffffff'],
  ],
  'both bounds': [
    [{ gte: '61', lte: '62' }, '61', '62'],
    [{ gt: '61', lte: '62' }, '6100', '62'],
    [{ gte: '61', lt: '62' }, '61', '6162'],
    [{ gt: '61', lt: '62' }, '6100', '6162'],
    [{ gte: '61', lte: '61' }, '61', '61'],
    [{ gte: '61', lt: '61' }],
    [{ gt: '61', lte: '61' }],
    [{ gt: '61', lt: '61' }],
    [{ gt: '61', lt: '6100' }],
    [{ gte: '61', lt: '6100' }, '61', '61'],
  ],
  'the start after the end': [[{ gte: '62', lte: '61' }], [{ gt: '62', lt: '61' }], [{ gte: 'ff', lt: '00' }]],
  'bounds that are not stored': [
    [{ gte: '60' }, '61', 'ffffff'],
    [{ gt: '60', lt: '63' }, '61', '62'],
    [{ gte: '6101', lte: '61ff' }, '6161', '6162'],
    [{ gt: '6162', lt: '62' }],
    [{ gte: '90', lte: 'a0' }],
    [{ gte: 'ffffffff' }],
    [{ lte: 'ffffffff' }, '00', 'ffffff'],
  ],
  'the empty bound, which is before every key': [
    [{ gte: '' }, '00', 'ffffff'],
    [{ gt: '' }, '00', 'ffffff'],
    [{ lt: '' }],
    [{ lte: '' }],
    [{ gte: '', lt: '01' }, '00', '0005'],
  ],
  'two lower or two upper bounds, which must both hold': [
    [{ gt: '61', gte: '6161' }, '6161', 'ffffff'],
    [{ gt: '6161', gte: '61' }, '616162', 'ffffff'],
    [{ gt: '61', gte: '61' }, '6100', 'ffffff'],
    [{ lt: '62', lte: '61' }, '00', '61'],
    [{ lt: '61', lte: '62' }, '00', '05'],
    [{ lt: '61', lte: '61' }, '00', '05'],
  ],
  prefixes: [
    [{ prefix: '' }, '00', 'ffffff'],
    [{ prefix: '61' }, '61', '6162'],
    [{ prefix: '6161' }, '6161', '616162'],
    [{ prefix: '616162' }, '616162', '616162'],
    [{ prefix: '63' }],
    [{ prefix: '00' }, '00', '0005'],
    [{ prefix: '0000' }, '0000', '0000'],
    [{ prefix: '7f' }, '7f', '7f'],
    [{ prefix: 'c3' }, 'c328', 'c3a9'],
    [{ prefix: 'fe' }, 'fe', 'fe'],
    [{ prefix: 'ff' }, 'ff', 'ffffff'],
    [{ prefix: 'ffff' }, 'ffff', 'ffffff'],
    [{ prefix: 'ffffff' }, 'ffffff', 'ffffff'],
    [{ prefix: 'ffffffff' }],
  ],
  'a prefix with bounds, which must all hold': [
    [{ prefix: '61', gte: '6161' }, '6161', '6162'],
    [{ prefix: '61', gt: '61' }, '6100', '6162'],
    [{ prefix: '61', gt: '6162' }],
    [{ prefix: '61', lt: '6161' }, '61', '6100'],
    [{ prefix: '61', lte: '6161' }, '61', '6161'],
    [{ prefix: '61', gte: '00', lte: 'ff' }, '61', '6162'],
    [{ prefix: '61', gt: '6100', lt: '6162' }, '6161', '616162'],
    [{ prefix: '61', gte: '62' }],
    [{ prefix: '61', lt: '61' }],
    [{ prefix: 'ff', lt: 'ffff' }, 'ff', 'ff00'],
    [{ prefix: 'ff', gt: 'ffff' }, 'ffff00', 'ffffff'],
    [{ prefix: '', gt: 'ff', lte: 'ffff' }, 'ff00', 'ffff'],
  ],
}

/** Limits of a range; some beyond all keys, which are tried with the first row of a group. */
const LIMITS = [undefined, 0, 1, 2, 3]
const HUGE = [1000, Number.MAX_SAFE_INTEGER, Infinity]

/** Ranges: which entries, in which order, of which moment. */
export function ranges(kit: Kit): void {
  test('the keys of the table are in byte order', () => {
    // Hex digits compare like the bytes they stand for.
    for (const [i, key] of STORED.entries()) if (i > 0) expect(STORED[i - 1]! < key).toBe(true)
  })

  describe('the table of bounds', () => {
    for (const [group, rows] of Object.entries(TABLE)) {
      test(`${group}: the keys in either direction, with every limit`, async () => {
        const store = await stored(kit)
        for (const [i, row] of rows.entries()) await expectRange(store, row, i === 0 ? [...LIMITS, ...HUGE] : LIMITS)
      })

      test(`${group}: delRange removes exactly those`, async () => {
        const store = await stored(kit)
        for (const row of rows) {
          await fillStored(store)
          await expectDelRange(store, row)
        }
        expect(await store.check()).toMatchObject({ damagedKeys: [], problems: [] })
      })
    }
  })

  test('the order does not depend on the order of writing', async () => {
    const store = await kit.store()
    for (let i = 0; i < STORED.length; i++) await store.put(hex(STORED[(i * 7) % STORED.length]!), 'v')
    expect(await keys(store)).toEqual(STORED)
  })

  test('text is in order of code points, not of UTF-16 units', async () => {
    const store = await kit.store()
    // As JavaScript strings, U+10000 (d800 dc00) is before U+E000 and U+FFFF.
    for (const key of ['\u{10000}', '\uffff', 'z', '\ue000', '\u{10ffff}', 'Z', 'é', '\ud7ff'])
      await store.put(key, 'v')
    expect((await entries(store)).map(({ key }) => toText(key))).toEqual([
      'Z',
      'z',
      'é',
      '\ud7ff',
      '\ue000',
      '\uffff',
      '\u{10000}',
      '\u{10ffff}',
    ])
    expect(await store.count({ gt: '\uffff' })).toBe(2)
  })

  test('bounds as text and as bytes mean the same', async () => {
    const store = await kit.store()
    for (const key of ['ä1', 'ä2', 'ö1']) await store.put(key, 'v')
    expect(await keys(store, { prefix: 'ä' })).toEqual(await keys(store, { prefix: text('ä') }))
    expect(await store.count({ prefix: 'ä' })).toBe(2)
  })

  test('a bound may be longer than the longest key', async () => {
    const store = await kit.store()
    const long = new Uint8Array(store.limits.maxKeyBytes + 10).fill(0x6b)
    await store.put('a', 'v')
    await store.put('z', 'v')
    expect(await keys(store, { gt: long })).toEqual([toHex(text('z'))])
    expect(await keys(store, { lte: long })).toEqual([toHex(text('a'))])
    expect(await keys(store, { prefix: long })).toEqual([])
    const longest = long.subarray(0, store.limits.maxKeyBytes)
    await store.put(longest, 'v')
    expect(await store.count({ gt: longest })).toBe(1)
    expect(await store.count({ gte: longest, lte: longest })).toBe(1)
  })

  test('a limit that is no whole number of 0 or more is refused', async () => {
    const store = await kit.store()
    for (const limit of [-1, 1.5, Number.NaN, -Infinity]) {
      expect(await failureCode(() => entries(store, { limit }))).toBe('KV_USAGE')
      expect(await failureCode(() => store.count({ limit }))).toBe('KV_USAGE')
    }
  })

  test('delRange with a limit is refused and removes nothing', async () => {
    const store = await kit.store()
    await store.put('a', '1')
    for (const limit of [0, 1, 10]) {
      expect(await failureCode(() => store.delRange({ all: true, limit } as DelRangeOptions))).toBe('KV_USAGE')
    }
    expect(await store.count()).toBe(1)
  })

  test('delRange without bounds removes everything', async () => {
    const store = await stored(kit)
    expect(await store.delRange({ all: true })).toBe(STORED.length)
    expect(await store.count()).toBe(0)
    expect(await store.put('a', '1')).toMatchObject({ created: true })
  })

  describe('over several pages', () => {
    const COUNT = 5000
    const name = (i: number) => `k${String(i).padStart(5, '0')}`
    const many = async (): Promise<Store> => {
      const store = await kit.store()
      await fill(
        store,
        Array.from({ length: COUNT }, (_, i) => ({ key: text(name(i)), value: text(`${i}`) })),
      )
      return store
    }
    const upTo = (count: number, from = 0) => Array.from({ length: count }, (_, i) => name(from + i))

    test('5,000 small entries come in order, forwards and backwards', async () => {
      const store = await many()
      const all = (await entries(store)).map(({ key, value }) => `${toText(key)} ${toText(value)}`)
      expect(all).toEqual(upTo(COUNT).map((key, i) => `${key} ${i}`))
      const back = (await entries(store, { reverse: true })).map(({ key }) => toText(key))
      expect(back).toEqual(upTo(COUNT).toReversed())
      expect(await store.count()).toBe(COUNT)
    })

    test('bounds and limits around the sizes of pages hold', async () => {
      const store = await many()
      for (const limit of [99, 100, 101, 128, 999, 1000, 1001, 1999, 2000, 2001, 4999, 5000, 5001]) {
        const wanted = Math.min(limit, COUNT)
        const forwards = (await entries(store, { limit, keysOnly: true })).map(({ key }) => toText(key))
        expect(forwards).toEqual(upTo(wanted))
        const backwards = (await entries(store, { limit, reverse: true })).map(({ key }) => toText(key))
        expect(backwards).toEqual(upTo(wanted, COUNT - wanted).toReversed())
        const bounded = (await entries(store, { gte: name(10), lt: name(10 + limit) })).map(({ key }) => toText(key))
        expect(bounded).toEqual(upTo(Math.min(limit, COUNT - 10), 10))
        expect(await store.count({ limit })).toBe(wanted)
      }
    })

    test('no page is empty and together they are the range', async () => {
      const driver = await filledDriver(kit, COUNT, name)
      for (const reverse of [false, true]) {
        const pages = await readPages(driver, { ...EVERYTHING, reverse })
        for (const page of pages) expect(page.length).toBeGreaterThan(0)
        expect(pages.flat().map(({ key }) => toText(key))).toEqual(reverse ? upTo(COUNT).toReversed() : upTo(COUNT))
      }
      expect(await readPages(driver, { ...EVERYTHING, start: text('z') })).toEqual([])
    })

    test('blocks hold the same entries, with checksum and expiry, each in ascending order', async () => {
      const store = await many()
      const long = Math.min(40_000, store.limits.maxValueBytes, store.limits.maxBatchBytes - 10)
      const later = Date.UTC(2100, 0, 1)
      await store.put(name(700), noise(long))
      await store.put(name(701), noise(long, 2), { expires: later })
      await store.put(name(702), '')
      await store.put(name(4000), 'expires', { expires: later })
      await store.put(hex('00ff'), hex('fffe00'))
      await store.put(hex('ff'), 'the last')
      const bounds: RangeOptions[] = [
        {},
        { gte: name(10), lt: name(3000) },
        { prefix: 'k00' },
        { limit: 501 },
        { gt: name(699), limit: 3 },
        { reverse: true },
        { reverse: true, limit: 1500 },
        { gt: 'x' },
        { limit: 0 },
      ]
      for (const options of bounds) {
        const found = []
        for await (const block of store.rangeBlocks(options)) {
          expect(block.count).toBeGreaterThan(0)
          expect(block.deleted).toBeUndefined()
          const ops = [...blockOps(block)] as Put[]
          const sums = [...block.checksums.slice(0, block.count)]
          expect(sums).toEqual(ops.map(({ key, value, expires }) => checksum(key, value, expires)))
          expect(ops.every(({ key }, i) => i === 0 || compareBytes(ops[i - 1]!.key, key) < 0)).toBe(true)
          found.push(...(options.reverse === true ? ops.toReversed() : ops))
        }
        const shown = ({ key, value, expires }: Pick<Entry, 'key' | 'value'> & { expires?: number | undefined }) =>
          `${toHex(key)} ${Buffer.from(value).toString('latin1')} ${expires}`
        expect(found.map(shown)).toEqual((await entries(store, options)).map(shown))
      }
    })

    test('entries of all lengths come whole, and what is done to one changes no other', async () => {
      const store = await kit.store()
      const lengths = [0, 1, 64, 65, 100, 100, 256, 257, 4096, 4097, 8191, 8193, 16_384, 16_385, 100_000]
      const all = lengths.map((length, n) => ({
        key: Buffer.concat([Buffer.from([n]), noise(n % 3 === 0 ? 200 : 5)]),
        value: noise(Math.min(length, longestValue(store, 'k'.repeat(201)))),
      }))
      await fill(store, all)
      for (const reverse of [false, true])
        for (const limit of [undefined, 1, 5]) {
          const wanted = (reverse ? all.toReversed() : all).slice(0, limit)
          const got = await entries(store, { reverse, limit })
          expect(got.map(({ key, value }) => toHex(key) + toHex(value))).toEqual(
            wanted.map(({ key, value }) => toHex(key) + toHex(value)),
          )
          for (const bytes of got.flatMap(({ key, value }) => [key, value])) {
            const before = bytes.length
            bytes.fill(0)
            expect(bytes.length).toBe(before)
          }
          expect(got.every(({ key, value }) => [...key, ...value].every((byte) => byte === 0))).toBe(true)
        }
      const kept = await entries(store)
      kept[4]!.value.fill(0)
      kept[4]!.key.fill(0)
      for (const [n, { key, value }] of kept.entries())
        if (n !== 4) expect([toHex(key), toHex(value)]).toEqual([toHex(all[n]!.key), toHex(all[n]!.value)])
    })

    test('entries of 1 MB come whole', async () => {
      const store = await kit.store()
      const size = Math.min(1_000_000, store.limits.maxValueBytes, store.limits.maxBatchBytes - 10)
      for (let i = 0; i < 6; i++) await store.put(`k${i}`, noise(size, i + 1))
      let seen = 0
      for await (const { key, value } of store.range()) {
        expect(toText(key)).toBe(`k${seen}`)
        expect(Buffer.compare(value, noise(size, seen + 1))).toBe(0)
        seen++
      }
      expect(seen).toBe(6)
      expect((await keys(store, { reverse: true, keysOnly: true })).length).toBe(6)
    })

    test('two ranges read in turns do not disturb each other', async () => {
      const store = await many()
      const forwards = store.range()[Symbol.asyncIterator]()
      const backwards = store.range({ reverse: true })[Symbol.asyncIterator]()
      for (let i = 0; i < COUNT; i++) {
        const [one, other] = [await forwards.next(), await backwards.next()]
        if (one.done || other.done) expect.fail(`ended after ${i}`)
        expect(toText(one.value.key)).toBe(name(i))
        expect(toText(other.value.key)).toBe(name(COUNT - 1 - i))
      }
      expect((await forwards.next()).done).toBe(true)
      expect((await backwards.next()).done).toBe(true)
    })

    test('ten ranges at once all end right', async () => {
      const store = await many()
      const all = await Promise.all(Array.from({ length: 10 }, (_, i) => entries(store, { reverse: i % 2 === 1 })))
      for (const [i, one] of all.entries()) {
        expect(one.map(({ key }) => toText(key))).toEqual(i % 2 === 1 ? upTo(COUNT).toReversed() : upTo(COUNT))
      }
    })

    test('leaving the loop early leaves the store usable', async () => {
      const store = await many()
      for (const stopAfter of [1, 999, 1000, 1001, 2500]) {
        let seen = 0
        for await (const entry of store.range()) {
          expect(toText(entry.key)).toBe(name(seen))
          if (++seen === stopAfter) break
        }
        expect(await store.put('written', `${stopAfter}`)).toMatchObject({ applied: true })
        expect(toText((await store.get('written'))!)).toBe(`${stopAfter}`)
        expect(await store.del('written')).toBe(true)
      }
      for await (const page of store.rangePages()) {
        expect(page.length).toBeGreaterThan(0)
        break
      }
      await store.close()
    })

    test('a range outlives garbage collections', async () => {
      const collect = garbageCollector()
      const store = await many()
      for (const reverse of [false, true]) {
        let seen = 0
        for await (const { key } of store.range({ reverse })) {
          if (seen % 500 === 0) collect()
          // Collected memory is given back in a later turn, and used again.
          if (seen % 500 === 1) await new Promise(setImmediate)
          expect(toText(key)).toBe(name(reverse ? COUNT - 1 - seen : seen))
          seen++
        }
        expect(seen).toBe(COUNT)
      }
    })

    test('an error inside the loop passes through and leaves the store usable', async () => {
      const store = await many()
      const reading = async () => {
        for await (const entry of store.range()) if (toText(entry.key) === name(1500)) throw new RangeError('mine')
      }
      await expect(reading()).rejects.toThrow('mine')
      expect(await store.put('written', 'v')).toMatchObject({ created: true })
    })

    test('a range that is never read, or read once, does not hold up close', async () => {
      const store = await many()
      store.range()
      store.rangePages()
      const started = store.range()
      await started.next()
      await store.put('written', 'v')
      await store.close()
    })

    test('writes during a range do not disturb it beyond what they change', async () => {
      const store = await many()
      const seen: string[] = []
      for await (const { key } of store.range({ prefix: 'k' })) {
        if (seen.length % 1000 === 500) await store.put(`j${seen.length}`, 'outside of the range')
        seen.push(toText(key))
      }
      expect(seen).toEqual(upTo(COUNT))
    })

    describe.skipIf(!kit.supports.snapshotRange)('a range is of one moment', () => {
      for (const reverse of [false, true]) {
        test(`${reverse ? 'backwards' : 'forwards'}: what is written while it is read is not seen`, async () => {
          const store = await many()
          const wanted = reverse ? upTo(COUNT).toReversed() : upTo(COUNT)
          const reading = store.range({ reverse })[Symbol.asyncIterator]()
          const first = await reading.next()
          const seen = first.done ? [] : [`${toText(first.value.key)} ${toText(first.value.value)}`]
          await store.put('a', 'before all')
          await store.put(`${name(2500)}x`, 'in the middle')
          await store.put('z', 'after all')
          await store.put(name(4000), 'changed')
          await store.put(name(1000), 'changed')
          await store.del(name(4500))
          await store.del(name(500))
          for (let next = await reading.next(); !next.done; next = await reading.next()) {
            seen.push(`${toText(next.value.key)} ${toText(next.value.value)}`)
            if (seen.length === 3000) await store.delRange({ all: true })
          }
          expect(seen).toEqual(wanted.map((key) => `${key} ${Number(key.slice(1))}`))
          expect(await store.count()).toBe(0)
        })
      }

      test('the same rows can be deleted while they are read', async () => {
        const store = await many()
        let deleted = 0
        for await (const page of store.rangePages({ keysOnly: true })) {
          for (const { key } of page) {
            if (Number(toText(key).slice(1)) % 10 !== 0) continue
            expect(await store.del(key)).toBe(true)
            deleted++
          }
        }
        expect(deleted).toBe(COUNT / 10)
        expect(await store.count()).toBe(COUNT - COUNT / 10)
      })
    })
  })
}

/** Fails, naming the row, unless a range holds just its keys. */
async function expectRange(store: Store, row: Row, limits: readonly (number | undefined)[]): Promise<void> {
  const [bounds] = row
  const expected = keysOf(row)
  for (const reverse of [false, true]) {
    const whole = reverse ? expected.toReversed() : expected
    for (const limit of limits) {
      const options: RangeOptions = { ...inBytes(bounds), reverse, limit }
      const wanted = whole.slice(0, limit)
      const got = await entries(store, options)
      const only = await entries(store, { ...options, keysOnly: true })
      const read = {
        keys: got.map(({ key }) => toHex(key)),
        // Each value holds its key's digits.
        values: got.map(({ value }) => toText(value)),
        count: await store.count(options),
        only: only.map(({ key }) => toHex(key)),
        none: only.map(({ value }) => value),
        revisions: only.map(({ revision }) => revision),
      }
      expect(read, JSON.stringify({ bounds, reverse, limit })).toEqual({
        keys: wanted,
        values: wanted,
        count: wanted.length,
        only: wanted,
        none: wanted.map(() => new Uint8Array()),
        revisions: got.map(({ revision }) => revision),
      })
    }
  }
}

/** Fails, naming the row, unless a delete of the range removes just its keys from a store that holds all. */
async function expectDelRange(store: Store, row: Row): Promise<void> {
  const [bounds] = row
  const expected = keysOf(row)
  const options = { ...inBytes(bounds), all: true }
  const done = {
    deleted: await store.delRange(options),
    left: await keys(store),
    count: await store.count(),
    again: await store.delRange(options),
  }
  expect(done, JSON.stringify(bounds)).toEqual({
    deleted: expected.length,
    left: STORED.filter((key) => !expected.includes(key)),
    count: STORED.length - expected.length,
    again: 0,
  })
}

function keysOf([, first, last]: Row): readonly string[] {
  return first === undefined ? [] : STORED.slice(STORED.indexOf(first as never), STORED.indexOf(last as never) + 1)
}

async function stored(kit: Kit): Promise<Store> {
  const store = await kit.store()
  await fillStored(store)
  return store
}

async function fillStored(store: Store): Promise<void> {
  await fill(
    store,
    STORED.map((key) => ({ key: hex(key), value: text(key) })),
  )
}

async function filledDriver(kit: Kit, count: number, name: (i: number) => string): Promise<Driver> {
  const driver = await kit.driver()
  const step = Math.min(1000, driver.limits.maxBatchOps)
  for (let at = 0; at < count; at += step) {
    const length = Math.min(step, count - at)
    await driver.batch(
      Array.from({ length }, (_, i) => ({ type: 'put', key: text(name(at + i)), value: text(`${at + i}`) })),
    )
  }
  return driver
}

function inBytes(bounds: Bounds): RangeOptions {
  return Object.fromEntries(Object.entries(bounds).map(([bound, digits]) => [bound, hex(digits)]))
}

function garbageCollector(): () => void {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as () => void
}
