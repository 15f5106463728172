import { expect, test } from 'vitest'
import { KvError } from '../../src/index.ts'
import type { Block } from '../../src/blocks/block.ts'
import { blockKey } from '../../src/blocks/block.ts'
import { type CollectRule, type StreamTarget, loadStream } from '../../src/store/stream/load-stream.ts'
import { block } from '../conformance/suite.ts'
import { toText } from '../helpers/bytes.ts'
import { failure } from '../helpers/store.ts'

/** Blocks of three entries and more come quickly. */
const RULE: CollectRule = { bytes: 0, entries: 3, ms: 60_000 }

const keysOf = (from: Block): string => Array.from({ length: from.count }, (_, i) => toText(blockKey(from, i))).join('')

/** A target that notes what it is asked for: blocks as their keys, `+` before those that are put aside, for `room` of which there is space. */
function target({ isOld = false, room = Infinity } = {}): StreamTarget & { readonly seen: string[] } {
  const seen: string[] = []
  let aside = 0
  return {
    seen,
    load: async (given) => seen.push(keysOf(given)),
    loadAll: async (all) => {
      for await (const given of all) seen.push(`all ${keysOf(given)}`)
      return 1
    },
    longLoad: async ({ loadedBytes }) =>
      isOld && loadedBytes < 10
        ? undefined
        : {
            add: (given) => {
              seen.push(`+${keysOf(given)}`)
              aside++
            },
            get isFull() {
              return aside >= room
            },
            store: async () => {
              aside = 0
              return seen.push('store')
            },
            drop: () => void seen.push('drop'),
          },
    revision: async () => 7,
  }
}

const letters = (keys: string): Block => block([...keys].map((key) => [key, 'v'] as const))

test.for<[string, { isOld?: boolean; room?: number }, string[], string[]]>([
  ['nothing', {}, [], []],
  ['few entries', {}, ['ab'], ['ab']],
  ['few at a time', {}, ['ab', 'a', 'b'], ['ab', 'a', 'b']],
  ['one block that is full', {}, ['abc'], ['+abc', 'store']],
  ['full blocks', {}, ['abc', 'abd', 'aef'], ['+abc', '+abd', '+aef', 'store']],
  ['and what is left at the end', {}, ['abc', 'abd', 'c'], ['+abc', '+abd', '+c', 'store']],
  ['blocks in key order', {}, ['abc', 'def', 'ghi'], ['+abc', 'store', 'def', 'ghi']],
  [
    'blocks in key order for a while',
    {},
    ['abc', 'def', 'abc', 'def'],
    ['+abc', 'store', 'def', '+abc', '+def', 'store'],
  ],
  ['few after many', {}, ['abc', 'abd', 'c', 'd', 'e'], ['+abc', '+abd', '+c', '+d', 'store', 'e']],
  ['many after few', {}, ['a', 'b', 'abc', 'abd'], ['a', 'b', '+abc', '+abd', 'store']],
  ['many, few, and many', {}, ['abc', 'abc', 'c', 'abc', 'd'], ['+abc', '+abc', '+c', '+abc', '+d', 'store']],
  [
    'more than there is room for',
    { room: 2 },
    ['abc', 'abd', 'abe', 'a'],
    ['+abc', '+abd', 'store', '+abe', '+a', 'store'],
  ],
  ['a pause', {}, ['abc', 'abd', '', 'a'], ['+abc', '+abd', 'store', 'a']],
  ['a pause of a few', {}, ['a', '', 'b', ''], ['a', 'b']],
  ['a target that has enough to begin with', { isOld: true }, ['bcd', 'abc', 'abc'], ['bcd', 'abc', '+abc', 'store']],
])('%s', async ([, options, blocks, seen]) => {
  const to = target(options)
  await loadStream(to, blocks.map(letters), {}, RULE)
  expect(to.seen).toEqual(seen)
})

test('blocks that never end are stored when it is time', async () => {
  const to = target()
  await loadStream(to, ['abc', 'abd'].map(letters), {}, { ...RULE, ms: 0 })
  expect(to.seen).toEqual(['+abc', 'store', '+abd', 'store'])
})

test('without blocks it settles to the newest revision', async () => {
  expect(await loadStream(target(), [], {})).toBe(7)
})

test('a target without long loads gets each block', async () => {
  const { longLoad: _, ...to } = target()
  await loadStream({ ...to, longLoad: undefined }, ['abc', 'abc'].map(letters), {}, RULE)
  expect(to.seen).toEqual(['abc', 'abc'])
})

test('with atomic all blocks are put aside, and stored at once', async () => {
  const to = target()
  await loadStream(to, ['a', 'b', 'cde', 'a'].map(letters), { atomic: true }, RULE)
  expect(to.seen).toEqual(['+a', '+b', '+cde', '+a', 'store'])
  const other = target()
  await loadStream({ ...other, longLoad: undefined }, ['a', 'b'].map(letters), { atomic: true }, RULE)
  expect(other.seen).toEqual(['all a', 'all b'])
})

test('with atomic nothing is stored when the source fails', async () => {
  const to = target()
  const blocks = async function* () {
    yield letters('abc')
    throw new KvError('KV_INVALID_INPUT', 'a bad record')
  }
  expect(await failure(() => loadStream(to, blocks(), { atomic: true }, RULE))).toMatchObject({
    message: 'a bad record',
  })
  expect(to.seen).toEqual(['+abc', 'drop'])
})

test('it says what is put aside, and when it is stored', async () => {
  const told: unknown[] = []
  const to = target()
  const longLoad: StreamTarget['longLoad'] = async (options) => ({
    ...(await to.longLoad!(options))!,
    store: async ({ onWritten } = {}) => {
      onWritten?.(4)
      return 1
    },
  })
  await loadStream({ ...to, longLoad }, ['abc', 'abd'].map(letters), { onCollected: (it) => told.push(it) }, RULE)
  expect(told).toEqual([{ entries: 3, written: 0 }, { entries: 6, written: 0 }, { entries: 6, written: 4 }, undefined])
})

test('when the source fails, what came before is stored', async () => {
  const to = target()
  const blocks = async function* () {
    yield letters('abc')
    yield letters('abd')
    throw new KvError('KV_INVALID_INPUT', 'a bad record')
  }
  expect(await failure(() => loadStream(to, blocks(), {}, RULE))).toMatchObject({ message: 'a bad record' })
  expect(to.seen).toEqual(['+abc', '+abd', 'store'])
})

test('when it fails because the load is interrupted, what is put aside is dropped', async () => {
  const to = target()
  const stop = new AbortController()
  const blocks = async function* () {
    yield letters('b')
    yield letters('abc')
    stop.abort()
    throw new KvError('KV_INTERRUPTED', 'interrupted')
  }
  expect(await failure(() => loadStream(to, blocks(), { signal: stop.signal }, RULE))).toMatchObject({
    code: 'KV_INTERRUPTED',
  })
  expect(to.seen).toEqual(['b', '+abc', 'drop'])
})

test('when a block cannot be put aside, the source is ended', async () => {
  const to = target()
  let isEnded = false
  const blocks = async function* () {
    try {
      yield letters('abc')
      yield letters('abd')
    } finally {
      isEnded = true
    }
  }
  const longLoad: StreamTarget['longLoad'] = async (options) => ({
    ...(await to.longLoad!(options))!,
    add: () => {
      throw new KvError('KV_DISK_FULL', 'full')
    },
  })
  expect(await failure(() => loadStream({ ...to, longLoad }, blocks(), {}, RULE))).toMatchObject({ message: 'full' })
  expect(to.seen).toEqual(['drop'])
  expect(isEnded).toBe(true)
})
