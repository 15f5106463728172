import { describe, expect, test } from 'vitest'
import type { Store } from '../../src/index.ts'
import { BlockBuilder } from '../../src/blocks/block-builder.ts'
import { entries } from '../helpers/store.ts'
import { shown, takeUntil, watching } from '../helpers/watch.ts'
import { toText } from '../helpers/bytes.ts'
import { type Kit, stoppedClock } from './suite.ts'

const NOW = Date.UTC(2030, 0, 1)

/** A store that was made with `maxEntries`: who has to go. */
export function bound(kit: Kit): void {
  const bounded = (maxEntries: number): Promise<Store> => kit.store({ maxEntries })
  const keysOf = async (store: Store): Promise<string> => (await entries(store)).map(({ key }) => toText(key)).join(' ')
  const put = async (store: Store, keys: string): Promise<void> => {
    for (const key of keys.split(' ')) await store.put(key, key)
  }

  const cases: [what: string, steps: (store: Store) => Promise<unknown>, left: string][] = [
    ['up to it all stay', (store) => put(store, 'a b c'), 'a b c'],
    ['beyond it the oldest go', (store) => put(store, 'd e a b c'), 'a b c'],
    ['a put of a key that is there makes it new, and nobody goes', (store) => put(store, 'a b c a'), 'a b c'],
    ['and then another is the oldest', (store) => put(store, 'a b c a d'), 'a c d'],
    [
      'a delete makes room',
      async (store) => {
        await put(store, 'a b c')
        await store.del('b')
        await put(store, 'd')
      },
      'a c d',
    ],
    [
      'so does the delete of a range',
      async (store) => {
        await put(store, 'a b c')
        await store.delRange({ lte: 'b' })
        await put(store, 'd e')
      },
      'c d e',
    ],
    [
      'and of everything',
      async (store) => {
        await put(store, 'a b c')
        await store.delRange({ all: true })
        await put(store, 'd e f')
      },
      'd e f',
    ],
    [
      'of a batch of more the last stay',
      (store) => store.batch([...'zyxabc'].map((key) => ({ type: 'put', key, value: '' }))),
      'a b c',
    ],
    [
      'of a load the last of the input stay, whatever its order',
      (store) => store.load([inputBlock('q m t'), inputBlock('x d b z a k')]),
      'a k z',
    ],
    [
      'and what was there before is no older for that',
      async (store) => {
        await put(store, 'y b')
        await store.load([inputBlock('x d z a b y')])
      },
      'a b y',
    ],
    [
      'also of a large batch',
      async (store) => {
        await put(store, 'a b')
        const keys = [...Array.from({ length: 50 }, (_, i) => `k${i}`), 'b', 'z', 'a']
        await store.batch(keys.map((key) => ({ type: 'put', key, value: '' })))
      },
      'a b z',
    ],
    [
      'and of a large load',
      async (store) => {
        await put(store, 'a b')
        await store.load([inputBlock([...Array.from({ length: 50 }, (_, i) => `k${i}`), 'b', 'z', 'a'].join(' '))])
      },
      'a b z',
    ],
    [
      'also where only what is not there is put',
      async (store) => {
        await put(store, 'd')
        await store.load([inputBlock('x d b z a k')], { ifAbsent: true })
      },
      'a k z',
    ],
    [
      'a load that is larger than what is made in one statement',
      (store) =>
        store.load([
          inputBlock(Array.from({ length: 5000 }, (_, i) => `k${(i * 7919) % 5000}`).join(' ')),
          inputBlock('b c'),
        ]),
      `b c k${(4999 * 7919) % 5000}`,
    ],
  ]
  test.each(cases)('%s', async (_, steps, left) => {
    const store = await bounded(3)
    await steps(store)
    expect(await keysOf(store)).toBe(left)
    expect(await store.count()).toBe(3)
    expect(await store.check()).toMatchObject({ damagedKeys: [], problems: [] })
    expect((await store.stat()).details).toMatchObject({ max_entries: 3 })
  })

  test('a condition that does not hold has nobody go', async () => {
    const store = await bounded(2)
    await put(store, 'a b')
    expect(await store.put('b', '', { condition: { type: 'absent' } })).toMatchObject({ applied: false })
    expect(await keysOf(store)).toBe('a b')
  })

  test('how many had to go is counted', async () => {
    const store = await bounded(2)
    await put(store, 'a b c d')
    await store.del('d')
    expect((await store.stat()).details).toMatchObject({ max_entries: 2, evicted: 2 })
  })

  test('who had to go is reported to a watch as deleted', async () => {
    const store = await bounded(2)
    await put(store, 'a b')
    const watch = await watching(store)
    await put(store, 'c END')
    expect((await takeUntil(watch, 'END')).map(shown).filter((change) => !change.includes('b'))).toEqual([
      'put c=c',
      'del a',
    ])
  })

  describe.skipIf(!kit.ownClock)('expiry', () => {
    test('what has expired goes before what is older', async () => {
      const clock = stoppedClock(NOW)
      const store = await kit.store({ maxEntries: 3, clock: clock.now })
      await put(store, 'a b')
      await store.put('c', '', { expires: NOW + 10 })
      clock.time += 10
      await put(store, 'd')
      expect(await keysOf(store)).toBe('a b d')
      expect((await store.stat()).details).toMatchObject({ evicted: 0 })
    })
  })
}

/** A block of puts in key order, which came in the order of `keys`. */
function inputBlock(keys: string): ReturnType<BlockBuilder['finish']> {
  const words = keys.split(' ')
  const builder = new BlockBuilder(Buffer.from(words.join('')))
  let at = 0
  for (const { length } of words) {
    builder.add(at, length, at, length)
    at += length
  }
  return builder.finish()
}
