import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Store, UsageOptions } from '../../src/index.ts'
import { hex, noise, text, toHex } from '../helpers/bytes.ts'
import { failureCode } from '../helpers/store.ts'
import { type Kit, fill, stoppedClock } from './suite.ts'

/** An item as a line: `user: 2 keys 10 bytes`. */
type Line = string

const HOUR = 3_600_000

/** What a store says of its usage. */
async function usage(store: Store, options: UsageOptions = {}): Promise<Line[]> {
  const lines: Line[] = []
  let last = ''
  for await (const page of store.usage(options)) {
    expect(page.length).toBeGreaterThan(0)
    for (const { type, name, keys, bytes } of page) {
      last = type
      const shown = type === 'total' ? `total of ${JSON.stringify(latin1(name))}` : `${type} ${latin1(name)}`
      lines.push(type === 'key' ? `${shown} ${bytes}` : `${shown} ${keys} ${bytes}`)
    }
  }
  expect(last).toBe('total')
  return lines
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1')
}

/** The same of a list of keys with their bytes, in their order, in plain code. Keys are in Latin-1: a byte a character. */
function expected(all: readonly (readonly [key: string, bytes: number])[], options: Asked): Line[] {
  const { prefix = '', delimiters, depth, keys, top } = options
  const items: { type: string; name: string; keys: number; bytes: number }[] = []
  const walk = (start: string, level: number, inside: readonly (readonly [string, number])[]): void => {
    const folders = new Map<string, (readonly [string, number])[]>()
    for (const entry of inside) {
      const rest = entry[0].slice(start.length)
      let length = 0
      while (length < rest.length && !delimiters.some((each) => rest.startsWith(each, length))) length++
      const found = delimiters.find((each) => rest.startsWith(each, length))
      const name = found === undefined || level === depth ? undefined : start + rest.slice(0, length) + found
      const own = name === undefined ? `key ${entry[0]}` : name
      const entries = folders.get(own)
      if (entries === undefined) folders.set(own, [entry])
      else entries.push(entry)
    }
    for (const [name, entries] of folders) {
      const bytes = entries.reduce((sum, [, each]) => sum + each, 0)
      if (name.startsWith('key ')) {
        if (level === 0 && keys) items.push({ type: 'key', name: name.slice(4), keys: 1, bytes })
      } else {
        walk(name, level + 1, entries)
        items.push({ type: 'folder', name, keys: entries.length, bytes })
      }
    }
  }
  const inside = all.filter(([key]) => key.startsWith(prefix))
  walk(prefix, 0, inside)
  if (top !== undefined) items.sort((a, b) => b.bytes - a.bytes || (a.name < b.name ? -1 : 1)).splice(top)
  const total = inside.reduce((sum, [, bytes]) => sum + bytes, 0)
  return [
    ...items.map(
      ({ type, name, keys: count, bytes }) => `${type} ${name}${type === 'key' ? '' : ` ${count}`} ${bytes}`,
    ),
    `total of ${JSON.stringify(prefix)} ${inside.length} ${total}`,
  ]
}

interface Asked {
  readonly prefix?: string
  readonly delimiters: readonly string[]
  readonly depth: number
  readonly keys: boolean
  readonly top: number | undefined
}

/** Few bytes, so that folders come up in and beside each other: also the first, the last, and what is no text. */
const BYTES = ['a', 'b', ':', ':', '/', '\u0000', '\u00ff', '\u00c3']

const KEY = fc.string({ unit: fc.constantFrom(...BYTES), minLength: 1, maxLength: 7 })

const ASKED: fc.Arbitrary<Asked> = fc.record({
  prefix: fc.string({ unit: fc.constantFrom(...BYTES), maxLength: 2 }),
  delimiters: fc.constantFrom<readonly string[]>([':', '/'], [':'], ['::'], ['a:'], ['\u00ff'], ['a/b']),
  depth: fc.integer({ min: 0, max: 8 }),
  keys: fc.boolean(),
  top: fc.option(fc.integer({ min: 0, max: 5 }), { nil: undefined }),
})

/** How many keys there are and how many bytes they take, folder by folder. */
export function usageCases(kit: Kit): void {
  const filled = async (...keys: readonly string[]): Promise<Store> => {
    const store = await kit.store()
    await fill(
      store,
      keys.map((key) => ({ key: text(key), value: text('12345') })),
    )
    return store
  }

  test('an empty store has a total of nothing', async () => {
    const store = await kit.store()
    expect(await usage(store)).toEqual(['total of "" 0 0'])
    expect(await usage(store, { prefix: 'a', depth: 3, top: 2 })).toEqual(['total of "a" 0 0'])
  })

  test('folders end with : or /, whichever comes first', async () => {
    const store = await filled('a', 'a/b:c', 'a:b/c', 'a:b/d', 'b')
    expect(await usage(store)).toEqual(['key a 6', 'folder a/ 1 10', 'folder a: 2 20', 'key b 6', 'total of "" 5 42'])
    expect(await usage(store, { delimiter: ':' })).toEqual([
      'key a 6',
      'folder a/b: 1 10',
      'folder a: 2 20',
      'key b 6',
      'total of "" 5 42',
    ])
  })

  test('a delimiter may end a key, begin it, and follow another', async () => {
    const store = await filled(':', ':a', 'a:', 'a::', 'a::b', 'a:b')
    expect(await usage(store)).toEqual(['folder : 2 13', 'folder a: 4 32', 'total of "" 6 45'])
    expect(await usage(store, { prefix: 'a:' })).toEqual([
      'key a: 7',
      'folder a:: 2 17',
      'key a:b 8',
      'total of "a:" 4 32',
    ])
    expect(await usage(store, { depth: 2 })).toEqual([
      'folder : 2 13',
      'folder a:: 2 17',
      'folder a: 4 32',
      'total of "" 6 45',
    ])
  })

  test('a folder comes after those within it, and keys by themselves only outside of folders', async () => {
    const store = await filled('a:b:c', 'a:b:d', 'a:e', 'f')
    expect(await usage(store, { depth: 2 })).toEqual([
      'folder a:b: 2 20',
      'folder a: 3 28',
      'key f 6',
      'total of "" 4 34',
    ])
    expect(await usage(store, { depth: 2, keys: false })).toEqual([
      'folder a:b: 2 20',
      'folder a: 3 28',
      'total of "" 4 34',
    ])
    expect(await usage(store, { depth: 0, keys: false })).toEqual(['total of "" 4 34'])
  })

  test('the biggest come first, of equal ones the first in key order, and of all keys the total', async () => {
    const store = await filled('a:1', 'a:2', 'b:1', 'c:1')
    await store.put('b:2', new Uint8Array(20_000))
    expect(await usage(store, { top: 2 })).toEqual(['folder b: 2 20011', 'folder a: 2 16', 'total of "" 5 20035'])
    expect(await usage(store, { depth: 0, top: 2 })).toEqual(['key b:2 20003', 'key a:1 8', 'total of "" 5 20035'])
    expect(await usage(store, { top: 0 })).toEqual(['total of "" 5 20035'])
  })

  test('is the same as plain code makes it', async () => {
    const store = await kit.store()
    const run = async (keys: readonly string[], asked: readonly Asked[]): Promise<void> => {
      await store.delRange({ all: true })
      const sorted = [...new Set(keys)].map((key) => Buffer.from(key, 'latin1')).sort(Buffer.compare)
      const sizes = sorted.map((key, i) => ({ key, value: noise(i % 9) }))
      await fill(store, sizes)
      const all = sizes.map(({ key, value }) => [key.toString('latin1'), key.length + value.length] as const)
      for (const each of asked) {
        const { prefix = '', delimiters, depth, keys: isByKey, top } = each
        const options: UsageOptions = { prefix: hex(toHex(Buffer.from(prefix, 'latin1'))), depth, keys: isByKey, top }
        if (delimiters.length === 1) options.delimiter = Buffer.from(delimiters[0]!, 'latin1')
        expect(await usage(store, options)).toEqual(expected(all, each))
      }
    }
    await fc.assert(
      fc.asyncProperty(fc.array(KEY, { maxLength: 30 }), fc.array(ASKED, { minLength: 4, maxLength: 4 }), run),
      { numRuns: 25 },
    )
  })

  test('thousands of keys, in large folders and in small ones, come to the same', async () => {
    const store = await kit.store()
    const names = [
      ...Array.from({ length: 4500 }, (_, i) => `large:${String(i).padStart(5, '0')}`),
      ...Array.from(
        { length: 4500 },
        (_, i) => `mid:${String(Math.floor(i / 90)).padStart(2, '0')}:${String(i).padStart(4, '0')}`,
      ),
      'mid:5',
      ...Array.from({ length: 4500 }, (_, i) => `small:${String(i).padStart(5, '0')}:x`),
      ...Array.from({ length: 100 }, (_, i) => `z${String(i).padStart(5, '0')}`),
    ]
    await fill(
      store,
      names.map((key) => ({ key: text(key), value: text('1') })),
    )
    const all = names.map((key) => [key, key.length + 1] as const)
    const delimiters = [':', '/']
    for (const asked of [
      { depth: 1, keys: true },
      { depth: 0, keys: false },
      { depth: 0, keys: true },
      { depth: 0, keys: true, top: 3 },
      { depth: 2, keys: false },
      { depth: 2, keys: false, top: 5 },
      { depth: 9, keys: true, prefix: 'small:' },
    ])
      expect(await usage(store, asked)).toEqual(expected(all, { top: undefined, ...asked, delimiters }))
  })

  test('says how far it is, and stops when it is aborted', async () => {
    const store = await kit.store()
    await fill(
      store,
      Array.from({ length: 9000 }, (_, i) => ({ key: text(`k${i}`), value: text('') })),
    )
    const counted: number[] = []
    await usage(store, { onProgress: (keys) => counted.push(keys) })
    for (const [i, count] of counted.entries()) expect(count).toBeGreaterThanOrEqual(counted[i - 1] ?? 0)
    const before = AbortSignal.abort()
    expect(await failureCode(() => usage(store, { signal: before }))).toBe('KV_INTERRUPTED')
    // A server that is quick says nothing meanwhile.
    if (counted.length > 0) {
      const stop = new AbortController()
      let calls = 0
      const onProgress = (): void => {
        calls++
        stop.abort()
      }
      expect(await failureCode(() => usage(store, { onProgress, signal: stop.signal }))).toBe('KV_INTERRUPTED')
      expect(calls).toBe(1)
    }
    expect(await store.count()).toBe(9000)
  })

  describe.skipIf(!kit.ownClock)('with a clock', () => {
    test('what has expired does not count', async () => {
      const clock = stoppedClock()
      const store = await kit.store({ clock: clock.now })
      for (const key of ['a:1', 'a:2', 'b:1', 'c']) await store.put(key, '1', { ttl: key === 'a:1' ? 2 * HOUR : HOUR })
      await store.put('d', '1')
      clock.time += HOUR
      expect(await usage(store)).toEqual(['folder a: 1 4', 'key d 2', 'total of "" 2 6'])
      expect(await usage(store, { depth: 0, top: 1 })).toEqual(['key a:1 4', 'total of "" 2 6'])
      expect(await usage(store, { depth: 0, keys: false })).toEqual(['total of "" 2 6'])
    })
  })
}
