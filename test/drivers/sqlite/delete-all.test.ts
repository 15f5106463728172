import { join } from 'node:path'
import { expect, test } from 'vitest'
import { sqliteEngine } from '../../../src/drivers/sqlite/engine/engine.ts'
import { openStore } from '../../../src/index.ts'
import { LAYOUTS, emptyStore } from '../../helpers/layouts.ts'
import { tempDir } from '../../helpers/temp-dir.ts'

/** Enough for a store that is emptied at once. */
const ENTRIES = 4000

test.for(
  LAYOUTS.flatMap(([name, layout]) =>
    [undefined, new AbortController().signal].map((signal) => ({ name, layout, signal })),
  ),
)('a store of $name that was emptied has all of its parts, and no value', async ({ layout, signal }) => {
  const path = emptyStore(join(tempDir(), 'store.kv'), layout)
  const database = new (sqliteEngine().DatabaseSync)(path)
  const schema = (): unknown[] => database.prepare('select type, name, sql from sqlite_schema order by name').all()
  const before = schema()
  await using store = await openStore(path)
  await store.batch(
    Array.from({ length: ENTRIES }, (_, n) => ({
      type: 'put',
      key: `k${n}`,
      value: new Uint8Array(n % 2 === 0 ? 10 : 900),
    })),
  )
  expect(await store.delRange({ all: true, signal })).toBe(ENTRIES)
  expect(schema()).toEqual(before)
  await store.put('long', new Uint8Array(900))
  await store.put('long', 'short')
  await store.put('other', new Uint8Array(900))
  await store.del('other')
  expect(await store.check()).toMatchObject({ checked: 1, damagedKeys: [], problems: [] })
  if ('kv_long' in layout.tables) expect(database.prepare('select count(*) as n from kv_long').get()).toEqual({ n: 0 })
  database.close()
})
