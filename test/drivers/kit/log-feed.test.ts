import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type ChangeLog, LogFeed, type LoggedChange } from '../../../src/drivers/kit/log-feed.ts'
import { type LogPosition, changesGone, parsePosition } from '../../../src/drivers/kit/log-position.ts'
import { Subscriptions } from '../../../src/drivers/kit/subscriptions.ts'
import type { WatchQuery } from '../../../src/store/driver/driver.ts'
import type { Change, Entry } from '../../../src/store/driver/entry.ts'
import type { Store } from '../../../src/store/store.ts'
import { text, toText } from '../../helpers/bytes.ts'
import { failure, failureCode, openTestStore } from '../../helpers/store.ts'
import { tempDir } from '../../helpers/temp-dir.ts'
import { shown, take, watching } from '../../helpers/watch.ts'

const ALL: WatchQuery = { start: undefined, end: undefined, after: undefined, resumable: false }

const put = (key: string, value: Uint8Array | (() => Uint8Array) = text('')): LoggedChange => ({
  type: 'put',
  key: text(key),
  value,
  revision: 1,
  expires: undefined,
})
const entry = (key: string): Entry => ({ key: text(key), value: text(''), revision: 1, expires: undefined })

/** A log in an array, over pages of entries. */
class FakeLog implements ChangeLog {
  exists = true
  snapshotsOpen = 0
  readonly changes: LoggedChange[]
  readonly pages: Entry[][]

  constructor(changes: LoggedChange[], pages: Entry[][] = []) {
    this.changes = changes
    this.pages = pages
  }

  async *snapshot(
    _: unknown,
    onBegin: (end: LogPosition) => void,
  ): AsyncGenerator<{ entries: Entry[]; last: boolean }> {
    onBegin({ log: 'log', at: this.changes.length })
    this.snapshotsOpen++
    try {
      for (const [i, entries] of this.pages.entries()) yield { entries, last: i === this.pages.length - 1 }
    } finally {
      this.snapshotsOpen--
    }
  }

  changesAfter({ log, at }: LogPosition): readonly LoggedChange[] {
    if (log !== 'log' || at > this.changes.length) throw changesGone()
    return this.changes.slice(at)
  }
}

const positions = (changes: readonly Change[] | undefined): string[] | undefined =>
  changes?.map(({ key, position }) => `${toText(key)}@${position}`)

describe('a position of a log', () => {
  test.for<[string, LogPosition | undefined]>([
    ['0', undefined],
    ['abc-0', { log: 'abc', at: 0 }],
    ['a1-9007199254740991', { log: 'a1', at: 9007199254740991 }],
  ])('%s', ([position, wanted]) => expect(parsePosition(position)).toEqual(wanted))

  test.for([
    ...['x', '1', 'log', 'log-', 'log-x', '-1', 'log-99999999999999999', 'LOG-1', 'a-1-1', '00'],
    'log-9007199254740992',
    `${'a'.repeat(65)}-1`,
  ])('is not %s', async (position) => {
    expect(await failure(() => parsePosition(position))).toMatchObject({
      code: 'KV_USAGE',
      message: 'not a position of a watch',
    })
  })

  test('within what was there is a gap', async () => {
    expect(await failureCode(() => parsePosition('partial'))).toBe('KV_WATCH_GAP')
  })
})

describe.for(['memory:', 'a file'])('a store that keeps a log: %s', (where) => {
  const made = async (): Promise<Store> => {
    const store = await openTestStore(where === 'memory:' ? where : join(tempDir(), 'store.kv'))
    await store.put('made', '')
    return store
  }

  test('refuses what is no position, and positions of other logs and of changes to come', async () => {
    const store = await made()
    for (const after of ['x', '1', 'log', 'log-', 'log-x', '-1', 'log-99999999999999999999'])
      expect([after, await failureCode(() => store.watch({ after }))]).toEqual([after, 'KV_USAGE'])
    expect(await failureCode(() => store.watch({ after: 'unknown-5' }))).toBe('KV_WATCH_GAP')
    const watch = await watching(store)
    const elsewhere = await watching(await made())
    for (const after of ['unknown-0', elsewhere.position])
      expect(await failureCode(() => store.watch({ after }))).toBe('KV_WATCH_GAP')
    await store.put('a', '1')
    const [change] = await take(watch, 1)
    const ahead = change!.position.replace(/\d+$/, (at) => String(Number(at) + 1_000_000))
    expect(await failureCode(() => store.watch({ after: ahead }))).toBe('KV_WATCH_GAP')
  })

  test('reports every step of a batch', async () => {
    const store = await made()
    const watch = await watching(store)
    await store.batch([
      { type: 'put', key: 'a', value: '1' },
      { type: 'del', key: 'none' },
      { type: 'put', key: 'a', value: '2' },
      { type: 'del', key: 'a' },
      { type: 'put', key: 'b', value: '3' },
    ])
    expect((await take(watch, 4)).map(shown)).toEqual(['put a=1', 'put a=2', 'del a', 'put b=3'])
  })
})

describe('a feed of a log', () => {
  test('gives what is there with the position of the log at its last entry, then the changes after that', async () => {
    const log = new FakeLog([put('old')], [[entry('a'), entry('b')], [entry('c')]])
    const feed = new LogFeed(log, ALL, undefined)
    expect(feed.position).toBe('0')
    expect(positions(await feed.pull())).toEqual(['a@partial', 'b@partial'])
    expect([feed.position, feed.neededAfter]).toEqual(['partial', { log: 'log', at: 1 }])
    log.changes.push({ type: 'del', key: text('a') })
    expect(positions(await feed.pull())).toEqual(['c@log-1'])
    expect(log.snapshotsOpen).toBe(0)
    expect(await feed.pull()).toEqual([{ type: 'del', key: text('a'), position: 'log-2' }])
    expect(await feed.pull()).toBeUndefined()
  })

  test('of a store without entries reaches the log at once', async () => {
    const feed = new LogFeed(new FakeLog([put('gone')]), ALL, undefined)
    expect(await feed.pull()).toEqual([])
    expect(feed.position).toBe('log-1')
  })

  test('waits while there is no log, and frees a snapshot that is not read to its end', async () => {
    const log = new FakeLog([], [[entry('a')], [entry('b')]])
    log.exists = false
    const feed = new LogFeed(log, ALL, undefined)
    expect(await feed.pull()).toBeUndefined()
    log.exists = true
    expect(positions(await feed.pull())).toEqual(['a@partial'])
    await feed.close()
    expect(log.snapshotsOpen).toBe(0)
  })

  test('leaves other keys out, and moves on behind them', async () => {
    const log = new FakeLog(['a', 'b', 'c', 'a'].map((key) => put(key)))
    const feed = new LogFeed(log, { ...ALL, start: text('b'), end: text('c') }, { log: 'log', at: 0 })
    expect(positions(await feed.pull())).toEqual(['b@log-2'])
    expect(feed.position).toBe('log-4')
    log.changes.push(put('z'))
    expect(await feed.pull()).toEqual([])
    expect(feed.position).toBe('log-5')
  })

  test('copies what it hands out, reads long values when it comes to them, and ends a page after 1 MB', async () => {
    const read: string[] = []
    const long = (key: string): LoggedChange =>
      put(key, () => {
        read.push(key)
        return new Uint8Array(600_000)
      })
    const shared = put('a', text('x'))
    const feed = new LogFeed(new FakeLog([shared, long('b'), long('c'), long('d')]), ALL, { log: 'log', at: 0 })
    const first = await feed.pull()
    expect(positions(first)).toEqual(['a@log-1', 'b@log-2', 'c@log-3'])
    first![0]!.key.fill(0)
    expect(toText(shared.key)).toBe('a')
    expect(read).toEqual(['b', 'c'])
    expect(positions(await feed.pull())).toEqual(['d@log-4'])
  })
})

describe('subscriptions', () => {
  test('are woken together, tell of the last end, and keep changes for those that go on', async () => {
    const log = new FakeLog([])
    let ends = 0
    const watches = new Subscriptions<LogFeed>(() => void ends++)
    const [one, other] = [false, true].map((resumable) =>
      watches.add(new LogFeed(log, ALL, { log: 'log', at: 0 }), undefined, resumable),
    )
    const next = [one!.next(), other!.next()]
    log.changes.push(put('a', text('1')))
    watches.wake()
    for (const { value } of await Promise.all(next)) expect((value as Change[]).map(shown)).toEqual(['put a=1'])
    await one!.return()
    expect([watches.size, ends, watches.resumableUntil]).toEqual([1, 0, 0])
    await watches.close()
    expect([watches.size, ends]).toEqual([0, 1])
    expect(watches.resumableUntil).toBeGreaterThan(Date.now() + 50_000)
    expect(await failureCode(() => other!.next())).toBe('KV_CLOSED')
    expect(await other!.next()).toEqual({ done: true, value: undefined })
  })

  test('end by a gap with its error, once', async () => {
    const watches = new Subscriptions<LogFeed>()
    const watch = watches.add(new LogFeed(new FakeLog([]), ALL, { log: 'other', at: 0 }), undefined)
    expect(await failureCode(() => watch.next())).toBe('KV_WATCH_GAP')
    expect(await watch.next()).toEqual({ done: true, value: undefined })
    expect(watches.size).toBe(0)
  })
})
