/** Batches that go into the file by way of a temporary table. */
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { sqliteEngine } from '../../../src/drivers/sqlite/engine/engine.ts'
import { StoreFile } from '../../../src/drivers/sqlite/file/store-file.ts'
import { applyOps } from '../../../src/drivers/sqlite/write/apply-ops.ts'
import { Writer } from '../../../src/drivers/sqlite/write/writer.ts'
import type { Op } from '../../../src/store/driver/entry.ts'
import { tempDir } from '../../helpers/temp-dir.ts'

const MANY = 600

const keyOf = (n: number): Buffer => Buffer.from(`key${String((n * 7919) % 100_003).padStart(6, '0')}`)
const put = (n: number, value: string, expires?: number): Op => ({
  type: 'put',
  key: keyOf(n),
  value: Buffer.from(value),
  expires,
})
const puts = (from: number, value: (n: number) => string): Op[] =>
  Array.from({ length: MANY }, (_, n) => put(from + n, value(n)))
const short = (n: number): string => `short ${n}`
const long = (n: number): string => `${n}`.repeat(300)
const again = (n: number): string => `again ${n}`

function place() {
  const path = join(tempDir(), 'store.kv')
  const file = new StoreFile(path, {
    sync: false,
    makeFolder: false,
    maxEntries: undefined,
    anyBound: false,
    lockTimeoutMs: 5000,
  })
  const writer = new Writer(file, () => {}, Date.now)
  onTestFinished(async () => {
    await writer.idle()
    file.close()
  })
  return {
    write: (ops: readonly Op[], failure?: Error) =>
      writer.write((transaction) => {
        applyOps(transaction, ops, transaction.nextRevision())
        if (failure !== undefined) throw failure
      }),
    sql(text: string): unknown[] {
      const database = new (sqliteEngine().DatabaseSync)(path)
      try {
        return database.prepare(text).all()
      } finally {
        database.close()
      }
    },
  }
}

const CASES: Record<string, { before?: Op[]; batch: Op[] }> = {
  'into an empty store': { batch: puts(0, short) },
  'beside other entries': { before: puts(0, short), batch: puts(MANY, short) },
  'in place of all entries': { before: puts(0, short), batch: puts(0, again) },
  // Its first, last and middle key are new.
  'in place of some entries': { before: puts(1, short).slice(0, 200), batch: puts(0, again) },
  'in place of long values': { before: puts(1, long).slice(0, 200), batch: puts(0, short) },
  'with keys that come twice': { batch: [...puts(0, short), ...puts(0, again)] },
  'with a delete between': { batch: [...puts(0, short), { type: 'del', key: keyOf(5) }, ...puts(300, again)] },
  'with entries that expire': { batch: puts(0, short).map((op, n) => (n % 2 === 0 ? op : put(n, 'gone', 4e12 + n))) },
  'with long values': { before: puts(0, short), batch: puts(300, long) },
}

test.each(Object.entries(CASES))('a batch %s', async (_, { before = [], batch }) => {
  const { write, sql } = place()
  const expected = new Map<string, string>()
  for (const op of [...before, ...batch]) {
    if (op.type === 'del') expected.delete(String(op.key))
    else expected.set(String(op.key), `${String(op.value)} ${String(op.expires ?? null)}`)
  }
  if (before.length > 0) await write(before)
  await write(batch)
  const entries = sql(
    `select cast(key as text) as key, cast(value as text) || ' ' || coalesce(expires, 'null') as told from kv order by key`,
  ) as { key: string; told: string }[]
  expect(entries.map(({ key, told }) => [key, told])).toEqual([...expected].toSorted(([a], [b]) => (a < b ? -1 : 1)))
  const longs = [...expected.values()].filter((value) => value.length > 270).length
  expect(sql('select count(*) as n from kv_long')).toEqual([{ n: longs }])
  expect(sql('select count(*) as n from kv_entry where long is not null')).toEqual([{ n: longs }])
  const touched = new Set(batch.filter(({ type }) => type === 'put').map(({ key }) => String(key)))
  const stillThere = [...touched].filter((key) => expected.has(key)).length
  expect(sql('select count(*) as n from kv_entry where revision = (select revision from kv_store)')).toEqual([
    { n: stillThere },
  ])
})

test('a trigger of another program sees each row of a batch', async () => {
  const { write, sql } = place()
  await write([put(1, 'one')])
  sql('create table seen(key blob unique) strict')
  sql('create trigger see after insert on kv_entry begin insert or replace into seen values (new.key); end')
  sql('insert into seen select key from kv_entry')
  await write(puts(1000, short))
  expect(sql('select count(*) as n from seen')).toEqual([{ n: MANY + 1 }])
})

test.each([
  ['alone', false],
  ['in a commit that is shared', true],
])('after a batch that was taken back, %s, the next are put', async (_, isShared) => {
  const { write, sql } = place()
  await write([put(5000, 'first')])
  for (const value of [short, long]) {
    const writes = [write(puts(0, value), new Error('taken back')), ...(isShared ? [write([put(5001, 'other')])] : [])]
    expect((await Promise.allSettled(writes)).map(({ status }) => status)).toEqual(
      isShared ? ['rejected', 'fulfilled'] : ['rejected'],
    )
  }
  await write(puts(0, short))
  await write(puts(0, long))
  expect(sql('select count(*) as n from kv')).toEqual([{ n: MANY + (isShared ? 2 : 1) }])
})
