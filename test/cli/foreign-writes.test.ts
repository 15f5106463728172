import { copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { CLUSTERED } from '../../src/drivers/sqlite/layout/clustered.ts'
import { LAYOUT_OF_NEW } from '../../src/drivers/sqlite/layout/layouts.ts'
import { ROWS } from '../../src/drivers/sqlite/layout/rows.ts'
import { openStore } from '../../src/index.ts'
import { expectRun, givenStore, kv } from '../helpers/kv.ts'
import { LAYOUTS, emptyStore } from '../helpers/layouts.ts'
import { sql } from '../helpers/sql.ts'
import { tempDir } from '../helpers/temp-dir.ts'

async function after(statement: string, layout = LAYOUT_OF_NEW): Promise<string> {
  const path = emptyStore(join(tempDir(), 'test.kv'), layout)
  {
    await using store = await openStore(path)
    await store.put('a', '1')
    await store.put('b', '2')
  }
  sql(path, statement)
  return path
}

const READS = [
  ['get', 'a', 'b'],
  ['range'],
  ['range', '--format', 'csv'],
  ['count'],
  ['stat'],
  ['peek', 'a'],
  ['ls', '--json'],
  ['du'],
]

interface Spoilt {
  readonly statement: string
  readonly problem: RegExp
  readonly heals: boolean
}

/** What another tool may take away or spoil, the line `check` has for it, and whether the next put mends it. */
const SPOILT: readonly Spoilt[] = [
  {
    statement: 'drop index kv_expires',
    problem: /^problem: kv_expires is missing; the next write of kv makes it again$/m,
    heals: true,
  },
  { statement: 'delete from kv_store', problem: /^problem: the row of kv_store is missing; /m, heals: true },
  { statement: 'drop table kv_store', problem: /^problem: kv_store is missing; /m, heals: true },
  {
    statement: `update kv set expires = 9000000000000000 where key = x'61'`,
    problem: /^problem: 1 entry expires after the year 9999/m,
    heals: false,
  },
  {
    statement: 'update kv set expires = 1800000000000000000',
    problem: /^problem: 2 entries expire after the year 9999/m,
    heals: false,
  },
]

/** The same where the layout has its own names. */
const SPOILT_IN: Readonly<Record<number, readonly Spoilt[]>> = {
  [ROWS.format]: [
    { statement: 'drop trigger kv_foreign_update', problem: /^problem: kv_foreign_update is missing; /m, heals: true },
    { statement: 'drop trigger kv_foreign_insert', problem: /^problem: kv_foreign_insert is missing; /m, heals: true },
    { statement: 'drop view kv_foreign', problem: /^problem: kv_foreign is missing; /m, heals: true },
    {
      statement: 'drop table kv',
      problem: /^problem: the table kv is missing, and all entries with it$/m,
      heals: false,
    },
    {
      statement: `drop trigger kv_foreign_insert; insert into kv(key, value) values (x'', x'31')`,
      problem:
        /^problem: an entry has the empty key, which no command can name; with sqlite3: delete from kv where key = x''$/m,
      heals: false,
    },
  ],
  [CLUSTERED.format]: [
    ...['insert', 'update', 'delete', 'long_update', 'long_delete'].map((name) => ({
      statement: `drop trigger kv_${name}`,
      problem: new RegExp(`^problem: kv_${name} is missing; `, 'm'),
      heals: true,
    })),
    { statement: 'drop view kv', problem: /^problem: kv is missing; /m, heals: true },
    { statement: 'drop table kv_conflict', problem: /^problem: kv_conflict is missing; /m, heals: true },
    { statement: 'drop table kv_long', problem: /^problem: kv_long is missing; /m, heals: true },
    {
      statement: 'drop table kv_entry',
      problem: /^problem: the table kv_entry is missing, and all entries with it$/m,
      heals: false,
    },
    {
      statement: `insert into kv_entry(key, revision, value) values (x'', 2, x'31')`,
      problem:
        /^problem: an entry has the empty key, which no command can name; with sqlite3: delete from kv where key = x''$/m,
      heals: false,
    },
  ],
}

describe.for(LAYOUTS)('check sees, and no command fails as a bug, after another tool has run, %s', ([, layout]) => {
  for (const { statement, problem, heals } of [...SPOILT, ...SPOILT_IN[layout.format]!]) {
    test(statement, async () => {
      const store = await after(statement, layout)
      const checked = await kv(['check'], { store })
      expect(checked).toMatchObject({ code: 4, stderr: expect.stringContaining('(KV_CORRUPT)') as string })
      expect(checked.stdout.toString()).toMatch(problem)
      for (const args of [...READS, ['put', 'c', '3'], ['del', 'b'], ['put', 'd', '4', '--ttl', '90s']]) {
        const { code, stderr } = await kv(args, { store })
        if (code !== 0)
          expect({ code, stderr }, args.join(' ')).toEqual({
            code: 4,
            stderr: expect.stringMatching(
              / is damaged: no such .*\(KV_CORRUPT\)\nhint: see what is missing with: kv --store \S+ check\n$/,
            ) as string,
          })
        if (code !== 0 && heals) expect(READS).toContain(args)
      }
      if (heals) expectRun(await kv(['check'], { store }), { stdout: 'ok: 3 entries checked, 0 without a checksum\n' })
    })
  }
})

test('an expiry that no timestamp can name is told as the last one, and copies', async () => {
  const store = await after(
    `update kv set expires = 1800000000000000 where key = x'61'; update kv set expires = 9000000000000000000 where key = x'62'`,
  )
  const lines =
    '{"key":"a","value":"1","expires":"9999-12-31T23:59:59.999Z"}\n{"key":"b","value":"2","expires":"9999-12-31T23:59:59.999Z"}\n'
  const { stdout } = await kv(['range'], { store })
  expect(stdout.toString()).toBe(lines)
  const copy = join(tempDir(), 'copy.kv')
  expect(await kv(['batch-put', '-'], { store: copy, input: stdout })).toMatchObject({ code: 0 })
  expect((await kv(['range'], { store: copy })).stdout.toString()).toBe(lines)
})

test('the empty key is refused to other tools too', async () => {
  const store = await givenStore([['a', '1']])
  expect(() => sql(store, `insert into kv(key, value) values (x'', x'31')`)).toThrow('kv: the empty key is no key')
  expect(() => sql(store, `update kv set key = x''`)).toThrow('kv: the empty key is no key')
  expectRun(await kv(['range', '--keys'], { store }), { stdout: 'a\n' })
})

test.for(LAYOUTS)('what another tool writes gets a revision, %s', async ([, layout]) => {
  const store = await after(
    `insert into kv(key, value) values (x'63', x'33'), (x'64', x'34'); update kv set value = x'35' where key = x'61'`,
    layout,
  )
  const { stdout } = await kv(['stat', '--json'], { store })
  expect((JSON.parse(stdout.toString()) as { revision: number }).revision).toBe(5)
  await using open = await openStore(store)
  expect(await Promise.all(['a', 'b', 'c', 'd'].map(async (key) => (await open.head(key))?.revision))).toEqual([
    5, 2, 3, 4,
  ])
})

test('a store of an older kv, without marks and triggers for inserts, is read as it is and brought up to date by the first write', async () => {
  const made = await after('select 1', ROWS)
  sql(
    made,
    `drop trigger kv_foreign_insert; drop trigger kv_foreign_update; drop trigger kv_foreign_write; drop view kv_foreign;
    alter table kv_store drop column mark; alter table kv_store drop column mark_before;
    create trigger kv_foreign_update after update on kv
    when new.checksum is old.checksum and new.checksum is not null
      and (new.key is not old.key or new.value is not old.value or new.expires is not old.expires)
    begin
      update kv set checksum = null where id = new.id;
    end; pragma wal_checkpoint(truncate)`,
  )
  // The engine may keep the files beside the first open for a while.
  const store = join(tempDir(), 'old.kv')
  copyFileSync(made, store)
  const before = readFileSync(store)
  for (const args of [...READS, ['check']])
    expect(await kv(args, { store }), args[0]).toMatchObject({ code: 0, stderr: '' })
  expect(readFileSync(store)).toEqual(before)
  expectRun(await kv(['put', 'b', '2'], { store }), {})
  sql(store, `insert into kv(key, value) values (x'63', x'33')`)
  expectRun(await kv(['check'], { store }), { stdout: 'ok: 2 entries checked, 1 without a checksum\n' })
  expect(
    (JSON.parse((await kv(['stat', '--json'], { store })).stdout.toString()) as { revision: number }).revision,
  ).toBe(4)
})
