import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { Connection } from '../../../src/drivers/sqlite/file/connection.ts'
import { type ExportThread, startExportThread } from '../../../src/drivers/sqlite/export/export-thread.ts'
import { rangeText } from '../../../src/drivers/sqlite/export/range-text.ts'
import { type BatchOp, type Entry, openStore } from '../../../src/index.ts'
import { toText } from '../../helpers/bytes.ts'
import { openTestStore } from '../../helpers/store.ts'

/** Enough for the text of a range to be long, and for many pages after that. */
const ENTRIES = 120_000
const OPTIONS = { sync: true, lockTimeoutMs: 5000 }
const QUERY = { start: undefined, end: undefined, reverse: false, limit: Infinity, keysOnly: false }
const NOW = Date.now()

/**
 * Now and then an entry that the engine cannot write: bytes that are not UTF-8, a long value, an expiry, also one
 * that has passed.
 */
function op(i: number): BatchOp {
  const key = `k${String(i).padStart(7, '0')}`
  if (i % 50_021 === 1) return { type: 'put', key, value: Uint8Array.of(0xff, i & 0xff) }
  if (i % 60_013 === 2) return { type: 'put', key, value: 'long '.repeat(20_000) }
  if (i % 40_009 === 3) return { type: 'put', key, value: 'later', expires: NOW + 3_600_000 }
  if (i % 5003 === 4) return { type: 'put', key, value: 'gone', expires: NOW - 1 }
  return { type: 'put', key, value: `value "${i}"\n`.repeat(8) }
}

const folder = mkdtempSync(join(tmpdir(), 'kv-test-'))
const path = join(folder, 'store.kv')
/** The lines of all entries, as a range without a helper gives them. */
let expected: string[]

beforeAll(async () => {
  await using store = await openStore(path)
  await store.batch(Array.from({ length: ENTRIES }, (_, i) => op(i)))
  expected = []
  for await (const page of store.rangePages()) expected.push(...page.map(line))
})

afterAll(() => rmSync(folder, { recursive: true }))

function line({ key, value, expires }: Pick<Entry, 'key' | 'value' | 'expires'>): string {
  const time = expires === undefined ? {} : { expires: new Date(expires).toISOString() }
  return JSON.stringify({ key: toText(key), value: toText(value), ...time })
}

function lines(page: Uint8Array | Entry[]): string[] {
  if (Array.isArray(page)) return page.map(line)
  return toText(page).split('\n').slice(0, -1)
}

/** A snapshot of the store on a connection of its own. */
function snapshot(): Connection {
  const database = new Connection(path, OPTIONS)
  database.exec('begin')
  return database
}

async function ready(helper: ExportThread): Promise<void> {
  while (!helper.isReady) await new Promise(setImmediate)
}

/**
 * Takes a long range with a helper, waiting for it to be ready before it goes on; tells how many pages the helper was
 * given.
 */
async function withHelper(helper: () => ExportThread): Promise<{ all: string[]; given: number }> {
  const database = snapshot()
  const all: string[] = []
  let started: ExportThread | undefined
  let given = 0
  const help = (): ExportThread => {
    started = helper()
    const { make } = started
    vi.spyOn(started, 'make').mockImplementation((...page) => {
      given++
      return make.apply(started, page)
    })
    return started
  }
  for await (const page of rangeText(database, QUERY, {}, Date.now(), { startThread: help })) {
    all.push(...lines(page))
    if (started !== undefined && given === 0) await ready(started)
  }
  database.close()
  return { all, given }
}

describe('a long range as JSON Lines', () => {
  test('is the same with a thread that helps', async () => {
    const { all, given } = await withHelper(() => startExportThread(path, OPTIONS, {}, () => true)!)
    expect(given).toBeGreaterThan(5)
    expect(all).toHaveLength(expected.length)
    expect(all).toEqual(expected)
  })

  test('is the same when the helper ends in the middle', async () => {
    let helper!: ExportThread
    const database = snapshot()
    const all: string[] = []
    for await (const page of rangeText(database, QUERY, {}, Date.now(), {
      startThread: () => (helper = startExportThread(path, OPTIONS, {}, () => true)!),
    })) {
      all.push(...lines(page))
      if (helper === undefined) continue
      if (all.length < ENTRIES / 2) await ready(helper)
      else await helper.close()
    }
    database.close()
    expect(all).toEqual(expected)
  })

  test('is made by one thread when the helper cannot open the store', async () => {
    const database = snapshot()
    const all: string[] = []
    for await (const page of rangeText(database, QUERY, {}, Date.now(), {
      startThread: () => startExportThread(`${path}-absent`, OPTIONS, {}, () => true),
    }))
      all.push(...lines(page))
    database.close()
    expect(all).toEqual(expected)
  })

  test('shows one moment, whenever others write meanwhile', async () => {
    const store = await openTestStore(path)
    const other = await openTestStore(path)
    try {
      for (const writeAfter of [0, 1, 20, 30]) {
        const all: string[] = []
        let pages = 0
        for await (const page of store.rangeText({ parallel: true })!) {
          all.push(...lines(page))
          // By this process's own connection, and by another.
          if (pages++ !== writeAfter) continue
          await store.put('k0119999', 'changed')
          await other.batch([
            { type: 'put', key: 'k0119998', value: 'changed' },
            { type: 'put', key: 'm', value: 'new' },
            { type: 'del', key: 'k0119997' },
          ])
        }
        expect(pages).toBeGreaterThan(writeAfter)
        expect(all).toEqual(expected)
        await store.batch([op(119_997), op(119_998), op(119_999), { type: 'del', key: 'm' }])
      }
    } finally {
      await store.close()
      await other.close()
    }
  })

  test('that is left early leaves no thread behind', async () => {
    await using store = await openStore(path)
    let pages = 0
    for await (const _ of store.rangeText({ parallel: true })!) if (++pages > 15) break
    expect(process.getActiveResourcesInfo().filter((name) => /worker|message/i.test(name))).toEqual([])
  })

  test('that ends because the store is closed leaves no thread behind', async () => {
    const store = await openStore(path)
    const pages = store.rangeText({ parallel: true })![Symbol.asyncIterator]()
    for (let n = 0; n < 15; n++) await pages.next()
    await store.close()
    await expect(pages.next()).rejects.toMatchObject({ code: 'KV_CLOSED' })
    expect(process.getActiveResourcesInfo().filter((name) => /worker|message/i.test(name))).toEqual([])
  })
})
