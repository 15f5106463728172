import { execFileSync } from 'node:child_process'
import { renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Store } from '../../../src/index.ts'
import { neededAfter, trimLog } from '../../../src/drivers/sqlite/watch/change-log.ts'
import { Connection } from '../../../src/drivers/sqlite/file/connection.ts'
import { type DatabaseSync, sqliteEngine } from '../../../src/drivers/sqlite/engine/engine.ts'
import { Retention } from '../../../src/drivers/sqlite/watch/retention.ts'
import { block } from '../../conformance/suite.ts'
import { Child, needLibrary } from '../../crash/child.ts'
import { LAYOUT_OF_NEW } from '../../../src/drivers/sqlite/layout/layouts.ts'
import { ROWS } from '../../../src/drivers/sqlite/layout/rows.ts'
import { LAYOUTS, emptyStore } from '../../helpers/layouts.ts'
import { text, toText } from '../../helpers/bytes.ts'
import { KV, ended, givenStore, kv, startKv } from '../../helpers/kv.ts'
import { holdLock } from '../../helpers/lock.ts'
import { smallDisk } from '../../helpers/small-disk.ts'
import { entries, failure, failureCode, openTestStore } from '../../helpers/store.ts'
import { tempDir } from '../../helpers/temp-dir.ts'
import { shown, take, takeUntil, watching } from '../../helpers/watch.ts'

/** Another program's connection to a store file. */
function foreign(path: string): DatabaseSync {
  const connection = new (sqliteEngine().DatabaseSync)(path)
  onTestFinished(() => connection.close())
  return connection
}

/** Names and texts of everything in the schema, in no order that matters. */
function schema(connection: DatabaseSync): unknown[] {
  return connection.prepare('select name, sql from sqlite_schema order by name').all()
}

/** A file that has been written to, a store on it, and another program's connection. */
async function given(layout = LAYOUT_OF_NEW): Promise<{ path: string; store: Store; connection: DatabaseSync }> {
  const path = emptyStore(join(tempDir(), 'store.kv'), layout)
  const store = await openTestStore(path)
  await store.put('a', '1')
  return { path, store, connection: foreign(path) }
}

/** The time of every watcher has come. */
const LAPSED = 'update kv_watcher set until = 0'

describe.for(LAYOUTS)('what other programs write is reported, %s', ([, layout]) => {
  test.for<[string, string, string[]]>([
    ['an insert', "insert into kv(key, value) values (x'62', x'32')", ['put b=2']],
    [
      'several rows at once',
      "insert into kv(key, value) values (x'62', x'32'), (x'63', x'33')",
      ['put b=2', 'put c=3'],
    ],
    ['an update of the value', "update kv set value = x'32' where key = x'61'", ['put a=2']],
    ['an update of the expiry', "update kv set expires = 4102444800000 where key = x'61'", ['put a=1']],
    ['an update of the key', "update kv set key = x'62' where key = x'61'", ['del a', 'put b=1']],
    ...(layout === ROWS
      ? ([
          ['an update of the checksum alone', 'update kv set checksum = null', []],
          [
            'an upsert',
            "insert into kv(key, value) values (x'61', x'32') on conflict (key) do update set value = excluded.value",
            ['put a=2'],
          ],
        ] satisfies [string, string, string[]][])
      : ([['an update of the checksum alone', 'update kv set checksum = null', ['put a=1']]] satisfies [
          string,
          string,
          string[],
        ][])),
    [
      'long values, and short ones in their place',
      `update kv set value = zeroblob(300); update kv set value = zeroblob(257);
        insert into kv(key, value) values (x'62', zeroblob(300)); update kv set value = x'32'`,
      [`put a=${'\0'.repeat(300)}`, `put a=${'\0'.repeat(257)}`, `put b=${'\0'.repeat(300)}`, 'put a=2', 'put b=2'],
    ],
    ['a replace of the key', "insert or replace into kv(key, value) values (x'61', x'32')", ['put a=2']],
    ['an insert that is ignored', "insert or ignore into kv(key, value) select key, x'32' from kv", []],
    [
      'an update in place of another key',
      "insert into kv(key, value) values (x'62', x'32'); update or replace kv set key = x'61' where key = x'62'",
      layout === ROWS ? ['put b=2', 'del b', 'put a=2'] : ['put b=2', 'del a', 'del b', 'put a=2'],
    ],
    ['a delete', "delete from kv where key = x'61'", ['del a']],
    ['a delete of everything', 'delete from kv', ['del a']],
    [
      'a transaction',
      "begin; insert into kv(key, value) values (x'62', x'32'); delete from kv where key = x'62'; commit",
      ['put b=2', 'del b'],
    ],
    [
      'nothing of what is rolled back',
      "begin; delete from kv; rollback; insert into kv(key, value) values (x'62', x'32')",
      ['put b=2'],
    ],
    [
      'a savepoint that is rolled back',
      "begin; savepoint s; delete from kv; rollback to s; insert into kv(key, value) values (x'62', x'32'); commit",
      ['put b=2'],
    ],
  ])('%s', async ([, sql, wanted]) => {
    const { store, connection } = await given(layout)
    const watch = await watching(store)
    connection.exec(sql)
    await store.put('end', '')
    expect((await takeUntil(watch, 'end')).map(shown)).toEqual(wanted)
    expect(await store.check()).toMatchObject({ damagedKeys: [], problems: [] })
  })
})

test('a row that another program replaces by its id is a delete and a put', async () => {
  const { store, connection } = await given(ROWS)
  const watch = await watching(store)
  connection.exec("insert or replace into kv(id, key, value) select id, x'62', x'32' from kv")
  // Of different keys, so their order says nothing.
  expect(new Set((await take(watch, 2)).map(shown))).toEqual(new Set(['del a', 'put b=2']))
  await store.put('end', '')
  expect(await takeUntil(watch, 'end')).toEqual([])
})

describe('the log', () => {
  test('is not there before a watch, and gone after the last one', async () => {
    const { path, store, connection } = await given()
    const before = schema(connection)
    const one = await store.watch()
    const other = await (await openTestStore(path)).watch()
    expect(schema(connection).length).toBeGreaterThan(before.length)
    await one.close()
    await store.put('b', '2')
    expect((await take(other, 1)).map(shown)).toEqual(['put b=2'])
    await other.close()
    expect(schema(connection)).toEqual(before)
    // The statements that were prepared before and meanwhile work on.
    await store.put('c', '3')
    expect(await store.count()).toBe(3)
    expect((await store.stat()).revision).toBe(3)
    await store.close()
    expect(statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0).toBe(0)
  })

  test('is kept for a watch that is to go on, also when the store was closed, and goes with the first write after its time', async () => {
    const { path, store, connection } = await given()
    const before = schema(connection)
    const first = await store.watch({ resumable: true })
    await store.put('b', '2')
    await take(first, 1)
    const { position } = first
    await first.close()
    await store.close()
    connection.exec("insert into kv(key, value) values (x'63', x'33')")
    const again = await openTestStore(path)
    await again.put('d', '4')
    const second = await again.watch({ after: position })
    expect((await take(second, 2)).map(shown)).toEqual(['put c=3', 'put d=4'])
    await again.close()
    const last = await openTestStore(path)
    const third = await last.watch({ resumable: true })
    await third.close()
    await last.close()
    connection.exec(LAPSED)
    await (await openTestStore(path)).put('e', '5')
    expect(schema(connection)).toEqual(before)
  })

  test('of a watcher that was killed is filled no longer after its time, and taken away by the next to write', async () => {
    const { path, store, connection } = await given()
    const before = schema(connection)
    const watcher = startKv(['watch', '--all'], { store: path })
    const over = ended(watcher)
    // Only a writer of this version looks for what was left, and this store has looked already.
    while (schema(connection).length === before.length) await new Promise(setImmediate)
    connection.exec("insert into kv(key, value) values (x'62', x'32')")
    watcher.kill('SIGKILL')
    await over
    const logged = (): unknown => connection.prepare('select count(*) as n from kv_change').get()
    expect(logged()).toMatchObject({ n: 1 })
    connection.exec(LAPSED)
    connection.exec("insert into kv(key, value) values (x'63', x'33')")
    expect(logged()).toMatchObject({ n: 1 })
    expect(await store.count()).toBe(3)
    expect((await kv(['put', 'd', '4'], { store: path })).code).toBe(0)
    expect(schema(connection)).toEqual(before)
    expect((await kv(['check'], { store: path })).code).toBe(0)
  })

  test('that was not filled for a while ends the watch with a gap; a new one begins a new log', async () => {
    const { store, connection } = await given()
    const watch = await watching(store, { resumable: true })
    await store.put('b', '2')
    await take(watch, 1)
    const { position } = watch
    connection.exec(LAPSED)
    connection.exec("insert into kv(key, value) values (x'63', x'33')")
    expect(await failureCode(() => take(watch, 1))).toBe('KV_WATCH_GAP')
    expect(await failureCode(() => store.watch({ after: position }))).toBe('KV_WATCH_GAP')
    const again = await watching(store)
    await store.put('d', '4')
    expect((await take(again, 1)).map(shown)).toEqual(['put d=4'])
  })

  test('that nobody wrote to while a watcher was not heard of goes on', async () => {
    const { path, store, connection } = await given()
    const watch = await watching(store, { resumable: true })
    await store.put('b', '2')
    await take(watch, 1)
    connection.exec(LAPSED)
    const other = await watching(await openTestStore(path), { after: watch.position })
    connection.exec("insert into kv(key, value) values (x'63', x'33')")
    expect((await take(watch, 1)).map(shown)).toEqual(['put c=3'])
    expect((await take(other, 1)).map(shown)).toEqual(['put c=3'])
  })

  test('that was trimmed ends the watches that are behind, and no others', async () => {
    const { store, connection } = await given()
    const [behind, ahead] = [await watching(store), await watching(store)]
    for (let i = 0; i < 5; i++) {
      await store.put(`k${i}`, '')
      await take(ahead, 1)
    }
    connection.exec('delete from kv_change where position < (select max(position) from kv_change)')
    expect(await failureCode(() => take(behind, 1))).toBe('KV_WATCH_GAP')
    await store.put('last', '')
    expect((await take(ahead, 1)).map(shown)).toEqual(['put last='])
  })

  test('keeps what may still be read, and no more than its bounds', () => {
    const retention = new Retention()
    expect(retention.trimmable(0)).toBe(0)
    retention.mark(0, 10, 100)
    retention.mark(10_000, 20, 100)
    expect(retention.trimmable(59_999)).toBe(0)
    expect(retention.trimmable(60_000)).toBe(10)
    expect(retention.trimmable(70_000)).toBe(20)
    const many = new Retention()
    many.mark(0, 10, 100)
    many.mark(10_000, 200_000, 100)
    expect(many.trimmable(19_999)).toBe(0)
    expect(many.trimmable(20_000)).toBe(10)
    // What is newest is not beyond the bound, however much it is.
    expect(many.trimmable(30_000)).toBe(10)
    const large = new Retention()
    large.mark(0, 10, 100)
    large.mark(10_000, 20, 64_000_000)
    expect(large.trimmable(20_000)).toBe(10)
  })

  test('keeps what a living watch still needs, up to larger bounds', () => {
    const retention = new Retention()
    retention.mark(0, 10, 100)
    retention.mark(10_000, 20, 100)
    expect(retention.trimmable(3_600_000, 15)).toBe(15)
    expect(retention.trimmable(3_600_000, 15)).toBe(15)
    expect(retention.trimmable(3_600_000, 30)).toBe(20)
    const many = new Retention()
    many.mark(0, 10, 100)
    many.mark(10_000, 200_000, 100)
    expect(many.trimmable(20_000, 5)).toBe(5)
    many.mark(20_000, 10_000_010, 100)
    expect(many.trimmable(20_000, 5)).toBe(10)
    const large = new Retention()
    large.mark(0, 10, 100)
    large.mark(10_000, 20, 999_999_999)
    expect(large.trimmable(100_000, 0)).toBe(0)
    large.mark(100_000, 21, 1)
    expect(large.trimmable(100_000, 0)).toBe(10)
  })

  test('says how far the slowest watch of each process has read', async () => {
    const { path, store, connection } = await given()
    const needs = (): number[] =>
      (
        connection.prepare('select position from kv_watcher where position is not null order by position').all() as {
          position: number
        }[]
      ).map(({ position }) => position)
    const slow = await watching(store)
    for (let i = 0; i < 5; i++) await store.put('a', `${i}`)
    const other = await openTestStore(path)
    // One that begins where the slow one stands is told of at once.
    const behind = await watching(other, { after: slow.position })
    while (needs()[0] !== 0) await new Promise(setImmediate)
    const database = new Connection(path, { sync: false, lockTimeoutMs: 0 })
    expect(neededAfter(database, Date.now())).toBe(0)
    expect(neededAfter(database, Date.now() + 120_000)).toBeUndefined()
    database.close()
    await take(behind, 5)
    expect((await take(slow, 5)).map(shown)).toEqual([0, 1, 2, 3, 4].map((i) => `put a=${i}`))
  })

  test('is trimmed in shares, and never to its end', async () => {
    const { path, store, connection } = await given()
    await watching(store)
    const left = (): unknown =>
      (connection.prepare('select min(position) as first from kv_change').get() as { first: number }).first
    await store.batch([
      ...Array.from({ length: 6000 }, (_, i) => ({ type: 'put' as const, key: `k${i}`, value: '' })),
      ...Array.from({ length: 4 }, (_, i) => ({
        type: 'put' as const,
        key: `l${i}`,
        value: new Uint8Array(5_000_000),
      })),
    ])
    const database = new Connection(path, { sync: false, lockTimeoutMs: 5000 })
    expect(trimLog(database, 6003)).toBe(true)
    expect(left()).toBe(5001)
    // Of long values fewer.
    expect(trimLog(database, 6003)).toBe(true)
    expect(left()).toBe(6003)
    expect(trimLog(database, 7000)).toBe(false)
    expect(left()).toBe(6004)
    expect(trimLog(database, 7000)).toBe(false)
    expect(left()).toBe(6004)
    database.close()
  })

  test('of an older kv is joined', async () => {
    const { path, store, connection } = await given()
    const watch = await watching(store)
    connection.exec('alter table kv_watcher drop column position')
    const other = await watching(await openTestStore(path))
    await store.put('b', '2')
    expect((await take(other, 1)).map(shown)).toEqual(['put b=2'])
    expect((await take(watch, 1)).map(shown)).toEqual(['put b=2'])
  })
})

describe('a watched store', () => {
  test('takes loads, deletes in slices, many writers and checks as ever', { timeout: 60_000 }, async () => {
    const { path, store } = await given()
    const watch = await watching(store)
    const names = Array.from({ length: 40_000 }, (_, i) => `k${String(i).padStart(6, '0')}`)
    await store.load([block(names.map((key) => [key, key]))])
    expect((await take(watch, 40_000)).map(({ key }) => toText(key))).toEqual(names)
    const rows = names.slice(0, 1000).map((key) => `{"key":"${key}","value":"again"}\n`)
    expect((await kv(['batch-put', '--atomic'], { store: path, input: rows.join('') })).code).toBe(0)
    expect((await take(watch, 1000)).map(shown).at(-1)).toBe('put k000999=again')
    expect(await store.delRange({ prefix: 'k', signal: new AbortController().signal })).toBe(40_000)
    expect(new Set((await take(watch, 40_000)).map(shown))).toEqual(new Set(names.map((key) => `del ${key}`)))
    expect(await store.delRange({ all: true, signal: new AbortController().signal })).toBe(1)
    expect((await take(watch, 1)).map(shown)).toEqual(['del a'])
    expect(await store.check()).toMatchObject({ damagedKeys: [], problems: [] })
    expect((await kv(['check'], { store: path })).code).toBe(0)
  })

  test(
    'is what its changes, played back, make of it, with two processes that write',
    { timeout: 60_000 },
    async (context) => {
      needLibrary(context)
      const { path, store } = await given()
      const state = new Map((await entries(store)).map(({ key, value }) => [toText(key), toText(value)]))
      const watch = await watching(store)
      const rounds = 40
      const children = ['p0', 'p1'].map((id) => new Child('../crash/writer.mjs', ['contend', path, id, String(rounds)]))
      for (const child of children) await child.until(1)
      for (const child of children) child.say('go')
      for (const child of children) expect(await child.ended).toEqual({ code: 0, signal: null, stderr: '' })
      await store.put('end', '')
      const changes = await takeUntil(watch, 'end')
      let revision = 0
      for (const change of changes) {
        if (change.type === 'del') state.delete(toText(change.key))
        else {
          state.set(toText(change.key), toText(change.value))
          expect(change.revision).toBeGreaterThanOrEqual(revision)
          revision = change.revision
        }
      }
      await store.del('end')
      expect(state).toEqual(new Map((await entries(store)).map(({ key, value }) => [toText(key), toText(value)])))
      expect(changes.filter(({ key }) => toText(key) === 'counter')).toHaveLength(2 * rounds)
    },
  )

  test.for(['removed', 'replaced'])('whose file is %s ends its watches', async (how) => {
    const { path, store } = await given()
    const watch = await watching(store)
    const next = failureCode(() => take(watch, 1))
    if (how === 'removed') for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true })
    else renameSync(await givenStore([['other', '1']]), path)
    expect(await next).toBe('KV_WATCH_GAP')
  })
})

describe('beginning to watch', () => {
  test('waits for the lock of another process, no longer than asked, and can be stopped', async () => {
    const path = await givenStore([['a', '1']])
    const release = await holdLock(path)
    const hurried = await openTestStore(path, { timeoutMs: 20 })
    expect(await failureCode(() => hurried.watch())).toBe('KV_LOCKED')
    const patient = await openTestStore(path, { timeoutMs: 60_000 })
    const stop = new AbortController()
    const stopped = failureCode(() => patient.watch({ signal: stop.signal }))
    await new Promise(setImmediate)
    stop.abort()
    expect(await stopped).toBe('KV_INTERRUPTED')
    const coming = watching(patient)
    await release()
    const watch = await coming
    await patient.put('a', '2')
    expect((await take(watch, 1)).map(shown)).toEqual(['put a=2'])
  })

  test('makes no file, and begins when another process does', async () => {
    const path = join(tempDir(), 'store.kv')
    const store = await openTestStore(path)
    const watch = await watching(store, { prefix: 'k' })
    expect(watch.position).toBe('0')
    expect(statSync(path, { throwIfNoEntry: false })).toBeUndefined()
    expect((await kv(['put', 'k', '1'], { store: path })).code).toBe(0)
    expect((await take(watch, 1)).map(shown)).toEqual(['put k=1'])
    await store.put(text('k'), '2')
    expect((await take(watch, 1)).map(shown)).toEqual(['put k=2'])
  })

  test('waits for the lock also while the store is being made', async () => {
    const path = join(tempDir(), 'store.kv')
    const watch = await watching(await openTestStore(path, { timeoutMs: 60_000 }))
    execFileSync(KV[0], [...KV.slice(1), '--store', path, 'put', 'a', '1'])
    const connection = foreign(path)
    connection.exec('begin immediate')
    // Until then the watch has looked several times.
    const hurried = await openTestStore(path, { timeoutMs: 300 })
    expect(await failureCode(() => hurried.put('b', '2'))).toBe('KV_LOCKED')
    connection.exec('rollback')
    expect((await take(watch, 1)).map(shown)).toEqual(['put a=1'])
  })

  test('is refused by name where the file cannot be written', async (context) => {
    const disk = smallDisk(context, '16m')
    const path = join(disk, 'store.kv')
    // In a process of its own, which has let go of the file when it has ended.
    execFileSync(KV[0], [...KV.slice(1), '--store', path, 'put', 'a', '1'])
    execFileSync('mount', ['-o', 'remount,ro', disk])
    const store = await openTestStore(path)
    expect(toText((await store.get('a'))!)).toBe('1')
    expect(await failure(() => store.watch())).toMatchObject({
      code: 'KV_NOT_SUPPORTED',
      message: `${path} cannot be watched: a watch keeps a log in the file, which cannot be written`,
    })
  })
})
