import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { sqliteEngine } from '../../src/drivers/sqlite/engine/engine.ts'
import { noise, text } from '../helpers/bytes.ts'
import { contents, expectRun, givenStore, kv, kvProcess } from '../helpers/kv.ts'
import { served } from '../helpers/serve.ts'
import { entries, failureCode, openTestStore } from '../helpers/store.ts'

/** A store whose entries were not written in key order, with room where others were deleted. */
async function grown(): Promise<string> {
  const path = await givenStore()
  const input = Array.from({ length: 3000 }, (_, i) => {
    const entry = {
      key: String(((i + 1) * 7919) % 3001).padStart(5, '0'),
      value: 'x'.repeat(500),
      ...(i % 10 === 0 && { expires: '2100-01-01T00:00:00Z' }),
    }
    return `${JSON.stringify(entry)}\n`
  })
  // Each load is sorted.
  for (const half of [input.slice(0, 1500), input.slice(1500)])
    expectRun(await kvProcess(['batch-put', '--quiet'], { store: path, input: half.join('') }), {})
  expectRun(await kvProcess(['del', '--range', '01000', '01999', '--yes'], { store: path }), { stdout: '1000\n' })
  return path
}

/** The keys as they lie in the file. */
function laidOut(path: string): string[] {
  const database = new (sqliteEngine().DatabaseSync)(path)
  try {
    return (database.prepare('select cast(key as text) as key from kv order by id').all() as { key: string }[]).map(
      ({ key }) => key,
    )
  } finally {
    database.close()
  }
}

describe('kv compact', () => {
  test('lays entries out in key order, frees unused space, and changes nothing else', async () => {
    const store = await grown()
    const before = await entries(await openTestStore(store))
    const bytes = statSync(store).size
    const keys = laidOut(store)
    expect(keys).not.toEqual(keys.toSorted())
    const { stdout, code } = await kvProcess(['compact', '--json'], { store })
    expect(code).toBe(0)
    const said = JSON.parse(stdout.toString()) as { bytes: number }
    expect(said).toMatchObject({ bytes_before: bytes, bytes: statSync(store).size })
    expect(said.bytes).toBeLessThan(bytes * 0.8)
    expect(laidOut(store)).toEqual(keys.toSorted())
    expect(await entries(await openTestStore(store))).toEqual(before)
    expectRun(await kv(['check'], { store }), { stdout: 'ok: 2000 entries checked, 0 without a checksum\n' })
    expect(readdirSync(dirname(store)).filter((name) => !/-(?:wal|shm)$/.test(name))).toEqual([basename(store)])
    expectRun(await kvProcess(['compact'], { store }), { stdout: /^bytes_before: \d+\nbytes: \d+\n$/ })
    expect(await entries(await openTestStore(store))).toEqual(before)
    expectRun(await kv(['put', 'new', '1'], { store }), {})
  })

  test('entries in random order, which are sorted in a file first, and what else the store has', async () => {
    const store = await givenStore()
    const open = await openTestStore(store)
    const keys = Array.from({ length: 12_000 }, (_, i) => String(((i + 1) * 7919) % 12_007).padStart(6, '0'))
    await open.batch(keys.map((key, i) => ({ type: 'put', key, value: `${i} `.repeat(40) })))
    const before = await entries(open)
    const database = new (sqliteEngine().DatabaseSync)(store)
    database.exec(`create table kv_more(a text primary key, b blob) strict, without rowid; insert into kv_more values ('x', x'00');
      create trigger kv_more_put after insert on kv begin insert or ignore into kv_more values (cast(new.key as text), new.value); end`)
    database.close()
    expectRun(await kvProcess(['compact'], { store }), { stdout: /bytes/ })
    expect(laidOut(store)).toEqual(keys.toSorted())
    expect(await entries(await openTestStore(store))).toEqual(before)
    expectRun(await kvProcess(['put', 'new', '1'], { store }), {})
    const again = new (sqliteEngine().DatabaseSync)(store)
    expect(again.prepare('select a from kv_more').all()).toEqual([{ a: 'new' }, { a: 'x' }])
    again.close()
    expectRun(await kv(['check'], { store }), { stdout: /^ok: 12,?001 entries checked/ })
    expect(readdirSync(dirname(store)).filter((name) => !/-(?:wal|shm)$/.test(name))).toEqual([basename(store)])
  })

  test('with a signal it works beside the event loop, and ends when that is aborted', async () => {
    const path = await givenStore()
    const store = await openTestStore(path)
    const keys = Array.from({ length: 3000 }, (_, i) => String(((i + 1) * 7919) % 3001).padStart(5, '0'))
    await store.batch(keys.map((key, i) => ({ type: 'put', key, value: noise(10_000, i) })))
    const sound = { checked: 3000, unchecked: 0, damagedKeys: [], problems: [] }
    const begun = (): boolean =>
      readdirSync(dirname(path)).some(
        (name) => /^\.kv-new-.*\.tmp$/.test(name) && statSync(join(dirname(path), name)).size > 0,
      )
    const abort = new AbortController()
    const compacting = failureCode(() => store.care.compact({ signal: abort.signal }))
    while (!begun()) await new Promise(setImmediate)
    abort.abort()
    expect(await compacting).toBe('KV_INTERRUPTED')
    expect(readdirSync(dirname(path)).filter((name) => !/-(?:wal|shm)$/.test(name))).toEqual([basename(path)])
    expect(laidOut(path)).not.toEqual(keys.toSorted())
    expect(await store.check()).toMatchObject(sound)
    await store.care.compact({ signal: new AbortController().signal })
    expect(laidOut(path)).toEqual(keys.toSorted())
    expect(await store.check()).toMatchObject(sound)
  })

  test('tables of other programs stay', async () => {
    const store = await grown()
    const database = new (sqliteEngine().DatabaseSync)(store)
    database.exec('create table own(a); insert into own values (7)')
    database.close()
    expectRun(await kvProcess(['compact'], { store }), { stdout: /bytes/ })
    const again = new (sqliteEngine().DatabaseSync)(store)
    expect(again.prepare('select a from own').all()).toEqual([{ a: 7 }])
    again.close()
    expectRun(await kv(['count'], { store }), { stdout: '2000\n' })
  })

  test('a server and a watch go on, and another program is told', async () => {
    const { url, path } = await served([], { store: await grown() })
    const watch = await (await openTestStore(url)).watch()
    const changes = watch[Symbol.asyncIterator]()
    const other = new (sqliteEngine().DatabaseSync)(path)
    other.exec('select 1 from kv')
    expectRun(await kv(['put', 'before', '1'], { store: url }), {})
    expect(await changes.next()).toMatchObject({ value: { type: 'put', key: text('before') } })
    expectRun(await kvProcess(['compact', '--quiet'], { store: path }), { stdout: /bytes/ })
    expect(() => other.exec(`insert into kv(key, value) values (x'41', x'41')`)).toThrow(/open it again/)
    other.close()
    expectRun(await kv(['put', 'after', '1'], { store: url }), {})
    expect(await changes.next()).toMatchObject({ value: { type: 'put', key: text('after') } })
    await watch.close()
    expect((await contents(path)).slice(-2)).toEqual([
      ['after', '1'],
      ['before', '1'],
    ])
  })

  test('what it cannot do is refused by name', async () => {
    const { url } = await served()
    expectRun(await kv(['compact'], { store: url }), { stderr: /not for http \(KV_NOT_SUPPORTED\)\nhint: /, code: 2 })
    const none = await givenStore()
    expectRun(await kv(['compact'], { store: none }), { stderr: /^kv: there is no store at /, code: 4 })
    const damaged = await grown()
    writeFileSync(damaged, readFileSync(damaged).subarray(0, 100_000))
    expectRun(await kv(['compact'], { store: damaged }), { stderr: /cut off at .* \(KV_CORRUPT\)\n/, code: 4 })
  })
})
