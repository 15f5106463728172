import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MemoryDriver } from '../../src/drivers/memory/driver.ts'
import { keyGroups } from '../../src/completion/key-groups.ts'
import { PrefixCounter, oneOrMore } from '../../src/completion/prefix-counter.ts'
import type { Driver, RangeQuery } from '../../src/store/driver/driver.ts'
import type { Entry } from '../../src/store/driver/entry.ts'
import { Store } from '../../src/store/store.ts'

/** A store that is elsewhere: everything that is asked in one turn is answered together, a round later. */
class Elsewhere {
  rounds = 0
  requests = 0
  readonly store: Store
  #asked: (() => void)[] = []

  constructor(driver: MemoryDriver) {
    const range = (query: RangeQuery): AsyncIterable<Entry[]> => this.#later(driver.range(query))
    const count = async (query: RangeQuery): Promise<number> => {
      await this.#round()
      return driver.count(query)
    }
    const remote = new Proxy<Driver>(driver, {
      get: (target, name) =>
        name === 'range'
          ? range
          : name === 'count'
            ? count
            : name === 'supports'
              ? { ...driver.supports, syncReads: false, remote: true }
              : Reflect.get(target, name),
    })
    this.store = new Store('elsewhere', remote)
  }

  async *#later(pages: AsyncIterable<Entry[]>): AsyncGenerator<Entry[]> {
    await this.#round()
    yield* pages
  }

  #round(): Promise<void> {
    this.requests++
    if (this.#asked.length === 0) {
      setImmediate(() => {
        this.rounds++
        for (const answer of this.#asked.splice(0)) answer()
      })
    }
    return new Promise((resolve) => this.#asked.push(resolve))
  }
}

async function filled(keys: Iterable<string>): Promise<MemoryDriver> {
  const driver = new MemoryDriver()
  const store = new Store('memory', driver)
  for (const key of keys) await store.put(key, '')
  return driver
}

const groupsOf = (store: Store, start: string): Promise<unknown> => keyGroups(store, new PrefixCounter(), start)

test('keys of a store that is elsewhere are grouped as those of a file', async () => {
  const key = fc
    .array(fc.constantFrom('a', 'b', 'k', 'z', ':', '/', '.', '0', 'é', '👍', '{', '\u0001'), {
      minLength: 1,
      maxLength: 6,
    })
    .map((parts) => parts.join(''))
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(key, { maxLength: 400 }),
      fc.constantFrom('', 'a', 'k:', 'é'),
      async (keys, start) => {
        const driver = await filled(keys)
        expect(await groupsOf(new Elsewhere(driver).store, start)).toEqual(
          await groupsOf(new Store('memory', driver), start),
        )
      },
    ),
    { numRuns: 60 },
  )
})

test('Tab on a store that is elsewhere takes few rounds, however many groups and keys there are', async () => {
  const names = Array.from({ length: 20_000 }, (_, i) => ((i * 7919) % 20_000).toString(36).padStart(3, '0'))
  const driver = await filled([
    ...names.map((name) => `npm:${name}`),
    ...names.slice(0, 9000).map((name) => `npm:@${name.slice(0, 2)}/${name}`),
    'other',
  ])
  for (const [start, most] of [
    ['npm:', 12],
    ['npm:@', 12],
    ['npm:a', 12],
    ['o', 1],
  ] as const) {
    const elsewhere = new Elsewhere(driver)
    expect(await groupsOf(elsewhere.store, start)).toEqual(await groupsOf(new Store('memory', driver), start))
    const { rounds, requests } = elsewhere
    const isCheap = rounds <= most && requests <= 100
    expect([start, isCheap, rounds, requests]).toEqual([start, true, expect.any(Number), expect.any(Number)])
  }
})

test.for([
  ['keys of their own', (i: number) => `k${String(i).padStart(5, '0')}`],
  ['keys in groups', (i: number) => `k${i % 50}:${i}`],
] as const)('Tab on a store of this machine asks little, however many keys there are: %s', async ([, keyOf]) => {
  const driver = await filled(Array.from({ length: 5000 }, (_, i) => keyOf(i)))
  let asked = 0
  const counted = new Proxy<Driver>(driver, {
    get: (target, name) => {
      if (name === 'range') asked++
      const member: unknown = Reflect.get(target, name)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
  const { groups } = await keyGroups(new Store('counted', counted), oneOrMore, 'k')
  expect(groups.length).toBeGreaterThan(4)
  expect(asked).toBeLessThanOrEqual(60)
})
