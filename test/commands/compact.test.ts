import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { sqliteEngine } from '../../src/drivers/sqlite/engine/engine.ts'
import { CLUSTERED } from '../../src/drivers/sqlite/layout/clustered.ts'
import type { Layout } from '../../src/drivers/sqlite/layout/layout.ts'
import { LAYOUT_OF_NEW } from '../../src/drivers/sqlite/layout/layouts.ts'
import { ROWS } from '../../src/drivers/sqlite/layout/rows.ts'
import { noise, text } from '../helpers/bytes.ts'
import { contents, expectRun, givenStore, kv, kvProcess } from '../helpers/kv.ts'
import { LAYOUTS, emptyStore, laidOut } from '../helpers/layouts.ts'
import { served } from '../helpers/serve.ts'
import { sql } from '../helpers/sql.ts'
import { failureCode, openTestStore } from '../helpers/store.ts'

/** A store whose entries were not written in key order, with room where others were deleted. */
async function grown(layout = LAYOUT_OF_NEW): Promise<string> {
  const path = emptyStore(await givenStore(), layout)
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

/** All that a store holds, as one text. */
function contentOf(path: string): string {
  const database = new (sqliteEngine().DatabaseSync)(path)
  try {
    const rows = database.prepare('select hex(key), revision, expires, checksum, hex(value) from kv order by key').all()
    return `${JSON.stringify(rows)}\n${JSON.stringify(database.prepare('select revision from kv_store').all())}`
  } finally {
    database.close()
  }
}

/** The version of the format of a file, and its parts by name. */
function schemaOf(path: string): { format: number; parts: string[] } {
  const database = new (sqliteEngine().DatabaseSync)(path)
  try {
    const { user_version: format } = database.prepare('pragma user_version').get() as { user_version: number }
    const rows = database.prepare('select name from sqlite_schema where sql is not null order by name').all()
    return { format, parts: (rows as { name: string }[]).map(({ name }) => name) }
  } finally {
    database.close()
  }
}

const partsOf = ({ tables, parts }: Layout): string[] => [...Object.keys(tables), ...Object.keys(parts)].toSorted()

describe('kv compact', () => {
  test.for(LAYOUTS)(
    '%s: lays entries out in key order, frees unused space, and changes nothing else',
    async ([, layout]) => {
      const store = await grown(layout)
      const before = contentOf(store)
      const bytes = statSync(store).size
      const keys = laidOut(store)
      expect(keys).not.toEqual(keys.toSorted())
      const { stdout, code } = await kvProcess(['compact', '--json'], { store })
      expect(code).toBe(0)
      const said = JSON.parse(stdout.toString()) as { bytes: number }
      const to = layout === ROWS ? LAYOUT_OF_NEW : CLUSTERED
      const isNew = to !== layout
      expect(said).toEqual({
        bytes_before: bytes,
        bytes: statSync(store).size,
        ...(isNew && { format_before: 1, format: 2 }),
        seconds: expect.any(Number),
      })
      expect(schemaOf(store)).toEqual({ format: to.format, parts: partsOf(to) })
      expect(said.bytes).toBeLessThan(bytes * 0.8)
      expect(laidOut(store)).toEqual(keys.toSorted())
      expect(contentOf(store)).toBe(before)
      expectRun(await kv(['check'], { store }), { stdout: 'ok: 2000 entries checked, 0 without a checksum\n' })
      expect(readdirSync(dirname(store)).filter((name) => !/-(?:wal|shm)$/.test(name))).toEqual([basename(store)])
      expectRun(await kvProcess(['compact'], { store }), { stdout: /^bytes_before: \d+\nbytes: \d+\n$/ })
      expect(contentOf(store)).toBe(before)
      expectRun(await kv(['put', 'new', '1'], { store }), {})
    },
  )

  test.for(LAYOUTS)('%s: entries in random order, which are sorted in a file first', async ([, layout]) => {
    const store = emptyStore(await givenStore(), layout)
    const open = await openTestStore(store)
    const keys = Array.from({ length: 12_000 }, (_, i) => String(((i + 1) * 7919) % 12_007).padStart(6, '0'))
    const value = (i: number): string => `${i} `.repeat(i % 5 === 0 ? 200 : 40)
    await open.batch(keys.map((key, i) => ({ type: 'put', key, value: value(i), ...(i % 100 === 0 && { ttl: 1e6 }) })))
    const before = contentOf(store)
    expectRun(await kvProcess(['compact'], { store }), { stdout: /bytes/ })
    const lying = laidOut(store)
    const long = lying.filter((key) => keys.indexOf(key) % 5 === 0)
    expect(long).toEqual(long.toSorted())
    expect(lying.filter((key) => !long.includes(key))).toEqual(lying.filter((key) => !long.includes(key)).toSorted())
    expect(contentOf(store)).toBe(before)
    expectRun(await kvProcess(['put', 'new', '1'], { store }), {})
    expectRun(await kv(['check'], { store }), { stdout: /^ok: 12,?001 entries checked/ })
    expect(readdirSync(dirname(store)).filter((name) => !/-(?:wal|shm)$/.test(name))).toEqual([basename(store)])
  })

  test('says when the format has changed, and another program reads and writes what it has made', async () => {
    const store = await grown(ROWS)
    const changed = LAYOUT_OF_NEW === ROWS ? '' : 'format_before: 1\nformat: 2\n'
    const { stdout } = await kvProcess(['compact'], { store })
    expect(stdout.toString().replace(/^bytes_before: \d+\nbytes: \d+\n/, '')).toBe(changed)
    sql(
      store,
      `insert into kv(key, value) values (cast('other' as blob), zeroblob(1000)); delete from kv where key = cast('02001' as blob);
       update kv set value = cast('short' as blob) where key = cast('02002' as blob)`,
    )
    expectRun(await kv(['get', '02002'], { store }), { stdout: 'short' })
    expectRun(await kv(['check'], { store }), { stdout: /^ok: 1998 entries checked, 2 without a checksum/ })
  })

  test('a history goes on in another format', async () => {
    const store = emptyStore(await givenStore(), ROWS)
    const run = async (...args: string[]): Promise<string> => (await kv(args, { store })).stdout.toString()
    await run('put', 'a', 'x'.repeat(1000))
    await run('history', 'on')
    await run('put', 'a', '2')
    await run('put', 'gone', '1')
    await run('del', 'gone')
    const [a, gone] = [await run('history', 'a', '--json'), await run('history', 'gone', '--json')]
    expect(a).toContain('xxx')
    expect(await run('compact')).toMatch(/^bytes_before/)
    expect(schemaOf(store).format).toBe(LAYOUT_OF_NEW.format)
    expect([await run('history', 'a', '--json'), await run('history', 'gone', '--json')]).toEqual([a, gone])
    await run('put', 'a', 'y'.repeat(1000))
    await run('put', 'a', '4')
    expect((await run('history', 'a', '--json')).split('\n')).toHaveLength(a.split('\n').length + 2)
    expect(await run('check')).toMatch(/^ok: /)
  })

  const OWN = [
    'create table own(a integer primary key autoincrement, b text unique, c as (a + 1), kv)',
    "insert into own(b, kv) values ('x', x'00'), ('y', null)",
    'create index own_index on own(c)',
    'create view own_view as select cast(key as text) as key, b from kv, own',
    "create trigger own_trigger after delete on own begin insert or ignore into own(b) values ('z'); end",
    'create virtual table words using fts5(word)',
    "insert into words values ('one'), ('two')",
  ]

  test('tables of other programs stay, and do not keep the format from changing', async () => {
    const store = await grown(ROWS)
    sql(store, OWN.join(';'))
    const { parts } = schemaOf(store)
    expectRun(await kvProcess(['compact'], { store }), { stdout: /bytes/ })
    const kept = parts.filter((name) => !name.startsWith('kv'))
    expect(schemaOf(store)).toEqual({
      format: LAYOUT_OF_NEW.format,
      parts: [...partsOf(LAYOUT_OF_NEW), ...kept].toSorted(),
    })
    const again = new (sqliteEngine().DatabaseSync)(store)
    again.exec('delete from own where a = 1')
    expect(again.prepare('select a, b, c from own').all()).toEqual([
      { a: 2, b: 'y', c: 3 },
      { a: 3, b: 'z', c: 4 },
    ])
    expect(again.prepare('select key, b from own_view order by key limit 1').all()).toEqual([{ key: '00001', b: 'y' }])
    expect(again.prepare("select word from words where words match 'two'").all()).toEqual([{ word: 'two' }])
    again.close()
    expectRun(await kv(['count'], { store }), { stdout: '2000\n' })
    expectRun(await kv(['check'], { store }), { stdout: /^ok: / })
    const before = contentOf(store)
    expectRun(await kvProcess(['compact'], { store }), { stdout: /^bytes_before: \d+\nbytes: \d+\n$/ })
    expect(contentOf(store)).toBe(before)
    expect(readdirSync(dirname(store)).filter((name) => !/-(?:wal|shm)$/.test(name))).toEqual([basename(store)])
  })

  test.for([
    ['a trigger', `create trigger own after insert on kv begin select 1; end`],
    ['a trigger that a later kv may have made', `create trigger kv_later after insert on kv begin select 1; end`],
    ['a table that a later kv may have made', 'create table kv_later(a)'],
    ['an index', 'create index own on kv(length(key))'],
    ['a column', 'alter table kv add column own any'],
    ['a reference', 'create table own(key references KV(key))'],
  ])('format 1 stays where it has %s that is none of ours', async ([, statement]) => {
    const store = emptyStore(await givenStore(), ROWS)
    sql(store, `insert into kv(key, value) values (x'62', x''), (x'61', zeroblob(1000)); ${statement}`)
    const before = [contentOf(store), schemaOf(store)]
    expectRun(await kv(['compact'], { store }), { stdout: /^bytes_before: \d+\nbytes: \d+\n$/ })
    expect([contentOf(store), schemaOf(store)]).toEqual(before)
    expectRun(await kv(['put', 'new', '1'], { store }), {})
    expectRun(await kv(['check'], { store }), { stdout: /^ok: / })
  })

  test('a long value that is gone is damage, and nothing is changed', async () => {
    const store = await grown(CLUSTERED)
    sql(store, 'delete from kv_long where id = (select max(id) from kv_long)')
    expectRun(await kv(['compact'], { store }), { stderr: /is damaged: .* \(KV_CORRUPT\)\nhint: /, code: 4 })
    expect(readdirSync(dirname(store)).filter((name) => !/-(?:wal|shm)$/.test(name))).toEqual([basename(store)])
  })

  test.for(LAYOUTS)(
    '%s: with a signal it works beside the event loop, and ends when that is aborted',
    async ([, layout]) => {
      const path = emptyStore(await givenStore(), layout)
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
    },
  )

  test.for(LAYOUTS)('%s: a server and a watch go on, and another program is told', async ([, layout]) => {
    const { url, path } = await served([], { store: await grown(layout) })
    const watch = await (await openTestStore(url)).watch()
    const changes = watch[Symbol.asyncIterator]()
    const other = new (sqliteEngine().DatabaseSync)(path)
    other.exec('select 1 from kv')
    expectRun(await kv(['put', 'before', '1'], { store: url }), {})
    expect(await changes.next()).toMatchObject({ value: { type: 'put', key: text('before') } })
    sql(path, "update kv set value = cast('2' as blob) where key = cast('before' as blob)")
    expectRun(await kvProcess(['compact', '--quiet'], { store: path }), { stdout: /bytes/ })
    expect(() => other.exec(`insert into kv(key, value) values (x'41', x'41')`)).toThrow(/open it again/)
    other.close()
    expect(await changes.next()).toMatchObject({ value: { type: 'put', key: text('before'), value: text('2') } })
    expectRun(await kv(['put', 'after', '1'], { store: url }), {})
    expect(await changes.next()).toMatchObject({ value: { type: 'put', key: text('after') } })
    await watch.close()
    expect((await contents(path)).slice(-2)).toEqual([
      ['after', '1'],
      ['before', '2'],
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
