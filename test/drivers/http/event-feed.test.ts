import { expect, test } from 'vitest'
import { Hold } from '../../../src/drivers/http/hold.ts'
import { EventFeed } from '../../../src/drivers/http/watch.ts'
import { failure } from '../../helpers/store.ts'
import { shown } from '../../helpers/watch.ts'

const READY = 'event: ready\nid: log-0\ndata: {}\n\n'
const put = (key: string, at: number): string => `event: put\nid: log-${at}\ndata: {"key":"${key}","value":""}\n\n`

/** A feed over connections, each of which brings the chunks for the position it asks for, and then ends. */
function given(answer: (after: string | undefined) => readonly string[]): EventFeed {
  const connect = async (after: string | undefined): Promise<AsyncGenerator<Buffer, void, void>> =>
    (async function* () {
      for (const chunk of answer(after)) yield Buffer.from(chunk)
    })()
  return new EventFeed(connect, new Hold(), undefined)
}

const pulled = async (feed: EventFeed): Promise<string[]> => (await feed.pull()).map(shown)

test.for<[string, string[]]>([
  ['in a chunk of their own', [READY, put('a', 1)]],
  ['with the event that the watch stands', [READY + put('a', 1)]],
  ['cut anywhere', [...(READY + put('a', 1))]],
])('changes come %s', async ([, chunks]) => {
  const feed = given(() => chunks)
  await feed.open()
  expect(feed.position).toBe('log-0')
  expect(await pulled(feed)).toEqual(['put a='])
  expect(feed.position).toBe('log-1')
})

test.for<[string, string]>([
  ['a failure that passes', 'event: failure\ndata: {"detail":"busy","code":"KV_UNAVAILABLE"}\n\n'],
  ['the end', ''],
  ['what is no change', 'event: put\nid: log-2\ndata: nonsense\n\n'],
])('what came in one chunk with %s is reported once, and nothing after it is missed', async ([, event]) => {
  const feed = given((after) => {
    if (after === undefined) return [READY, put('a', 1) + event]
    return [`event: ready\nid: ${after}\ndata: {}\n\n`, (after === 'log-0' ? put('a', 1) : '') + put('b', 2)]
  })
  await feed.open()
  const changes: string[] = []
  while (changes.length < 2) changes.push(...(await pulled(feed)))
  expect(changes).toEqual(['put a=', 'put b='])
})

test('a failure that does not pass ends the watch, after the changes before it', async () => {
  const end = 'event: failure\ndata: {"detail":"gone","code":"KV_WATCH_GAP","hint":"again"}\n\n'
  const feed = given((after) => (after === undefined ? [READY + put('a', 1) + end] : expect.fail('it calls again')))
  await feed.open()
  expect(await pulled(feed)).toEqual(['put a='])
  expect(await failure(() => feed.pull())).toMatchObject({ code: 'KV_WATCH_GAP', message: 'gone', hint: 'again' })
})

test('an answer that is no watch is refused', async () => {
  expect(await failure(() => given(() => [put('a', 1)]).open())).toMatchObject({
    code: 'KV_UNAVAILABLE',
    message: 'the server answered, but not with a watch',
  })
})
