import { describe, expect, test } from 'vitest'
import { type BatchOp, type Blocks, type ConditionInput, KvError, type Store } from '../../src/index.ts'
import { noise, text, toHex, toText } from '../helpers/bytes.ts'
import { entries, failure, failureCode } from '../helpers/store.ts'
import { type BlockRow, type Kit, block, readPages } from './suite.ts'

/** Expiries far ahead, in steps that any driver has. */
const LATER = Date.UTC(2100, 0, 1)
const STEP = 1000

/** Puts, deletes, batches and conditions: what they do, and that they do all of it or nothing. */
export function writes(kit: Kit): void {
  describe('put', () => {
    test('tells whether the key is new', async () => {
      const store = await kit.store()
      expect(await store.put('a', '1')).toMatchObject({ applied: true, created: true })
      expect(await store.put('a', '2')).toMatchObject({ applied: true, created: false })
      expect(toText((await store.get('a'))!)).toBe('2')
      await store.del('a')
      expect(await store.put('a', '3')).toMatchObject({ applied: true, created: true })
    })

    test('answers with the revision the entry has', async () => {
      const store = await kit.store()
      const { revision } = await store.put('a', '1')
      expect((await store.getEntry('a'))!.revision).toBe(revision)
      expect((await store.getMany(['a']))[0]!.revision).toBe(revision)
      expect((await entries(store))[0]!.revision).toBe(revision)
      expect((await store.stat()).revision).toBe(revision)
    })

    test('of the same bytes again is a write with a new revision', async () => {
      const store = await kit.store()
      const first = await store.put('a', '1')
      const second = await store.put('a', '1')
      expect(second.revision).toBeGreaterThan(first.revision)
    })

    test('shrinks and grows a value', async () => {
      const store = await kit.store()
      for (const size of [10, 20_000, 0, 300_000, 1, 5000]) {
        await store.put('k', noise(size, size))
        expect(Buffer.compare((await store.get('k'))!, noise(size, size))).toBe(0)
      }
      expect(await store.check()).toMatchObject(kit.sound(1))
    })
  })

  test('a key put twice alike in one batch, or in two blocks of a load, has the revision of that write', async () => {
    const store = await kit.store()
    const batch = await store.batch([put('a', 'v'), put('a', 'v'), ...Array.from({ length: 50 }, () => put('b', 'v'))])
    expect((await entries(store)).map(({ revision }) => revision)).toEqual([batch, batch])
    const load = await store.load([block([['a', 'v']]), block([['a', 'v']])])
    expect((await entries(store)).map(({ revision }) => revision)).toEqual([load, batch])
    expect(await store.check()).toMatchObject(kit.sound(2))
  })

  test('a batch of a hundred steps takes them in their order: of equal keys the last wins, and ends when it says', async () => {
    const store = await kit.store()
    await store.put('k03', 'old', { expires: LATER })
    const name = (i: number): string => `k${String(i % 40).padStart(2, '0')}`
    const ops = Array.from({ length: 100 }, (_, i): BatchOp => {
      if (i === 45) return { type: 'del', key: name(44) }
      return {
        type: 'put',
        key: name(i),
        value: noise(i % 7 === 0 ? 0 : i, i),
        ...(i % 10 === 6 && { expires: LATER + i * STEP }),
      }
    })
    const expected = new Map<string, string>()
    for (const op of ops) {
      if (op.type === 'del') expected.delete(op.key as string)
      else expected.set(op.key as string, `${toHex(op.value as Uint8Array)} ${op.expires}`)
    }
    const revision = await store.batch(ops)
    const found = await entries(store)
    expect(found.map((entry) => [toText(entry.key), `${toHex(entry.value)} ${entry.expires}`])).toEqual(
      [...expected].sort(([a], [b]) => (a < b ? -1 : 1)),
    )
    expect(new Set(found.map((entry) => entry.revision))).toEqual(new Set([revision]))
    expect(await store.check()).toMatchObject(kit.sound(expected.size))
  })

  describe('a batch with conditions', () => {
    const rows: readonly (readonly [
      name: string,
      holds: boolean,
      key: string,
      condition: (revision: number) => ConditionInput,
    ])[] = [
      ['absent, and it is', true, 'x', () => ({ type: 'absent' })],
      ['absent, and it is not', false, 'a', () => ({ type: 'absent' })],
      ['the value', true, 'a', () => ({ type: 'value', value: '1' })],
      ['the empty value', true, 'empty', () => ({ type: 'value', value: '' })],
      ['another value', false, 'a', () => ({ type: 'value', value: '2' })],
      ['a value where nothing is', false, 'x', () => ({ type: 'value', value: '' })],
      ['the revision', true, 'a', (revision) => ({ type: 'revision', revision })],
      ['another revision', false, 'a', (revision) => ({ type: 'revision', revision: revision + 3 })],
      ['revision 0, and it is not there', true, 'x', () => ({ type: 'revision', revision: 0 })],
      ['revision 0, and it is there', false, 'a', () => ({ type: 'revision', revision: 0 })],
    ]
    test.for(rows)('%s', async ([, holds, key, condition]) => {
      const store = await kit.store()
      await store.put('empty', '')
      const { revision } = await store.put('a', '1')
      const conditions = [
        { key: 'empty', condition: { type: 'value', value: '' } },
        { key, condition: condition(revision) },
      ] as const
      const write = () => store.batch([put('b', '2'), { type: 'del', key: 'a' }], { conditions })
      if (holds) expect(await write()).toBeGreaterThan(revision)
      else expect(await failure(write)).toMatchObject({ code: 'KV_CONDITION', details: { condition: 1 } })
      const left = (await entries(store)).map((entry) => toText(entry.key))
      expect(left).toEqual(holds ? ['b', 'empty'] : ['a', 'empty'])
      if (!holds) expect((await store.stat()).revision).toBe(revision)
    })

    test('of two at once that expect the same, one is done', async () => {
      const store = await kit.store()
      const { revision } = await store.put('a', '1')
      const conditions = [{ key: 'a', condition: { type: 'revision', revision } }] as const
      const done = await Promise.allSettled(
        ['x', 'y'].map((key) => store.batch([put(key), { type: 'del', key: 'a' }], { conditions })),
      )
      expect(done.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
      expect(await store.count()).toBe(1)
    })

    test('in a store that was never written to', async () => {
      const store = await kit.store()
      const conditions = [{ key: 'a', condition: { type: 'value', value: '' } }] as const
      expect(await failureCode(() => store.batch([put('b')], { conditions }))).toBe('KV_CONDITION')
      expect(await store.count()).toBe(0)
      await store.batch([put('b')], { conditions: [{ key: 'a', condition: { type: 'absent' } }] })
      expect(await store.count()).toBe(1)
    })
  })

  describe('revisions', () => {
    test('grow with every write and are positive safe integers', async () => {
      const store = await kit.store()
      const seen: number[] = [0]
      const newest = async () => seen.push((await store.stat()).revision)
      seen.push((await store.put('a', '1')).revision)
      seen.push((await store.put('b', '1')).revision)
      seen.push((await store.put('a', '2')).revision)
      await store.del('a')
      await newest()
      seen.push(await store.batch([put('c'), { type: 'del', key: 'b' }]))
      await store.delRange({ prefix: 'c' })
      await newest()
      seen.push((await store.put('d', '1')).revision)
      for (const [i, revision] of seen.entries()) {
        expect(Number.isSafeInteger(revision)).toBe(true)
        if (i > 0) expect(revision).toBeGreaterThan(seen[i - 1]!)
      }
    })

    test('are never used again for a key that was deleted', async () => {
      const store = await kit.store()
      const { revision } = await store.put('a', '1')
      await store.del('a')
      expect((await store.put('a', '1')).revision).toBeGreaterThan(revision)
    })

    test('are the same for all entries of a batch', async () => {
      const store = await kit.store()
      await store.put('a', 'old')
      const revision = await store.batch([put('a'), put('b'), put('c')])
      expect((await entries(store)).map((entry) => entry.revision)).toEqual([revision, revision, revision])
    })

    test('of entries that were not written stay', async () => {
      const store = await kit.store()
      const { revision } = await store.put('a', '1')
      await store.put('b', '1')
      await store.batch([put('c')])
      expect((await store.getEntry('a'))!.revision).toBe(revision)
    })
  })

  describe('del', () => {
    test('tells whether the key was there', async () => {
      const store = await kit.store()
      await store.put('a', '1')
      expect(await store.del('b')).toBe(false)
      expect(await store.del('a')).toBe(true)
      expect(await store.del('a')).toBe(false)
      expect(await store.get('a')).toBeUndefined()
      expect(await store.count()).toBe(0)
    })

    test('removes that key and no other', async () => {
      const store = await kit.store()
      await store.batch([put('a'), put('a\0'), put('aa'), put('b')])
      expect(await store.del('a')).toBe(true)
      expect(await textKeys(store)).toEqual(['a\0', 'aa', 'b'])
    })
  })

  describe('batch', () => {
    test('applies puts and deletes together', async () => {
      const store = await kit.store()
      await store.batch([put('a', '1'), put('b', '2')])
      await store.batch([put('c', '3'), { type: 'del', key: 'a' }, put('b', '4'), { type: 'del', key: 'missing' }])
      expect(await pairs(store)).toEqual(['b=4', 'c=3'])
    })

    test('lets the last operation on a key win', async () => {
      const store = await kit.store()
      await store.put('there', 'old')
      const del = (key: string): BatchOp => ({ type: 'del', key })
      await store.batch([
        put('a', '1'),
        put('a', '2'),
        put('a', '3'),
        put('b', '1'),
        del('b'),
        del('c'),
        put('c', '2'),
        put('d', '1'),
        del('d'),
        put('d', '3'),
        del('there'),
        put('there', 'new'),
        del('there'),
      ])
      expect(await pairs(store)).toEqual(['a=3', 'c=2', 'd=3'])
    })

    test('without operations changes nothing and answers with the newest revision', async () => {
      const store = await kit.store()
      expect(await store.batch([])).toBe((await store.stat()).revision)
      const { revision } = await store.put('a', '1')
      expect(await store.batch([])).toBe(revision)
      expect((await store.stat()).revision).toBe(revision)
    })

    test('of 10,000 operations (or as many as the driver allows) lands whole', async () => {
      const store = await kit.store()
      const length = Math.min(10_000, store.limits.maxBatchOps)
      const name = (i: number) => String(i).padStart(5, '0')
      // Not in key order: 7919 is prime to both lengths.
      const revision = await store.batch(Array.from({ length }, (_, i) => put(name((i * 7919) % length), `${i}`)))
      expect(await store.count()).toBe(length)
      const all = await entries(store)
      expect(all.map(({ key }) => toText(key))).toEqual(Array.from({ length }, (_, i) => name(i)))
      expect(all.every((entry) => entry.revision === revision)).toBe(true)
      expect(await store.check()).toMatchObject(kit.sound(length))
    })

    test('with one refused operation writes none of them', async () => {
      const store = await kit.store()
      await store.put('a', 'old')
      expect(await failureCode(() => store.batch([put('a', 'new'), { type: 'del', key: 'a' }, put('')]))).toBe(
        'KV_INVALID_KEY',
      )
      expect(await pairs(store)).toEqual(['a=old'])
    })

    test('is seen whole or not at all by a reader', async () => {
      const store = await kit.store()
      const batches = (async () => {
        for (let n = 0; n < 30; n++) await store.batch(Array.from({ length: 20 }, (_, i) => put(`k${i}`, `${n}`)))
      })()
      for (let reads = 0; reads < 30; reads++) {
        const values = new Set(
          (await store.getMany(Array.from({ length: 20 }, (_, i) => `k${i}`))).map(
            (entry) => entry && toText(entry.value),
          ),
        )
        expect(values.size).toBe(1)
      }
      await batches
    })
  })

  describe('load', () => {
    test('puts the entries of a block', async () => {
      const store = await kit.store()
      await store.put('b', 'old', { expires: LATER })
      await store.load([
        block([
          ['a', '1'],
          ['b', '2'],
          ['c', ''],
          [Uint8Array.of(0xff, 0), Uint8Array.of(0, 0xff)],
        ]),
      ])
      expect((await entries(store)).map(({ key, value, expires }) => [toHex(key), toHex(value), expires])).toEqual([
        ['61', '31', undefined],
        ['62', '32', undefined],
        ['63', '', undefined],
        ['ff00', '00ff', undefined],
      ])
      expect(await store.check()).toMatchObject(kit.sound(4))
    })

    test('takes several blocks, now or later, and lets the last put of a key win', async () => {
      const store = await kit.store()
      const blocks = [
        block([
          ['a', '1'],
          ['c', '1'],
        ]),
        block([
          ['a', '2'],
          ['b', '2'],
        ]),
        block([]),
        block([['c', '3']]),
      ]
      await store.load(blocks)
      expect(await pairs(store)).toEqual(['a=2', 'b=2', 'c=3'])
      const later = async function* () {
        for (const one of [
          block([
            ['b', '4'],
            ['d', '4'],
          ]),
          block([['a', '5']]),
        ]) {
          await new Promise(setImmediate)
          yield one
        }
      }
      await store.load(later())
      expect(await pairs(store)).toEqual(['a=5', 'b=4', 'c=3', 'd=4'])
      expect(await store.check()).toMatchObject(kit.sound(4))
    })

    test('lets a block be changed once the next is asked for', async () => {
      const store = await kit.store()
      const blocks = function* () {
        for (const name of ['a', 'b', 'c']) {
          const one = block([[name, `value of ${name}`]])
          yield one
          one.bytes.fill(0x21)
          one.keyLength.fill(0)
        }
      }
      await store.load(blocks())
      expect(await pairs(store)).toEqual(['a=value of a', 'b=value of b', 'c=value of c'])
      expect(await store.check()).toMatchObject(kit.sound(3))
    })

    test('of which a later block cannot be had stores nothing', async () => {
      const store = await kit.store()
      await store.put('a', 'old')
      const failing = async function* () {
        yield block([
          ['a', 'new'],
          ['b', 'new'],
        ])
        await new Promise(setImmediate)
        throw new RangeError('mine')
      }
      await expect(store.load(failing())).rejects.toThrow('mine')
      expect(await pairs(store)).toEqual(['a=old'])
      await store.put('c', 'after')
      expect(await pairs(store)).toEqual(['a=old', 'c=after'])
    })

    test(
      'of 100,000 entries that need not be atomic stores them all, in their order',
      { timeout: 30_000 },
      async () => {
        const driver = await kit.driver()
        const store = await kit.store()
        const name = (i: number): string => `k${String(i).padStart(6, '0')}`
        const blocks = function* () {
          for (let from = 0; from < 100_000; from += 25_000)
            yield block(Array.from({ length: 25_000 }, (_, i) => [name(from + i), `v${from + i}`] as const))
          yield block([[name(7), 'again']])
        }
        const told: number[] = []
        await store.load(blocks(), { atomic: false, onProgress: (stored) => told.push(stored) })
        expect(await store.count()).toBe(100_000)
        expect(toText((await store.get(name(7)))!)).toBe('again')
        expect(toText((await store.get(name(99_999)))!)).toBe('v99999')
        expect(told).toEqual([...told].sort((a, b) => a - b))
        if (driver.load === undefined) expect(told.at(-1)).toBe(100_001)
      },
    )

    test('that need not be atomic, of which a later block cannot be had, stores what came before or nothing', async () => {
      const store = await kit.store()
      const told: number[] = []
      const failing = async function* () {
        yield block([
          ['a', '1'],
          ['b', '1'],
        ])
        yield block([['a', '2']])
        throw new RangeError('mine')
      }
      const load = store.load(failing(), { atomic: false, onProgress: (stored) => told.push(stored) })
      await expect(load).rejects.toThrow('mine')
      expect(await pairs(store)).toEqual(told.length === 0 ? [] : ['a=2', 'b=1'])
      expect([undefined, 3]).toContain(told.at(-1))
    })

    test('does not disturb reads and writes made while it waits for blocks', async () => {
      const store = await kit.store()
      await store.put('a', 'old')
      const pending: Promise<unknown>[] = []
      const slow = async function* () {
        yield block([
          ['a', 'new'],
          ['b', 'new'],
        ])
        expect(await pairs(store)).toEqual(['a=old'])
        expect(toText((await store.get('a'))!)).toBe('old')
        expect(await store.count()).toBe(1)
        pending.push(store.put('c', 'beside'))
        await new Promise(setImmediate)
        yield block([['d', 'new']])
      }
      await store.load(slow())
      await Promise.all(pending)
      expect(await pairs(store)).toEqual(['a=new', 'b=new', 'c=beside', 'd=new'])
    })

    test.skipIf(!kit.supports.exclusiveLoad)('finds what its source has read, whoever writes', async () => {
      const place = await kit.newPlace()
      const store = await kit.store({ place })
      const others = kit.shared ? await kit.store({ place }) : store
      await store.put('a', 'old')
      const late: Promise<{ revision: number }>[] = []
      const readers = async function* () {
        yield block([])
        late.push(others.put('a', 'late'), store.put('b', 'late'))
        for (let turns = 0; turns < 20; turns++) await new Promise(setImmediate)
        expect(await pairs(store)).toEqual(['a=old'])
        yield block([['a', 'loaded']])
      }
      const loaded = await store.load(readers())
      for (const { revision } of await Promise.all(late)) expect(revision).toBeGreaterThan(loaded)
      expect(await pairs(store)).toEqual(['a=late', 'b=late'])
    })

    test('keeps the expiry of each entry', async () => {
      const store = await kit.store()
      const expires = LATER
      await store.load([
        block([
          ['a', '1', expires],
          ['b', '2'],
          ['c', '3', expires + STEP],
        ]),
      ])
      expect((await entries(store)).map((entry) => entry.expires)).toEqual([expires, undefined, expires + STEP])
      expect(await store.check()).toMatchObject(kit.sound(3))
    })

    test('deletes what it is told to, whether it is there or not', async () => {
      const store = await kit.store()
      await store.batch([put('a'), put('b'), put('d')])
      await store.load([block([['a'], ['b', '2'], ['c'], ['d'], ['e', '5', LATER], ['f']]), block([['b'], ['d', '4']])])
      expect(await pairs(store)).toEqual(['d=4', 'e=5'])
      expect(await store.check()).toMatchObject(kit.sound(2))
      const later = async function* () {
        yield block([['d'], ['e']])
        await new Promise(setImmediate)
        yield block([['e', '6']])
      }
      await store.load(later())
      expect(await pairs(store)).toEqual(['e=6'])
      await store.load([block([['e'], ['none']])], { atomic: false })
      expect(await pairs(store)).toEqual([])
    })

    test('deletes and puts many in one block', { timeout: 30_000 }, async () => {
      const store = await kit.store()
      const name = (i: number): string => `k${String(i).padStart(5, '0')}`
      const all = Array.from({ length: 40_000 }, (_, i) => i)
      await store.load([block(all.map((i) => [name(i), 'old']))], { atomic: false })
      const rows = all.map((i): BlockRow =>
        i % 3 === 0 ? [name(i)] : [name(i), `${i}`, i % 5 === 0 ? LATER : undefined],
      )
      await store.load([block(rows)], { atomic: false })
      const kept = all.filter((i) => i % 3 !== 0)
      expect(await pairs(store)).toEqual(kept.map((i) => `${name(i)}=${i}`))
      expect(await store.check()).toMatchObject(kit.sound(kept.length))
    })

    describe('of what is absent', () => {
      /** Loads in one step where the engine can, and tells how many puts were left. */
      const loadAbsent = async (store: Store, blocks: Blocks, atomic = false): Promise<number> => {
        let left = -1
        await store.load(blocks, { atomic, ifAbsent: true, onExisting: (entries) => (left = entries) })
        return left
      }

      test('leaves what is there, and takes the first of equal keys', async () => {
        const store = await kit.store()
        await store.batch([put('b'), { type: 'put', key: 'c', value: 'v', expires: LATER }])
        const blocks = [
          block([
            ['a', '1'],
            ['a', '2', LATER],
            ['b', '1'],
            ['c', '1'],
            ['d', '1', LATER],
          ]),
          block([]),
          block([
            ['a', '3'],
            ['d', '2'],
            ['e', '2'],
          ]),
        ]
        expect(await loadAbsent(store, blocks)).toBe(5)
        expect(await pairs(store)).toEqual(['a=1', 'b=v', 'c=v', 'd=1', 'e=2'])
        const ends = (await entries(store)).map(({ expires }) => expires)
        expect(ends).toEqual([undefined, undefined, LATER, LATER, undefined])
        expect(
          await loadAbsent(store, [
            block([
              ['a', '9'],
              ['e', '9'],
            ]),
          ]),
        ).toBe(2)
        expect(await loadAbsent(store, [])).toBe(0)
        expect(await store.check()).toMatchObject(kit.sound(5))
      })

      test('does puts and deletes of a key in their order', async () => {
        const store = await kit.store()
        await store.batch([put('b'), put('c'), put('e')])
        const blocks = async function* () {
          yield block([
            ['a', '1'],
            ['a'],
            ['a', '2'],
            ['a', '3'],
            ['b'],
            ['b', '2'],
            ['c', '1'],
            ['c'],
            ['d'],
            ['d', '1'],
          ])
          await new Promise(setImmediate)
          yield block([['a'], ['d', '2'], ['e', '2'], ['f', '2'], ['f']])
        }
        expect(await loadAbsent(store, blocks())).toBe(4)
        expect(await pairs(store)).toEqual(['b=2', 'd=1', 'e=v'])
        expect(await store.check()).toMatchObject(kit.sound(3))
      })

      test('is many at once', { timeout: 30_000 }, async () => {
        const store = await kit.store()
        const name = (i: number): string => `k${String(i).padStart(5, '0')}`
        const all = Array.from({ length: 20_000 }, (_, i) => i)
        const old = all.filter((i) => i % 7 === 0)
        await store.load([block(old.map((i) => [name(i), 'old']))], { atomic: false })
        const rows = all.flatMap((i): BlockRow[] => {
          const row = [name(i), `${i}`, i % 5 === 0 ? LATER : undefined] as const
          return i % 100 === 0 ? [row, [name(i), 'again']] : [row]
        })
        expect(await loadAbsent(store, [block(rows)])).toBe(old.length + 200)
        expect(await pairs(store)).toEqual(all.map((i) => `${name(i)}=${i % 7 === 0 ? 'old' : i}`))
        expect(await store.check()).toMatchObject(kit.sound(20_000))
      })

      test('is all or nothing where the engine can, and is refused by name where not', async () => {
        const store = await kit.store()
        await store.put('a', 'old')
        const failing = async function* () {
          yield block([
            ['a', '1'],
            ['b', '1'],
          ])
          throw new RangeError('mine')
        }
        const loaded = await loadAbsent(
          store,
          [
            block([
              ['a', '1'],
              ['c', '1'],
            ]),
          ],
          true,
        ).catch((error: unknown) => error)
        if (loaded instanceof KvError) {
          expect(loaded).toMatchObject({ code: 'KV_NOT_SUPPORTED', hint: expect.stringContaining('without --atomic') })
          expect(await pairs(store)).toEqual(['a=old'])
          return
        }
        expect(loaded).toBe(1)
        expect(await pairs(store)).toEqual(['a=old', 'c=1'])
        await expect(loadAbsent(store, failing(), true)).rejects.toThrow('mine')
        expect(await pairs(store)).toEqual(['a=old', 'c=1'])
      })
    })

    test('of no entries changes nothing', async () => {
      const store = await kit.store()
      await store.load([])
      await store.load([block([])])
      expect(await store.count()).toBe(0)
      await store.put('a', '1')
      const before = await store.stat()
      await store.load([])
      await store.load([block([])])
      expect((await store.stat()).revision).toBe(before.revision)
    })

    test('of 5,000 entries (or as many as the driver allows) between others leaves those alone', async () => {
      const store = await kit.store()
      await store.batch([put('a'), put('k00050x'), put('z')])
      const count = Math.min(5000, store.limits.maxBatchOps)
      const name = (i: number) => `k${String(i).padStart(5, '0')}`
      await store.load([block(Array.from({ length: count }, (_, i) => [name(i), `${i}`] as const))])
      expect(await store.count()).toBe(count + 3)
      expect(await store.count({ prefix: 'k' })).toBe(count + 1)
      expect((await pairs(store)).slice(50, 54)).toEqual(['k00049=49', 'k00050=50', 'k00050x=v', 'k00051=51'])
      const { revision } = await store.put('after', 'v')
      for (const entry of await entries(store, { prefix: 'k' })) expect(entry.revision).toBeLessThan(revision)
      expect(await store.check()).toMatchObject({ damagedKeys: [], problems: [] })
    })

    test('of 40,000 entries (or as many as the driver allows) whose bytes lie in another order than their keys stores each', async () => {
      const store = await kit.store()
      const count = Math.min(40_000, store.limits.maxBatchOps)
      const expires = LATER
      const name = (i: number): string => String(i).padStart(5, '0')
      const falling = block(
        Array.from(
          { length: count },
          (_, n) => [name(count - 1 - n), `v${count - 1 - n}`, n % 7 === 0 ? expires + n * STEP : undefined] as const,
        ),
      )
      const { keyStart, keyLength, valueStart, valueLength, checksums, expires: ends } = falling
      for (const column of [keyStart, keyLength, valueStart, valueLength, checksums, ends!]) column.reverse()
      await store.load([falling])
      const stored = await entries(store)
      expect(stored.length).toBe(count)
      const wrong = stored.filter(({ key, value, expires: end }, i) => {
        const n = count - 1 - i
        return (
          toText(key) !== name(i) || toText(value) !== `v${i}` || end !== (n % 7 === 0 ? expires + n * STEP : undefined)
        )
      })
      expect(wrong).toEqual([])
      expect((await store.check()).damagedKeys).toEqual([])
    })

    test('of more than the driver can put at once stores nothing', async ({ skip }) => {
      const driver = await kit.driver()
      const { maxBatchOps } = driver.limits
      if (maxBatchOps === Infinity) skip('this driver has no limit')
      if (driver.load !== undefined) skip('this driver loads otherwise than by a batch')
      const store = await kit.store()
      const name = (i: number) => `k${String(i).padStart(9, '0')}`
      const blocks = [
        block(Array.from({ length: maxBatchOps }, (_, i) => [name(i), 'v'] as const)),
        block([['z', 'v']]),
      ]
      expect(await failureCode(() => store.load(blocks))).toBe('KV_TOO_LARGE')
      expect(await store.count()).toBe(0)
    })
  })

  describe('a condition', () => {
    test('absent lets a put through only where the key is not there', async () => {
      const store = await kit.store()
      const condition = { type: 'absent' } as const
      const first = await store.put('a', '1', { condition })
      expect(first).toMatchObject({ applied: true, created: true })
      const before = await store.stat()
      expect(await store.put('a', '2', { condition })).toEqual({
        applied: false,
        created: false,
        revision: first.revision,
      })
      expect(await pairs(store)).toEqual(['a=1'])
      expect((await store.getEntry('a'))!.revision).toBe(first.revision)
      expect((await store.stat()).revision).toBe(before.revision)
      await store.del('a')
      expect(await store.put('a', '3', { condition })).toMatchObject({ applied: true, created: true })
    })

    test('value lets a put through only over those bytes', async () => {
      const store = await kit.store()
      const being = (value: string) => ({ condition: { type: 'value', value: text(value) } as const })
      expect(await store.put('a', '1', being(''))).toEqual({ applied: false, created: false, revision: 0 })
      expect(await store.get('a')).toBeUndefined()
      const { revision } = await store.put('a', '1')
      for (const other of ['', '2', '11', '1\0']) {
        expect(await store.put('a', 'x', being(other))).toEqual({ applied: false, created: false, revision })
      }
      expect(await pairs(store)).toEqual(['a=1'])
      expect(await store.put('a', '2', being('1'))).toMatchObject({ applied: true, created: false })
      expect(await pairs(store)).toEqual(['a=2'])
    })

    test('value holds for an empty value, which is not a missing one', async () => {
      const store = await kit.store()
      const condition = { type: 'value', value: new Uint8Array() } as const
      await store.put('a', '')
      expect(await store.put('a', '1', { condition })).toMatchObject({ applied: true, created: false })
      expect(await pairs(store)).toEqual(['a=1'])
    })

    test('revision lets a put through only over that revision', async () => {
      const store = await kit.store()
      const { revision } = await store.put('a', '1')
      const at = (wanted: number) => ({ condition: { type: 'revision', revision: wanted } as const })
      for (const wrong of [0, revision - 1, revision + 1, 10 ** 9]) {
        if (wrong === revision) continue
        expect(await store.put('a', 'x', at(wrong))).toEqual({ applied: false, created: false, revision })
      }
      const second = await store.put('a', '2', at(revision))
      expect(second).toMatchObject({ applied: true, created: false })
      expect(await store.put('a', '3', at(revision))).toEqual({
        applied: false,
        created: false,
        revision: second.revision,
      })
      expect(await pairs(store)).toEqual(['a=2'])
    })

    test('revision 0 means that the key is not there', async () => {
      const store = await kit.store()
      const condition = { type: 'revision', revision: 0 } as const
      expect(await store.put('a', '1', { condition })).toMatchObject({ applied: true, created: true })
      expect(await store.put('a', '2', { condition })).toMatchObject({ applied: false })
      expect(await pairs(store)).toEqual(['a=1'])
    })

    test('that does not hold keeps an expiry as it is', async () => {
      const store = await kit.store()
      const expires = LATER
      await store.put('a', '1', { expires })
      expect(await store.put('a', '2', { condition: { type: 'absent' } })).toMatchObject({ applied: false })
      expect((await store.getEntry('a'))!.expires).toBe(expires)
    })

    test('decides a delete too', async () => {
      const store = await kit.store()
      const { revision } = await store.put('a', '1')
      expect(await store.del('a', { condition: { type: 'value', value: text('2') } })).toBe(false)
      expect(await store.del('a', { condition: { type: 'revision', revision: revision + 1 } })).toBe(false)
      expect(await store.del('a', { condition: { type: 'absent' } })).toBe(false)
      expect(await pairs(store)).toEqual(['a=1'])
      expect(await store.del('a', { condition: { type: 'value', value: text('1') } })).toBe(true)
      const again = await store.put('a', '1')
      expect(await store.del('a', { condition: { type: 'revision', revision: again.revision } })).toBe(true)
      expect(await store.count()).toBe(0)
    })

    test('lets exactly one of 100 puts at once find the key absent', async () => {
      const store = await kit.store()
      const results = await Promise.all(
        Array.from({ length: 100 }, (_, i) => store.put('a', `${i}`, { condition: { type: 'absent' } })),
      )
      const winners = results.flatMap((result, i) => (result.applied ? [i] : []))
      expect(winners).toHaveLength(1)
      expect(await pairs(store)).toEqual([`a=${winners[0]}`])
      for (const { applied, revision } of results)
        if (!applied) expect(revision).toBe((await store.getEntry('a'))!.revision)
    })

    test('makes counting by 20 at once exact', async () => {
      const store = await kit.store()
      await store.put('n', '0')
      await Promise.all(
        Array.from({ length: 20 }, async () => {
          for (let done = false; !done;) {
            const entry = (await store.getEntry('n'))!
            const condition = { type: 'revision', revision: entry.revision } as const
            done = (await store.put('n', `${Number(toText(entry.value)) + 1}`, { condition })).applied
          }
        }),
      )
      expect(await pairs(store)).toEqual(['n=20'])
    })
  })

  describe('many writes at once', () => {
    test('200 puts and gets all land', async () => {
      const store = await kit.store()
      await Promise.all(
        Array.from({ length: 200 }, async (_, i) => {
          const result = await store.put(`k${i}`, `${i}`)
          expect(result).toMatchObject({ applied: true, created: true })
          // A write that was acknowledged is there for every read that begins later.
          expect(toText((await store.get(`k${i}`))!)).toBe(`${i}`)
        }),
      )
      expect(await store.count()).toBe(200)
      const revisions = new Set((await entries(store)).map((entry) => entry.revision))
      expect(revisions.size).toBe(200)
    })

    test('to one key end with the write of the newest revision', async () => {
      const store = await kit.store()
      const results = await Promise.all(Array.from({ length: 100 }, (_, i) => store.put('a', `${i}`)))
      const newest = results.reduce((best, result, i) => (result.revision > results[best]!.revision ? i : best), 0)
      expect(await pairs(store)).toEqual([`a=${newest}`])
      expect(results.filter((result) => result.created)).toHaveLength(1)
    })

    test('fail alone: a refused one does not take its neighbours along', async () => {
      const store = await kit.store()
      const results = await Promise.allSettled([
        store.put('a', '1'),
        store.put('', 'refused'),
        store.put('b', '2'),
        store.batch([put('c', '3'), put('')]),
        store.batch([put('d', '4')]),
        store.del('missing'),
      ])
      expect(results.map(({ status }) => status)).toEqual([
        'fulfilled',
        'rejected',
        'fulfilled',
        'rejected',
        'fulfilled',
        'fulfilled',
      ])
      expect(await pairs(store)).toEqual(['a=1', 'b=2', 'd=4'])
    })

    test('of every kind', async () => {
      const store = await kit.store()
      await store.batch(Array.from({ length: 20 }, (_, i) => put(`old${i}`)))
      const [deleted, gone, revision, result, lost] = await Promise.all([
        store.delRange({ prefix: 'old1' }),
        store.del('old0'),
        store.batch([put('a'), put('b')]),
        store.put('c', '3'),
        store.del('nothing'),
      ])
      expect({ deleted, gone, lost }).toEqual({ deleted: 11, gone: true, lost: false })
      expect(revision).toBeGreaterThan(0)
      expect(result.created).toBe(true)
      expect(await store.count()).toBe(20 - 12 + 3)
    })
  })

  describe('buffers', () => {
    test('handed out are not changed by later writes', async () => {
      const store = await kit.store()
      await store.put('k', 'before')
      const value = (await store.get('k'))!
      const entry = (await store.getEntry('k'))!
      const [many] = await store.getMany(['k'])
      const [ranged] = await entries(store)
      await store.put('k', 'AFTER!')
      await store.put('l', noise(100_000))
      await store.get('l')
      await store.del('k')
      await entries(store)
      for (const bytes of [value, entry.value, many!.value, ranged!.value]) expect(toText(bytes)).toBe('before')
      for (const bytes of [entry.key, many!.key, ranged!.key]) expect(toText(bytes)).toBe('k')
    })

    test('handed out can be changed without changing the store', async () => {
      const store = await kit.store()
      await store.put('k', 'value')
      ;(await store.get('k'))!.fill(0)
      for (const entry of [
        (await store.getEntry('k'))!,
        (await store.getMany(['k']))[0]!,
        (await entries(store))[0]!,
      ]) {
        entry.key.fill(0)
        entry.value.fill(0)
      }
      expect(await pairs(store)).toEqual(['k=value'])
      expect(toText((await store.get('k'))!)).toBe('value')
      expect(await store.check()).toMatchObject({ damagedKeys: [], problems: [] })
    })

    test('handed to put and del may be changed right after the call', async () => {
      const store = await kit.store()
      await store.put('x', '1')
      const key = text('k')
      const value = text('value')
      const other = text('x')
      const pending = [store.put(key, value), store.del(other)]
      for (const bytes of [key, value, other]) bytes.fill(0x21)
      await Promise.all(pending)
      expect(await pairs(store)).toEqual(['k=value'])
    })

    test('handed to batch may be changed right after the call', async () => {
      const store = await kit.store()
      await store.put('x', '1')
      const key = text('k')
      const value = text('value')
      const other = text('x')
      const ops: BatchOp[] = [
        { type: 'put', key, value },
        { type: 'del', key: other },
      ]
      const pending = store.batch(ops)
      for (const bytes of [key, value, other]) bytes.fill(0x21)
      ops.push(put('late'))
      await pending
      expect(await pairs(store)).toEqual(['k=value'])
    })

    test('handed to a condition may be changed right after the call', async () => {
      const store = await kit.store()
      await store.put('a', '1')
      await store.put('b', '1')
      const value = text('1')
      const pending = [
        store.put('a', '2', { condition: { type: 'value', value } }),
        store.del('b', { condition: { type: 'value', value } }),
      ]
      value.fill(0x21)
      await Promise.all(pending)
      expect(await pairs(store)).toEqual(['a=2'])
    })

    test('handed to delRange may be changed right after the call', async () => {
      const store = await kit.store()
      await store.batch([put('a'), put('b'), put('c'), put('d')])
      const gte = text('b')
      const lt = text('d')
      const pending = store.delRange({ gte, lt })
      gte.fill(0x00)
      lt.fill(0xff)
      expect(await pending).toBe(2)
      expect(await textKeys(store)).toEqual(['a', 'd'])
    })

    test('handed to reads may be changed right after the call', async () => {
      const store = await kit.store()
      await store.batch([put('a', '1'), put('b', '2')])
      const key = text('a')
      const prefix = text('b')
      const pages = store.rangePages({ prefix })
      const pending = [
        store.get(key),
        store.getEntry(key),
        store.getMany([key]),
        store.count({ prefix: key }),
        store.has(key),
      ] as const
      key.fill(0x21)
      prefix.fill(0x21)
      const [value, entry, [many], count, there] = await Promise.all(pending)
      expect(toText(value!)).toBe('1')
      expect([toText(entry!.key), toText(entry!.value)]).toEqual(['a', '1'])
      expect([toText(many!.key), toText(many!.value)]).toEqual(['a', '1'])
      expect(count).toBe(1)
      expect(there).toBe(true)
      const seen: string[] = []
      for await (const page of pages) seen.push(...page.map((one) => toText(one.key)))
      expect(seen).toEqual(['b'])
    })

    test('handed in are not changed', async () => {
      const driver = await kit.driver()
      const key = text('k')
      const value = text('value')
      await driver.put(key, value)
      await driver.batch([{ type: 'put', key, value }])
      await driver.get(key)
      await driver.del(key, { condition: { type: 'value', value } })
      await readPages(driver, { start: key, end: value, reverse: false, limit: 1, keysOnly: false })
      expect([toHex(key), toHex(value)]).toEqual([toHex(text('k')), toHex(text('value'))])
    })
  })
}

function put(key: string, value = 'v'): BatchOp {
  return { type: 'put', key, value }
}

async function textKeys(store: Store): Promise<string[]> {
  return (await entries(store, { keysOnly: true })).map(({ key }) => toText(key))
}

async function pairs(store: Store): Promise<string[]> {
  return (await entries(store)).map(({ key, value }) => `${toText(key)}=${toText(value)}`)
}
