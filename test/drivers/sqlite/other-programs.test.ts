import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { sqliteEngine } from '../../../src/drivers/sqlite/engine/engine.ts'
import { CLUSTERED } from '../../../src/drivers/sqlite/layout/clustered.ts'
import { ROWS } from '../../../src/drivers/sqlite/layout/rows.ts'
import { openStore } from '../../../src/index.ts'
import { LAYOUTS, emptyStore } from '../../helpers/layouts.ts'
import { toText } from '../../helpers/bytes.ts'
import { tempDir } from '../../helpers/temp-dir.ts'
import { takeUntil, watching } from '../../helpers/watch.ts'

const RUNS = Number(process.env['KV_TEST_RUNS'] ?? 20)
const KEYS = ['a', 'b', 'c']
const blob = (text: string): string => `cast('${text}' as blob)`

const key = fc.constantFrom(...KEYS)
/** Short and long ones, of which no two are alike. */
const value = fc.tuple(fc.nat(999), fc.boolean()).map(([n, isLong]) => `${n}`.padEnd(isLong ? 300 : 1, 'x'))

/** A statement of another program, some of several rows, some that fail. */
const statement = fc.oneof(
  fc
    .tuple(
      fc.constantFrom('insert', 'insert or ignore', 'insert or replace', 'insert or fail'),
      fc.array(fc.tuple(key, value), { minLength: 1, maxLength: 3 }),
    )
    .map(
      ([verb, rows]) =>
        `${verb} into kv(key, value) values ${rows.map(([k, v]) => `(${blob(k)}, ${blob(v)})`).join(', ')}`,
    ),
  fc.tuple(key, value).map(([k, v]) => `update kv set value = ${blob(v)} where key <= ${blob(k)}`),
  fc
    .tuple(fc.constantFrom('update', 'update or ignore', 'update or replace', 'update or fail'), key, key)
    .map(([verb, from, to]) => `${verb} kv set key = ${blob(to)} where key = ${blob(from)}`),
  key.map((k) => `update kv set expires = 4102444800000 where key = ${blob(k)}`),
  key.map((k) => `delete from kv where key >= ${blob(k)}`),
)

/** Alone, in a transaction, or in a savepoint that is rolled back. */
const step = fc.tuple(
  fc.constantFrom('', 'commit', 'rollback', 'savepoint'),
  fc.array(statement, { minLength: 1, maxLength: 3 }),
)

describe.for(LAYOUTS)('random statements of another program, %s', ([, layout]) => {
  test('a watch that plays them has the store; the history has each state that was', { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 8 }), async (steps) => {
        const path = emptyStore(join(tempDir(), 'store.kv'), layout)
        await using store = await openStore(path)
        await store.history.on({ keep: 1000 })
        const watch = await watching(store)
        const other = new (sqliteEngine().DatabaseSync)(path)
        // The same in a plain table.
        const plain = new (sqliteEngine().DatabaseSync)(':memory:')
        plain.exec('create table kv(key blob primary key, value blob not null, expires integer)')
        const state = (database: typeof other): unknown[] =>
          database
            .prepare('select cast(key as text) as key, cast(value as text) as value, expires from kv order by key')
            .all()
        const seen: { revision: number; entries: unknown[] }[] = []
        const run = (sql: string): void => {
          const results = [other, plain].map((database) => {
            try {
              database.exec(sql)
              return 'done'
            } catch {
              return 'failed'
            }
          })
          expect(results[0], sql).toBe(results[1])
          expect(state(other), sql).toEqual(state(plain))
        }
        const noteState = (): void => {
          const { revision } = other.prepare('select revision from kv_store').get() as { revision: number }
          seen.push({ revision, entries: state(other) })
        }
        try {
          for (const [end, statements] of steps) {
            if (end !== '') run('begin')
            for (const sql of statements) {
              if (end === 'savepoint') run('savepoint s')
              run(sql)
              if (end === 'savepoint') run('rollback to s')
              if (end === '') noteState()
            }
            if (end !== '') run(end === 'rollback' ? 'rollback' : 'commit')
            noteState()
          }
          // Each long value is that of one entry.
          const { n: unused } =
            layout === CLUSTERED
              ? (other
                  .prepare('select (select count(*) from kv_long) - (select count(long) from kv_entry) as n')
                  .get() as { n: number })
              : { n: 0 }
          expect(unused).toBe(0)
        } finally {
          other.close()
        }
        await store.put('end', '')
        const played = new Map<string, string>()
        for (const change of await takeUntil(watch, 'end')) {
          const k = toText(change.key)
          if (change.type === 'put') played.set(k, toText(change.value))
          else played.delete(k)
        }
        const last = state(plain) as { key: string; value: string }[]
        expect([...played].toSorted()).toEqual(last.map((row) => [row.key, row.value]))
        // In format 1 a delete of another program has no revision of its own.
        for (const { revision, entries } of layout === ROWS ? [] : seen) {
          const then: unknown[] = []
          for (const k of KEYS) {
            const entry = await store.history.at(k, { revision })
            if (entry !== undefined) then.push([k, toText(entry.value)])
          }
          expect(then, `revision ${revision}`).toEqual(
            (entries as { key: string; value: string }[]).map((row) => [row.key, row.value]),
          )
        }
        expect(await store.check()).toMatchObject({ damagedKeys: [], problems: [] })
        await watch.close()
        plain.close()
      }),
      { numRuns: RUNS },
    )
  })
})

test.for([
  ['insert', `insert or fail into kv(key, value) values (${blob('a')}, ${blob('1')})`],
  ['update', `update or fail kv set key = ${blob('a')} where key = ${blob('b')}`],
])('after an %s or fail that failed, the next write is a commit as any other', ([, failing]) => {
  const database = new (sqliteEngine().DatabaseSync)(emptyStore(join(tempDir(), 'store.kv'), CLUSTERED))
  const put = (key: string): void => database.exec(`insert into kv(key, value) values (${blob(key)}, ${blob('1')})`)
  const state = (): unknown => database.prepare('select revision from kv_store').get()
  put('a')
  put('b')
  expect(() => database.exec(failing!)).toThrow('UNIQUE')
  const before = state() as { revision: number }
  put('c')
  expect(state()).toMatchObject({ revision: before.revision + 1 })
  expect(database.prepare('select max(revision) as revision from kv').get()).toEqual({ revision: before.revision + 1 })
  database.close()
})
