import { chmodSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Block, blockKey, blockValue } from '../../../src/blocks/block.ts'
import { SqliteDriver } from '../../../src/drivers/sqlite/driver.ts'
import { sqliteEngine } from '../../../src/drivers/sqlite/engine/engine.ts'
import { emptyStoreSql } from '../../../src/drivers/sqlite/file/create.ts'
import { CLUSTERED } from '../../../src/drivers/sqlite/layout/clustered.ts'
import type { Layout } from '../../../src/drivers/sqlite/layout/layout.ts'
import { ROWS } from '../../../src/drivers/sqlite/layout/rows.ts'
import { mergedBlocks } from '../../../src/drivers/sqlite/long-load/merged-blocks.ts'
import { RunFile } from '../../../src/drivers/sqlite/long-load/run-file.ts'
import { Store } from '../../../src/index.ts'
import type { LongLoad } from '../../../src/store/driver/load.ts'
import { type BlockRow, block, stoppedClock } from '../../conformance/suite.ts'
import { noise, text, toText } from '../../helpers/bytes.ts'
import { expectRun } from '../../helpers/kv.ts'
import { entries, failure, failureCode, openTestStore } from '../../helpers/store.ts'
import { smallDisk } from '../../helpers/small-disk.ts'
import { tempDir } from '../../helpers/temp-dir.ts'
import { asUsers, openFolder } from '../../helpers/user.ts'

/** A long load has begun, however much was loaded before. */
async function begun(
  driver: SqliteDriver,
  ifAbsent = false,
  onExisting?: (entries: number) => void,
): Promise<LongLoad> {
  const long = await driver.longLoad({ ifAbsent, onExisting, loadedBytes: Infinity })
  if (long === undefined) throw new Error('no long load')
  return long
}

function open(path: string, clock = Date.now): SqliteDriver {
  const driver = SqliteDriver.open(path, { clock })
  onTestFinished(() => driver.close())
  return driver
}

const letters = (keys: string, value: string): Block => block([...keys].map((key) => [key, value] as const))

describe('runs', () => {
  /** What the runs of blocks come to, keys in hex with the value's length and checksum. */
  async function merged(blocks: readonly Block[], keepsEqual = false): Promise<string[]> {
    const file = new RunFile(tempDir())
    try {
      for (const each of blocks) file.add(each)
      const found: string[] = []
      for await (const each of mergedBlocks(file, keepsEqual)) found.push(...rowsOf(each))
      return found
    } finally {
      file.close()
    }
  }

  const rowsOf = (from: Block): string[] =>
    Array.from({ length: from.count }, (_, i) =>
      [
        Buffer.from(blockKey(from, i)).toString('hex'),
        Buffer.from(blockValue(from, i)).toString('hex'),
        from.checksums[i],
        from.expires?.[i] ?? Number.NaN,
        from.deleted?.[i] ?? 0,
      ].join(' '),
    )

  /** Keys that share beginnings, also whole ones, and end in zero bytes. */
  const key = fc
    .tuple(fc.constantFrom('', 'prefix', 'prefix of many'), fc.array(fc.constantFrom(0, 1, 97, 255), { maxLength: 12 }))
    .map(([start, end]) => Buffer.concat([Buffer.from(start), Uint8Array.from(end)]))
    .filter(({ length }) => length > 0)
  const row = fc.record({
    key,
    value: fc.option(fc.uint8Array({ maxLength: 300 }), { nil: undefined }),
    expires: fc.option(fc.constantFrom(-5000, 1_900_000_000_000), { nil: undefined }),
  })
  const rows = fc
    .uniqueArray(row, { selector: (each) => each.key.toString('hex'), maxLength: 20 })
    .map((all) =>
      block(
        all
          .toSorted((a, b) => Buffer.compare(a.key, b.key))
          .map(({ key: k, value, expires }): BlockRow => [k, value, value === undefined ? undefined : expires]),
      ),
    )

  test.for([false, true])('come together in key order, the last of equal keys alone or all of them: %s', (keepsEqual) =>
    fc.assert(
      fc.asyncProperty(fc.array(rows, { maxLength: 8 }), async (blocks) => {
        const all = blocks.flatMap(rowsOf)
        const keyOf = (line: string): string => line.split(' ')[0]!
        const sorted = all.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : keyOf(a) > keyOf(b) ? 1 : 0))
        const expected = keepsEqual
          ? sorted
          : sorted.filter((line, i) => i + 1 === sorted.length || keyOf(sorted[i + 1]!) !== keyOf(line))
        expect(await merged(blocks, keepsEqual)).toEqual(expected)
      }),
      { numRuns: 200 },
    ),
  )

  test('of values of any length', async () => {
    // Shorter and longer than what is read of a run at once, and than a merged block.
    const lengths = [0, 1, 100, 70_000, (1 << 20) - 30, 1 << 20, 3 << 20, 5 << 20, 100]
    const blocks = [1, 2, 3].map((seed) =>
      block(lengths.map((length, n) => [`key ${n} ${n % 2 === 0 ? seed : ''}`, noise(length, seed + n)])),
    )
    const expected = new Map(blocks.flatMap((each) => rowsOf(each).map((line) => [line.split(' ')[0]!, line] as const)))
    const sorted = [...expected].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, line]) => line)
    const found = await merged(blocks)
    expect(found.map((line) => line.length)).toEqual(sorted.map((line) => line.length))
    expect(found).toEqual(sorted)
  })

  test('of more entries than a merged block has, by another thread', { timeout: 60_000 }, async () => {
    const names = (from: number): BlockRow[] =>
      Array.from({ length: 30_000 }, (_, n) => [`k${String(2 * n + from).padStart(9, '0')}`, noise(300, 1)])
    const found = await merged([block(names(0)), block(names(1)), block(names(0))])
    expect(found).toHaveLength(60_000)
    expect(found.every((line, n) => n === 0 || found[n - 1]! < line)).toBe(true)
  })

  test('leave no name in the folder', () => {
    const folder = tempDir()
    const file = new RunFile(folder)
    file.add(letters('abc', '1'))
    expect(readdirSync(folder)).toEqual([])
    file.close()
  })
})

describe('a long load does what the same blocks do one by one', () => {
  const row = fc.tuple(
    fc.constantFrom(...'abcdefgh'),
    fc.option(fc.constantFrom('1', '2', 'long '.repeat(100)), { nil: undefined, freq: 3 }),
    fc.option(fc.constantFrom(-5000, -50_000, 1_900_000_000_000), { nil: undefined }),
  )
  const blocks = (isUnique: boolean): fc.Arbitrary<BlockRow[][]> =>
    fc.array(
      (isUnique
        ? fc.uniqueArray(row, { selector: ([key]) => key, maxLength: 8 })
        : fc.array(row, { maxLength: 8 })
      ).map((all) =>
        all
          .toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
          .map(([key, value, expires]): BlockRow => [key, value, value === undefined ? undefined : expires]),
      ),
      { minLength: 1, maxLength: 5 },
    )

  /** All entries, without revisions, which differ by how many commits there were. */
  const contents = async (driver: SqliteDriver) =>
    (await entries(new Store('it', driver))).map(({ key, value, expires }) => [toText(key), toText(value), expires])

  test.for<[string, Layout | undefined, boolean]>([
    ['a new store', undefined, false],
    ['a new store, if absent', undefined, true],
    ['a store of rows', ROWS, false],
    ['a store of rows, if absent', ROWS, true],
    ['a clustered store', CLUSTERED, false],
    ['a clustered store, if absent', CLUSTERED, true],
  ])('into %s', { timeout: 120_000 }, async ([, layout, ifAbsent]) => {
    const folder = tempDir()
    await fc.assert(
      fc.asyncProperty(blocks(true), blocks(!ifAbsent), async (before, loaded) => {
        const clock = stoppedClock()
        const made = ['short', 'long'].map((name) => {
          const path = join(folder, `${name}.kv`)
          for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true })
          if (layout !== undefined) {
            const database = new (sqliteEngine().DatabaseSync)(path)
            database.exec(`${emptyStoreSql(undefined, layout)} pragma journal_mode = wal`)
            database.close()
          }
          return SqliteDriver.open(path, { clock: clock.now })
        })
        const [short, long] = made as [SqliteDriver, SqliteDriver]
        try {
          if (layout !== undefined) for (const driver of made) await driver.load(before.map(block), {})
          const existing = { short: 0, long: 0 }
          for (const each of loaded)
            await short.load([block(each)], { ifAbsent, onExisting: (count) => (existing.short += count) })
          const load = await begun(long, ifAbsent, (count) => (existing.long += count))
          for (const each of loaded) load.add(block(each))
          const revision = await load.store()
          expect(await contents(long)).toEqual(await contents(short))
          expect(existing.long).toBe(existing.short)
          expect((await long.stat()).revision).toBe(revision)
          expect(await long.check()).toMatchObject({ damagedKeys: [], problems: [] })
          clock.time += 10_000
          expect(await contents(long)).toEqual(await contents(short))
        } finally {
          for (const driver of made) await driver.close()
        }
      }),
      { numRuns: 40 },
    )
  })

  test('with a history, and for those who watch', async () => {
    const driver = open(join(tempDir(), 'store.kv'))
    await driver.put(text('b'), text('0'))
    await driver.put(text('d'), text('0'))
    await driver.history.on(60_000, {})
    const changes = await driver.watch({ start: undefined, end: undefined, after: undefined, resumable: false })
    const long = await begun(driver)
    long.add(letters('bd', '1'))
    long.add(block([['a', '2'], ['b', '2'], ['d']]))
    await long.store()
    const seen: string[] = []
    while (seen.length < 3) {
      const { value } = await changes.next()
      seen.push(...value!.map(({ type, key }) => `${type} ${toText(key)}`))
    }
    expect(seen.toSorted()).toEqual(['del d', 'put a', 'put b'])
    await changes.return()
    const versions = []
    for await (const page of driver.history.versions(text('b'), {})) versions.push(...page)
    expect(versions.map((version) => version.type === 'put' && toText(version.value))).toEqual(['2', '0'])
  })
})

describe('a long load', () => {
  test('is none into a store with a bound, nor early in a load into a store that is there', async () => {
    const folder = tempDir()
    const bounded = SqliteDriver.open(join(folder, 'bounded.kv'), { maxEntries: 10 })
    onTestFinished(() => bounded.close())
    expect(await bounded.longLoad({ loadedBytes: Infinity })).toBe(undefined)
    await bounded.put(text('a'), text('1'))
    expect(await bounded.longLoad({ loadedBytes: Infinity })).toBe(undefined)
    const driver = open(join(folder, 'store.kv'))
    await driver.put(text('a'), text('1'))
    expect(await driver.longLoad({ loadedBytes: 60 << 20 })).toBe(undefined)
    ;(await begun(driver)).drop()
  })

  test('is seen by nobody until it is stored, and whole then', async () => {
    const path = join(tempDir(), 'store.kv')
    const driver = open(path)
    const reader = await openTestStore(path)
    const long = await begun(driver)
    long.add(letters('abc', '1'))
    long.add(letters('abd', '2'))
    expect(
      await driver.count({ start: undefined, end: undefined, limit: Infinity, reverse: false, keysOnly: false }),
    ).toBe(0)
    expect(readdirSync(dirname(path))).toEqual([])
    await long.store()
    expect((await entries(reader)).map(({ key, value }) => toText(key) + toText(value))).toEqual([
      'a2',
      'b2',
      'c1',
      'd2',
    ])
  })

  test('into a store that another process has made meanwhile comes on top of what that has', async () => {
    const path = join(tempDir(), 'store.kv')
    const driver = open(path)
    const long = await begun(driver)
    long.add(letters('abc', '1'))
    const other = await openTestStore(path)
    await other.put('a', '0')
    await other.put('z', '0')
    await long.store()
    expect((await entries(other)).map(({ key, value }) => toText(key) + toText(value))).toEqual([
      'a1',
      'b1',
      'c1',
      'z0',
    ])
  })

  test('into a store that others write to comes in parts, so that they need not wait for all of it', async () => {
    const path = join(tempDir(), 'store.kv')
    const other = await openTestStore(path)
    await other.put('z', '0')
    const rows = Array.from({ length: 40_000 }, (_, n) => [`k${String(n).padStart(6, '0')}`, 'v'] as const)
    for (const isAlone of [true, false]) {
      const driver = open(path)
      const before = (await driver.stat()).revision
      const long = await begun(driver)
      long.add(block(rows))
      if (!isAlone) await other.put('z', '1')
      const told: number[] = []
      const revision = await long.store({ onProgress: (entries) => told.push(entries) })
      expect(told).toEqual(isAlone ? [] : [16_384, 32_768, 40_000])
      expect(revision).toBe(before + (isAlone ? 1 : 4))
      expect(await other.count()).toBe(40_001)
    }
  })

  test('of which two make the store at once loses nothing', async () => {
    const path = join(tempDir(), 'store.kv')
    const drivers = [open(path), open(path)]
    const loads = await Promise.all(drivers.map((driver) => begun(driver)))
    loads.forEach((long, n) => {
      long.add(letters('abc'.slice(0, 2 + n), String(n)))
      long.add(letters(n === 0 ? 'x' : 'y', String(n)))
    })
    await Promise.all(loads.map((long) => long.store()))
    const store = await openTestStore(path)
    const [first, ...rest] = (await entries(store)).map(({ key, value }) => toText(key) + toText(value))
    expect(rest).toEqual([`b${first![1]}`, 'c1', 'x0', 'y1'])
    expect(await store.check()).toMatchObject({ checked: 5, damagedKeys: [], problems: [] })
    expect(readdirSync(dirname(path)).filter((name) => name.startsWith('.'))).toEqual([])
  })

  test('that is aborted while it is stored has stored nothing', async () => {
    const path = join(tempDir(), 'store.kv')
    for (const isNew of [true, false]) {
      const driver = open(path)
      if (!isNew) await driver.put(text('z'), text('0'))
      const long = await begun(driver)
      long.add(letters('abc', '1'))
      expect(await failureCode(() => long.store({ signal: AbortSignal.abort() }))).toBe('KV_INTERRUPTED')
      expect((await driver.stat()).entries).toBe(isNew ? 0 : 1)
    }
    expect(readdirSync(dirname(path)).filter((name) => name.startsWith('.'))).toEqual([])
  })

  test.for<[string, number, number]>([
    ['while it is put aside', 3, 4],
    ['while the store is built', 3, 2],
  ])('on a disk that is full %s stores nothing and leaves nothing behind', async ([, megabytes, blocks], context) => {
    const disk = smallDisk(context, `${megabytes}m`)
    for (const isNew of [true, false]) {
      const driver = open(join(disk, `${isNew}.kv`))
      if (!isNew) await driver.put(text('z'), text('0'))
      const long = await begun(driver)
      let isAside = false
      const error = await failure(async () => {
        for (let n = 0; n < blocks; n++)
          long.add(block(Array.from({ length: 1000 }, (_, i) => [`${String(i).padStart(4, '0')} ${n}`, noise(900, n)])))
        isAside = true
        await long.store()
      })
      if (!isAside) long.drop()
      expect(error.message).toContain('no space left')
      expect(error.code).toBe('KV_DISK_FULL')
      expect((await driver.stat()).entries).toBe(isNew ? 0 : 1)
      await driver.put(text('y'), text('1'))
      await driver.close()
      expect(readdirSync(disk).filter((name) => name.startsWith('.'))).toEqual([])
    }
  })

  test('is full at a quarter of the space that is free, so that there is room to store it', (context) => {
    const file = new RunFile(smallDisk(context, '8m'))
    const megabyte = block(Array.from({ length: 1000 }, (_, i) => [String(i).padStart(4, '0'), noise(1044, i)]))
    const told = [file.isFull]
    for (let n = 0; n < 3; n++) {
      file.add(megabyte)
      told.push(file.isFull)
    }
    file.close()
    expect(told).toEqual([false, false, true, true])
  })

  test('is none where no file can be made beside a store that can be written', async (context) => {
    const run = asUsers(context)
    const folder = openFolder(0o777)
    const [store, input] = [join(folder, 's.kv'), join(folder, 'in.jsonl')]
    writeFileSync(input, '{"key":"b","value":"2"}\n')
    expectRun(await run(61_001, ['put', 'a', '1', '--store', store]), {})
    // While it is open its log is there, which belongs to its owner too.
    const holder = await openTestStore(store)
    await holder.put('a', '2')
    chmodSync(folder, 0o755)
    expectRun(await run(61_001, ['put', 'c', '3', '--store', store]), {})
    expectRun(await run(61_001, ['--quiet', 'batch-put', '--atomic', input, '--store', store]), {})
    expect((await entries(holder)).map(({ key }) => toText(key))).toEqual(['a', 'b', 'c'])
  })
})
