import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Change, Clock, Store, WatchOptions } from '../../src/index.ts'
import { hex, noise, text, toHex, toText } from '../helpers/bytes.ts'
import { entries, failureCode } from '../helpers/store.ts'
import { shown, take, takeUntil, watching } from '../helpers/watch.ts'
import { type Kit, block, fill, longestValue, stoppedClock } from './suite.ts'

/** The key whose put ends what a test looks at. */
const END = '\uffffend'

/** Changes of a store, whoever makes them, in order and each once. */
export function watches(kit: Kit): void {
  /** A store that has been written to, and is empty again. */
  const madeStore = async (options: { clock?: Clock } = {}): Promise<Store> => {
    const store = await kit.store(options)
    await store.put('made', '')
    await store.del('made')
    return store
  }
  /** What a watch reports of the steps. */
  const reported = async (
    steps: (store: Store) => Promise<unknown>,
    before: (store: Store) => Promise<unknown> = async () => {},
  ): Promise<Change[]> => {
    const store = await madeStore()
    await before(store)
    const watch = await watching(store)
    await steps(store)
    await store.put(END, '')
    return takeUntil(watch, END)
  }

  test('puts come with value, revision and expiry, deletes with their key, in order', async () => {
    const expires = Date.UTC(2100, 0, 1)
    const store = await madeStore()
    await store.put('a', 'before')
    const watch = await watching(store)
    const { revision } = await store.put('a', '1')
    const second = await store.put('b', '', { expires })
    await store.del('a')
    const changes = await take(watch, 3)
    expect(changes).toEqual([
      {
        type: 'put',
        key: expect.anything(),
        value: expect.anything(),
        revision,
        expires: undefined,
        position: expect.any(String),
      },
      {
        type: 'put',
        key: expect.anything(),
        value: expect.anything(),
        revision: second.revision,
        expires,
        position: expect.any(String),
      },
      { type: 'del', key: expect.anything(), position: expect.any(String) },
    ])
    expect(changes.map(shown)).toEqual(['put a=1', 'put b=', 'del a'])
    expect(new Set(changes.map(({ position }) => position)).size).toBe(3)
    for (const { position } of changes) expect(position).toMatch(/^[!-~]{1,128}$/)
  })

  test('the steps of a batch come in their order, of one key at least the last, but for deletes of what is not there', async () => {
    const changes = await reported(
      (store) =>
        store.batch([
          { type: 'put', key: 'a', value: '1' },
          { type: 'del', key: 'none' },
          { type: 'put', key: 'a', value: '2' },
          { type: 'del', key: 'a' },
          { type: 'put', key: 'b', value: '3' },
          { type: 'put', key: 'c', value: '4' },
          { type: 'put', key: 'c', value: '5' },
        ]),
      (store) => store.put('a', '0'),
    )
    const all = ['put a=1', 'put a=2', 'del a', 'put b=3', 'put c=4', 'put c=5']
    // An engine may know of a batch only what it made of each key.
    expect([all, ['del a', 'put b=3', 'put c=5']]).toContainEqual(changes.map(shown))
  })

  test('large batches and loads come entry by entry', async () => {
    const names = Array.from({ length: 3000 }, (_, i) => `k${String(i).padStart(5, '0')}`)
    const changes = await reported(async (store) => {
      await fill(
        store,
        names.map((key) => ({ key: text(key), value: text('old') })),
      )
      await store.load([block(names.map((key) => [key, `v${key}`]))], { atomic: false })
    })
    expect(changes.slice(0, 3000).map(shown)).toEqual(names.map((key) => `put ${key}=old`))
    // Batches that are under way at the same time come in any order.
    expect(changes.slice(3000).map(shown).toSorted()).toEqual(names.map((key) => `put ${key}=v${key}`))
  })

  test('a load with deletes comes entry by entry, but for deletes of what is not there', async () => {
    const changes = await reported(async (store) => {
      await store.batch(['a', 'c'].map((key) => ({ type: 'put', key, value: 'old' })))
      await store.load([block([['a'], ['b', '1'], ['c', '2'], ['d']]), block([['b'], ['d', '3']])])
    })
    expect(changes.slice(0, 2).map(shown)).toEqual(['put a=old', 'put c=old'])
    const load = changes.slice(2).map(shown)
    expect([
      ['del a', 'del b', 'put b=1', 'put c=2', 'put d=3'],
      // An engine may know only what became of each key.
      ['del a', 'put c=2', 'put d=3'],
    ]).toContainEqual(load.toSorted())
    for (const key of ['a', 'b', 'c', 'd']) {
      const of = load.filter((change) => change.includes(` ${key}`))
      expect([[`del a`], [`put b=1`, `del b`], [], ['put c=2'], ['put d=3']]).toContainEqual(of)
    }
  })

  test('a load of what is absent comes without what was left', async () => {
    const changes = await reported(async (store) => {
      await store.put('b', 'old')
      await store.load(
        [
          block([
            ['a', '1'],
            ['a', '2'],
            ['b', '1'],
            ['c', '1'],
          ]),
        ],
        { atomic: false, ifAbsent: true },
      )
      await store.load([block([['b', '3'], ['b'], ['b', '4']])], { atomic: false, ifAbsent: true })
    })
    expect(changes.slice(0, 1).map(shown)).toEqual(['put b=old'])
    expect(changes.slice(1, 3).map(shown).sort()).toEqual(['put a=1', 'put c=1'])
    expect([['del b', 'put b=4'], ['put b=4']]).toContainEqual(changes.slice(3).map(shown))
  })

  test('a delete of a range comes as a delete of each entry', async () => {
    const fill = (store: Store): Promise<unknown> =>
      store.batch(['a', 'b1', 'b2', 'b3', 'c'].map((key) => ({ type: 'put', key, value: key })))
    const changes = await reported((store) => store.delRange({ prefix: 'b' }), fill)
    expect(changes.map(shown).sort()).toEqual(['del b1', 'del b2', 'del b3'])
    const all = await reported((store) => store.delRange({ all: true }), fill)
    expect(all.map(shown).sort()).toEqual(['del a', 'del b1', 'del b2', 'del b3', 'del c'])
    const stopped = await reported((store) => store.delRange({ all: true, signal: new AbortController().signal }), fill)
    expect(stopped.map(shown).sort()).toEqual(['del a', 'del b1', 'del b2', 'del b3', 'del c'])
  })

  test('what was not written is not reported', async () => {
    const changes = await reported(
      async (store) => {
        await store.put('a', '2', { condition: { type: 'absent' } })
        await store.put('a', '2', { condition: { type: 'value', value: text('x') } })
        await store.del('a', { condition: { type: 'revision', revision: 999 } })
        await store.del('none')
        await store.delRange({ prefix: 'none' })
        await store.batch([])
        await failureCode(() =>
          store.batch([
            { type: 'put', key: 'b', value: '1' },
            { type: 'put', key: '', value: '1' },
          ]),
        )
      },
      (store) => store.put('a', '1'),
    )
    expect(changes).toEqual([])
  })

  test('reads and the watch itself leave the revision as it is', async () => {
    const store = await madeStore()
    const { revision } = await store.put('a', '1')
    await (await watching(store)).close()
    await watching(store)
    await entries(store)
    expect((await store.stat()).revision).toBe(revision)
  })

  test.for<[string, WatchOptions, string[]]>([
    ['one key', { key: 'b' }, ['put b=1', 'del b']],
    ['a prefix', { prefix: 'b' }, ['put b=1', 'put b\0=1', 'put b1=1', 'del b']],
    ['a range', { gte: 'b', lt: 'b1' }, ['put b=1', 'put b\0=1', 'del b']],
    ['an open range', { gt: 'b1' }, ['put c=1']],
    ['both bounds of a range', { prefix: 'b', gte: 'b1' }, ['put b1=1']],
  ])('%s is watched alone', async ([, options, wanted]) => {
    const store = await madeStore()
    const watch = await watching(store, options)
    const all = await watching(store)
    for (const key of ['a', 'b', 'b\0', 'b1', 'c']) await store.put(key, '1')
    await store.del('b')
    await store.del('a')
    expect((await take(watch, wanted.length)).map(shown)).toEqual(wanted)
    expect((await take(all, 7)).map(shown)).toHaveLength(7)
  })

  test('a watch of nothing, of a key with a range, and after no position is refused', async () => {
    const store = await madeStore()
    expect(await failureCode(() => store.watch({ gte: 'b', lt: 'a' }))).toBe('KV_USAGE')
    expect(await failureCode(() => store.watch({ key: 'a', prefix: 'b' }))).toBe('KV_USAGE')
    expect(await failureCode(() => store.watch({ key: '' }))).toBe('KV_INVALID_KEY')
    // Not printable ASCII of 1 to 128 bytes; what else is a position, and of which store, only the driver knows.
    for (const after of ['', ' ', 'a b', 'line\nfeed', 'caf\u00e9', 'x'.repeat(129)])
      expect([after, await failureCode(() => store.watch({ after }))]).toEqual([after, 'KV_USAGE'])
    for (const after of ['x', 'log-x', '-1', '~!', 'unknown-5', 'x'.repeat(128)])
      expect(['KV_USAGE', 'KV_WATCH_GAP']).toContain(await failureCode(() => store.watch({ after })))
  })

  test('bytes that are no text, and values of megabytes, come as they are', async () => {
    const store = await madeStore()
    const big = noise(Math.min(3_000_000, longestValue(store, 'big')))
    const watch = await watching(store)
    await store.put(hex('00ff0a0d22'), hex('fe00'))
    await store.put('big', big)
    await store.put('line\nfeed', 'v\r\n\u2028"\\')
    const changes = (await take(watch, 3)) as Extract<Change, { type: 'put' }>[]
    expect(changes.map(({ key }) => toHex(key))).toEqual(['00ff0a0d22', toHex(text('big')), toHex(text('line\nfeed'))])
    expect(toHex(changes[0]!.value)).toBe('fe00')
    expect(Buffer.from(big).equals(changes[1]!.value)).toBe(true)
    expect(toText(changes[2]!.value)).toBe('v\r\n\u2028"\\')
  })

  test('many watches at once each get all that is theirs', async () => {
    const store = await madeStore()
    const all = await Promise.all(
      Array.from({ length: 20 }, (_, i) => watching(store, i % 2 === 0 ? {} : { prefix: `k${i}:` })),
    )
    await Promise.all(Array.from({ length: 20 }, (_, i) => store.put(`k${i}:x`, `${i}`)))
    for (const [i, watch] of all.entries()) {
      const changes = await take(watch, i % 2 === 0 ? 20 : 1)
      if (i % 2 === 0) expect(new Set(changes.map(shown)).size).toBe(20)
      else expect(changes.map(shown)).toEqual([`put k${i}:x=${i}`])
    }
  })

  test('a watch that is read late, or left alone for long, loses nothing', async () => {
    const store = await madeStore()
    const late = await watching(store)
    const watch = await watching(store)
    for (let i = 0; i < 30; i++) {
      await store.batch(Array.from({ length: 100 }, (_, j) => ({ type: 'put', key: `k${j}`, value: `${i}` })))
      if (i % 10 === 0) await take(watch, 1)
    }
    const changes = await take(late, 3000)
    expect(changes.map(shown)).toEqual(Array.from({ length: 3000 }, (_, i) => `put k${i % 100}=${Math.floor(i / 100)}`))
  })

  test('one change at a time, and leaving the loop ends the watch', async () => {
    const store = await madeStore()
    const watch = await watching(store)
    await store.batch(['a', 'b', 'c'].map((key) => ({ type: 'put', key, value: '1' })))
    const seen: string[] = []
    for await (const change of watch) {
      seen.push(shown(change))
      expect(watch.position).toBe(change.position)
      if (seen.length === 2) break
    }
    expect(seen).toEqual(['put a=1', 'put b=1'])
    for await (const change of watch) expect.fail(`it is over, and reported ${shown(change)}`)
  })

  describe('a resumed watch', () => {
    test('goes on after the change it names, wherever that stood', async () => {
      const store = await madeStore()
      const first = await watching(store, { resumable: true })
      const { position } = first
      await store.batch(['a', 'b', 'c', 'd'].map((key) => ({ type: 'put', key, value: '1' })))
      await store.del('b')
      const changes = await take(first, 5)
      await first.close()
      await store.put('e', '1')
      const wanted = ['put a=1', 'put b=1', 'put c=1', 'put d=1', 'del b', 'put e=1']
      for (const [i, after] of [position, ...changes.map((change) => change.position)].entries()) {
        const watch = await watching(store, { after, resumable: true })
        expect(watch.position).toBe(after)
        expect((await take(watch, wanted.length - i)).map(shown)).toEqual(wanted.slice(i))
        await watch.close()
      }
    })

    test('goes on after what was about other keys', async () => {
      const store = await madeStore()
      const watch = await watching(store, { key: 'mine', resumable: true })
      const other = await watching(store)
      await store.put('mine', '1')
      await take(watch, 1)
      const { position } = watch
      const pending = take(watch, 1)
      await store.put('other', '1')
      await take(other, 2)
      // Not to a certain one: others may write to the same engine.
      while (watch.position === position) await new Promise(setImmediate)
      await store.put('mine', '2')
      expect((await pending).map(shown)).toEqual(['put mine=2'])
    })

    test('from the beginning reports what is there as puts, and goes on', async () => {
      const store = await madeStore()
      await fill(
        store,
        Array.from({ length: 2500 }, (_, i) => ({ key: text(`k${String(i).padStart(4, '0')}`), value: text(`${i}`) })),
      )
      await store.del('k0000')
      await store.put('other', '1')
      const watch = await watching(store, { after: '0', prefix: 'k' })
      const changes = await take(watch, 1)
      await store.del('k0001')
      changes.push(...(await take(watch, 2500 - changes.length)))
      expect(changes.slice(0, 2499).map(shown)).toEqual(
        Array.from({ length: 2499 }, (_, i) => `put k${String(i + 1).padStart(4, '0')}=${i + 1}`),
      )
      expect(changes.slice(2499).map(shown)).toEqual(['del k0001'])
    })

    test('from the beginning can be resumed once all that was there has come, and misses no delete', async () => {
      const store = await madeStore()
      await store.batch(['a', 'b', 'c'].map((key) => ({ type: 'put', key, value: '1' })))
      const first = await watching(store, { after: '0', resumable: true })
      expect(first.position).toBe('0')
      const changes = await take(first, 3)
      const { position } = first
      expect(position).not.toBe('0')
      expect(changes[2]!.position).toBe(position)
      await first.close()
      await store.del('a')
      const second = await watching(store, { after: position, resumable: true })
      expect((await take(second, 1)).map(shown)).toEqual(['del a'])
      await second.close()
      // Nor in a store, or a range, where nothing was there.
      const none = await watching(store, { after: '0', prefix: 'none', resumable: true })
      const next = take(none, 1)
      while (none.position === '0') await new Promise(setImmediate)
      const empty = none.position
      await store.put('none', '1')
      expect((await next).map(shown)).toEqual(['put none=1'])
      const again = await watching(store, { after: empty, prefix: 'none', resumable: true })
      expect((await take(again, 1)).map(shown)).toEqual(['put none=1'])
    })

    test('is refused after a part of what was there', async () => {
      const store = await madeStore()
      await fill(
        store,
        Array.from({ length: 2500 }, (_, i) => ({ key: text(`k${i}`), value: text('v'.repeat(1000)) })),
      )
      const watch = await watching(store, { after: '0', resumable: true })
      const [first] = await take(watch, 1)
      expect(watch.position).toBe(first!.position)
      expect(await failureCode(() => store.watch({ after: first!.position }))).toBe('KV_WATCH_GAP')
    })
  })

  test('in a store that is not there yet, everything that appears is a put', async () => {
    const store = await kit.store()
    const watch = await watching(store, { prefix: 'k' })
    await store.batch(['k1', 'k2', 'other'].map((key) => ({ type: 'put', key, value: '1' })))
    expect((await take(watch, 2)).map(shown)).toEqual(['put k1=1', 'put k2=1'])
    await store.del('k1')
    expect((await take(watch, 1)).map(shown)).toEqual(['del k1'])
  })

  test.skipIf(!kit.shared)('writes through another handle are seen', async () => {
    const place = await kit.newPlace()
    const [one, other] = [await kit.store({ place }), await kit.store({ place })]
    await one.put('a', '')
    const watch = await watching(one)
    for (let i = 0; i < 5; i++) {
      await other.put('a', `${i}`)
      expect((await take(watch, 1)).map(shown)).toEqual([`put a=${i}`])
    }
  })

  test.skipIf(!kit.ownClock)('an entry that expires is a delete', async () => {
    const clock = stoppedClock()
    const store = await madeStore({ clock: clock.now })
    await store.put('early', '1', { expires: clock.time + 5 })
    const watch = await watching(store)
    await store.put('late', '2', { expires: clock.time + 10 })
    const { revision: before } = await store.put('stays', '3')
    clock.time += 5
    expect((await take(watch, 3)).map(shown)).toEqual(['put late=2', 'put stays=3', 'del early'])
    clock.time += 5
    expect((await take(watch, 1)).map(shown)).toEqual(['del late'])
    const { revision } = await store.stat()
    expect(revision).toBe(before)
  })

  describe('an end', () => {
    test('by a signal is KV_INTERRUPTED, while it waits and before', async () => {
      const store = await madeStore()
      const stop = new AbortController()
      const watch = await watching(store, { signal: stop.signal })
      const next = failureCode(() => take(watch, 1))
      stop.abort()
      expect(await next).toBe('KV_INTERRUPTED')
      expect(await failureCode(() => store.watch({ signal: stop.signal }))).toBe('KV_INTERRUPTED')
      const other = new AbortController()
      const idle = await watching(store, { signal: other.signal })
      other.abort()
      expect(await failureCode(() => take(idle, 1))).toBe('KV_INTERRUPTED')
    })

    test('by close() of the store is KV_CLOSED', async () => {
      const store = await madeStore()
      await store.put('a', '1')
      const waiting = await store.watch()
      const idle = await store.watch()
      const next = failureCode(() => take(waiting, 1))
      await store.close()
      expect(await next).toBe('KV_CLOSED')
      expect(await failureCode(() => take(idle, 1))).toBe('KV_CLOSED')
    })

    test('by close() of the watch is the end of the loop, also for who waits', async () => {
      const store = await madeStore()
      const watch = await watching(store)
      const pages = watch.pages()[Symbol.asyncIterator]()
      const next = pages.next()
      await watch.close()
      expect(await next).toEqual({ done: true, value: undefined })
      expect(await pages.next()).toEqual({ done: true, value: undefined })
      await watch.close()
    })

    test('leaves others as they are', async () => {
      const store = await madeStore()
      const [one, other] = [await watching(store), await watching(store)]
      await one.close()
      await store.put('a', '1')
      expect((await take(other, 1)).map(shown)).toEqual(['put a=1'])
    })
  })

  test('changes, played back on what was there, give what is there', { timeout: 60_000 }, async () => {
    const key = fc.constantFrom('a', 'b', 'ba', 'c')
    const put = fc.record({ type: fc.constant('put' as const), key, value: fc.string({ maxLength: 5 }) })
    const del = fc.record({ type: fc.constant('del' as const), key })
    const step = fc.oneof(
      fc.record({ do: fc.constant('batch' as const), ops: fc.array(fc.oneof(put, del), { maxLength: 6 }) }),
      fc.record({
        do: fc.constant('together' as const),
        ops: fc.array(fc.oneof(put, del), { minLength: 2, maxLength: 4 }),
      }),
      fc.record({ do: fc.constant('range' as const), prefix: key }),
      fc.record({ do: fc.constant('absent' as const), key }),
    )
    const store = await madeStore()
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
        const state = new Map((await entries(store)).map((entry) => [toText(entry.key), shownValue(entry)]))
        const watch = await store.watch()
        for (const one of steps) {
          if (one.do === 'batch') await store.batch(one.ops)
          else if (one.do === 'range') await store.delRange({ prefix: one.prefix, all: true })
          else if (one.do === 'absent') await store.put(one.key, 'new', { condition: { type: 'absent' } })
          else
            await Promise.all(
              one.ops.map((op) => (op.type === 'put' ? store.put(op.key, op.value) : store.del(op.key))),
            )
        }
        await store.put(END, `${Math.random()}`)
        for (const change of await takeUntil(watch, END)) {
          if (change.type === 'put') state.set(toText(change.key), shownValue(change))
          else expect(state.delete(toText(change.key)), shown(change)).toBe(true)
        }
        await watch.close()
        const now = new Map((await entries(store)).map((entry) => [toText(entry.key), shownValue(entry)]))
        now.delete(END)
        state.delete(END)
        expect(state).toEqual(now)
      }),
      { numRuns: 40 },
    )
  })
}

function shownValue({ value, revision }: { value: Uint8Array; revision: number }): string {
  return `${toText(value)}@${revision}`
}
