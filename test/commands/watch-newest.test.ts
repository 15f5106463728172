import { expect, test } from 'vitest'
import { utf8 } from '../../src/bytes.ts'
import { newestOfEach } from '../../src/commands/watch/newest.ts'
import type { Change } from '../../src/store/driver/entry.ts'

function put(key: string, at: number): Change {
  return { type: 'put', key: utf8(key), value: utf8(''), revision: at, expires: undefined, position: `log-${at}` }
}

/** Pages that end at the latest when they are told to. */
function pagesOf(pages: Change[][]): { pages: AsyncIterable<Change[]>; end: () => void; state: { ended: boolean } } {
  const state = { ended: false }
  let end = (): void => {}
  const told = new Promise<void>((resolve) => (end = resolve))
  const all = async function* (): AsyncGenerator<Change[], void, void> {
    yield* pages
    await told
    state.ended = true
  }
  return { pages: all(), end, state }
}

test('of the changes of a key that wait only the newest is handed out, in the order of the positions', async () => {
  const { pages, end, state } = pagesOf([[put('a', 1), put('b', 2)], [put('a', 3)], [put('c', 4), put('a', 5)]])
  const seen: string[] = []
  for await (const { position } of newestOfEach(pages, end)) {
    seen.push(position)
    // All that can be read is read while one is worked on.
    await new Promise(setImmediate)
    if (position === 'log-5') break
  }
  expect(seen).toEqual(['log-1', 'log-2', 'log-4', 'log-5'])
  expect(state.ended).toBe(true)
})

test('what ends the watch is thrown when all that came before it was handed out', async () => {
  const failing = async function* (): AsyncGenerator<Change[], void, void> {
    yield [put('a', 1)]
    throw new Error('gap')
  }
  const newest = newestOfEach(failing(), () => {})
  expect((await newest.next()).value).toMatchObject({ position: 'log-1' })
  await expect(newest.next()).rejects.toThrow('gap')
})
