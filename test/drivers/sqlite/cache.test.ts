import { spawnSync } from 'node:child_process'
import { copyFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EntryCache } from '../../../src/drivers/sqlite/read/entry-cache.ts'
import type { OpenOptions, Store } from '../../../src/index.ts'
import { hex, text, toText } from '../../helpers/bytes.ts'
import { BIN, environment } from '../../helpers/kv.ts'
import { sql } from '../../helpers/sql.ts'
import { failureCode, openTestStore } from '../../helpers/store.ts'
import { tempDir } from '../../helpers/temp-dir.ts'

const CACHE = { cache: 1 << 20 }

/** A store with a cache, and where it is. */
async function newStore(options: OpenOptions = {}): Promise<{ store: Store; path: string }> {
  const path = join(tempDir(), 'store.kv')
  return { store: await openTestStore(path, { ...CACHE, ...options }), path }
}

/** Runs kv in another process, to its end, while this one stands still. */
function kv(...args: string[]): void {
  const { status, stderr } = spawnSync(process.execPath, [BIN, ...args], { env: environment() })
  expect([status, stderr.toString()]).toEqual([0, ''])
}

/** Settles when the name of a file is looked up again, in another turn. */
async function nextMillisecond(): Promise<void> {
  for (const before = Date.now(); Date.now() === before;) await nextTurn()
}

/** What all reads of single keys tell of them, as text. */
async function reads(store: Store, keys: readonly string[]): Promise<(string | undefined)[][]> {
  const all = [keys.map((key) => store.getTextSync(key))]
  all.push(keys.map((key) => store.getSync(key)).map((value) => value && toText(value)))
  all.push((await store.getMany(keys)).map((entry) => entry && toText(entry.value)))
  all.push(await Promise.all(keys.map((key) => store.getText(key))))
  all.push((await Promise.all(keys.map((key) => store.getEntry(key)))).map((entry) => entry && toText(entry.value)))
  all.push((await Promise.all(keys.map((key) => store.head(key)))).map((head) => head && `revision ${head.revision}`))
  return all
}

describe('what another process commits', () => {
  test('is not seen in the turn that has read before, and is seen in the next', async () => {
    const { store, path } = await newStore()
    await store.batch(['a', 'b', 'c'].map((key) => ({ type: 'put', key, value: 'old' })))
    await nextTurn()
    expect(store.getTextSync('a')).toBe('old')
    const before = await reads(store, ['a', 'b', 'c', 'd'])
    await nextTurn()
    // From here on no turn ends: promises that are settled belong to it.
    expect(store.getTextSync('a')).toBe('old')
    for (const key of ['a', 'b', 'd']) kv('--store', path, 'put', key, 'new')
    kv('--store', path, 'del', 'c')
    expect(await reads(store, ['a', 'b', 'c', 'd'])).toEqual(before)
    await nextTurn()
    expect((await reads(store, ['a', 'b', 'c', 'd'])).slice(0, 5)).toEqual(
      Array.from({ length: 5 }, () => ['new', 'new', undefined, 'new']),
    )
  })

  test('is seen in a turn that has not read yet, and after a write of this process', async () => {
    const { store, path } = await newStore()
    await store.put('a', '1')
    expect(store.getTextSync('a')).toBe('1')
    await nextTurn()
    kv('--store', path, 'put', 'a', '2')
    expect(store.getTextSync('a')).toBe('2')
    kv('--store', path, 'put', 'a', '3')
    await store.put('b', '1')
    expect(store.getTextSync('a')).toBe('3')
  })

  test('does not keep the log from being moved into the file', async () => {
    const { store, path } = await newStore()
    await store.put('a', '1')
    expect(store.getTextSync('a')).toBe('1')
    await nextTurn()
    sql(path, 'pragma wal_checkpoint(truncate); update kv set value = cast(2 as blob)')
    expect(store.getTextSync('a')).toBe('2')
  })
})

describe('what this process commits is seen at once', () => {
  const writes: Record<string, (store: Store) => Promise<unknown>> = {
    'a put': (store) => store.put('a', 'new'),
    'a put on a condition': (store) =>
      store.put('a', 'new', { condition: { type: 'value', value: Buffer.from('old') } }),
    'a batch': (store) => store.batch([{ type: 'put', key: 'a', value: 'new' }]),
    'a write among others': (store) => Promise.all([store.put('b', '1'), store.put('a', 'new'), store.del('c')]),
  }
  test.each(Object.entries(writes))('%s', async (_, write) => {
    const { store, path } = await newStore()
    const other = await openTestStore(path, CACHE)
    const plain = await openTestStore(path)
    for (const writer of [store, other, plain]) {
      await store.put('a', 'old')
      for (let n = 0; n < 2; n++) {
        expect([store.getTextSync('a'), other.getTextSync('a')]).toEqual(['old', 'old'])
        const writing = write(writer)
        expect([store.getTextSync('a'), other.getTextSync('a')]).toEqual(['old', 'old'])
        await writing
        expect([store.getTextSync('a'), other.getTextSync('a')]).toEqual(['new', 'new'])
        await store.put('a', 'old')
      }
    }
  })

  const deletes: Record<string, (store: Store) => Promise<unknown>> = {
    del: (store) => store.del('a'),
    delRange: (store) => store.delRange({ prefix: 'a' }),
    'delRange with a signal': (store) => store.delRange({ prefix: 'a', signal: new AbortController().signal }),
    'a delete in a batch': (store) => store.batch([{ type: 'del', key: 'a' }]),
    'a put that has expired': (store) => store.put('a', 'new', { expires: Date.now() - 1000 }),
  }
  test.each(Object.entries(deletes))('%s', async (_, remove) => {
    const { store } = await newStore()
    await store.put('a', 'old')
    expect(store.getTextSync('a')).toBe('old')
    const removing = remove(store)
    expect(store.getTextSync('a')).toBe('old')
    await removing
    expect([store.getTextSync('a'), store.getSync('a')]).toEqual([undefined, undefined])
  })

  test('also what leaves a store with a bound, and what triggers of other tools do', async () => {
    const { store: bounded } = await newStore({ maxEntries: 2 })
    for (const key of ['a', 'b']) await bounded.put(key, '1')
    expect([bounded.getTextSync('a'), bounded.getTextSync('b')]).toEqual(['1', '1'])
    await bounded.put('c', '1')
    expect([bounded.getTextSync('a'), bounded.getTextSync('b')]).toEqual([undefined, '1'])

    const { store, path } = await newStore()
    for (const key of ['a', 'b']) await store.put(key, '1')
    await store.put('b', '2')
    expect([store.getTextSync('a'), store.getTextSync('b')]).toEqual(['1', '2'])
    sql(path, `create trigger mine after update on kv_store begin delete from kv where key = x'61'; end`)
    await nextTurn()
    expect([store.getTextSync('a'), store.getTextSync('b')]).toEqual(['1', '2'])
    await store.put('b', '3')
    expect([store.getTextSync('a'), store.getTextSync('b')]).toEqual([undefined, '3'])
  })
})

describe('beside the rest of a store', () => {
  test('an entry is gone when it has expired, and a clock that is set back brings it again', async () => {
    const now = Date.UTC(2030, 0, 1)
    let time = now
    const { store } = await newStore({ clock: () => time })
    await store.put('a', '1', { expires: now + 2000 })
    for (const [at, value] of [
      [0, '1'],
      [1999, '1'],
      [2000, undefined],
      [1500, '1'],
    ] as const) {
      time = now + at
      for (let n = 0; n < 2; n++)
        expect([store.getTextSync('a'), (await store.getEntry('a'))?.expires]).toEqual([value, value && now + 2000])
    }
  })

  test("bytes that are read are the reader's own, and those that are not UTF-8 come back as they are", async () => {
    const { store } = await newStore()
    for (const key of ['a', hex('ff00')])
      for (const value of [hex('31'), hex('c328')]) {
        await store.put(key, value)
        for (let n = 0; n < 3; n++) {
          const read = [store.getSync(key)!, (await store.getEntry(key))!.value, (await store.getMany([key]))[0]!.value]
          for (const bytes of read) {
            expect(bytes).toEqual(value)
            bytes.fill(0)
          }
          expect((await store.getEntry(key))!.key).toEqual(new Uint8Array(Buffer.from(key)))
        }
      }
    await store.put('a', hex('c328'))
    for (let n = 0; n < 2; n++) expect(await failureCode(() => store.getTextSync('a'))).toBe('KV_NOT_TEXT')
  })

  test('a range and a watch go on beside the moment of a turn', async () => {
    const { store, path } = await newStore()
    await store.batch(Array.from({ length: 3000 }, (_, n) => ({ type: 'put', key: `k${n}`, value: `${n}` })))
    await using watch = await store.watch({ prefix: 'k' })
    const changes = watch[Symbol.asyncIterator]()
    await nextTurn()
    expect(store.getTextSync('k1')).toBe('1')
    kv('--store', path, 'put', 'k1', 'new')
    let seen = 0
    for await (const page of store.rangePages()) seen += page.length
    expect([seen, await store.count()]).toEqual([3000, 3000])
    expect(await changes.next()).toMatchObject({ value: { type: 'put', key: hex('6b31'), value: text('new') } })
    expect(store.getTextSync('k1')).toBe('new')
  })

  test('a store that is replaced, restored or compacted', async () => {
    const { store, path } = await newStore()
    const tells = async (value: string): Promise<void> => {
      for (let n = 0; n < 2; n++) expect(store.getTextSync('a')).toBe(value)
      await nextTurn()
      expect(store.getTextSync('a')).toBe(value)
    }
    await store.put('a', 'first')
    const backup = `${path}.backup`
    await store.care.backup(backup)
    await store.put('a', 'second')
    await tells('second')
    await store.care.restore(backup, {})
    await tells('first')
    await store.put('a', 'third')
    await store.care.compact()
    await tells('third')

    const other = await openTestStore(`${path}.other`)
    await other.put('a', 'other')
    await other.close()
    renameSync(`${path}.other`, path)
    await nextMillisecond()
    await tells('other')
  })

  test('a store that is written over where it lies', async () => {
    const { store, path } = await newStore()
    await store.put('a', 'first')
    const backup = `${path}.backup`
    await store.care.backup(backup)
    await store.put('a', 'second')
    expect(store.getTextSync('a')).toBe('second')
    copyFileSync(backup, path)
    await nextMillisecond()
    expect(await failureCode(() => store.getTextSync('a'))).toBe('KV_CORRUPT')
  })

  test('a store that is not there yet, and one that is closed', async () => {
    const { store, path } = await newStore()
    expect([store.getTextSync('a'), store.getSync('a')]).toEqual([undefined, undefined])
    await nextTurn()
    kv('--store', path, 'put', 'a', '1')
    expect(store.getTextSync('a')).toBe('1')
    const closing = store.close()
    expect(await failureCode(() => store.getTextSync('a'))).toBe('KV_CLOSED')
    await closing
  })
})

test('a cache keeps within its bytes, gives back what was put last, and keeps what is read', () => {
  const value = fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), fc.constant('x'.repeat(3000)))
  const steps = fc.array(fc.tuple(fc.nat({ max: 40 }), fc.option(value, { nil: undefined, freq: 2 })), {
    maxLength: 200,
  })
  fc.assert(
    fc.property(steps, (all) => {
      const cache = new EntryCache(10_000)
      const last = new Map<string, string>()
      cache.set('hot', { key: hex('00'), value: Buffer.from('hot'), revision: 1, expires: undefined })
      for (const [n, text] of all) {
        const key = `key ${n}`
        if (text !== undefined) {
          cache.set(key, { key: hex('00'), value: Buffer.from(text), revision: 1, expires: undefined })
          last.set(key, text.toWellFormed())
        } else if (n % 7 === 0) {
          cache.delete(key)
          last.delete(key)
        }
        const found = cache.text(key, () => 0)
        if (found !== undefined) expect(found).toBe(last.get(key))
        expect(cache.bytes).toBeLessThanOrEqual(10_000)
        expect(cache.text('hot', () => 0)).toBe('hot')
      }
      cache.clear()
      expect([cache.bytes, cache.text('hot', () => 0)]).toEqual([0, undefined])
    }),
  )
})
