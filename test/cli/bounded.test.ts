import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openStore } from '../../src/index.ts'
import { sqliteEngine } from '../../src/drivers/sqlite/engine/engine.ts'
import { contents, ended, expectRun, givenStore, kv, kvProcess, startKv } from '../helpers/kv.ts'
import { served } from '../helpers/serve.ts'
import { sql } from '../helpers/sql.ts'
import { tempDir } from '../helpers/temp-dir.ts'

/** A store with a bound that holds these keys, the oldest first. */
async function given(maxEntries: number, keys: string): Promise<string> {
  const path = await givenStore()
  await using store = await openStore(path, { durable: false, maxEntries })
  for (const key of keys.split(' ')) await store.put(key, key)
  return path
}

const keysIn = async (path: string): Promise<string> => (await contents(path)).map(([key]) => key).join(' ')

describe('--max-entries', () => {
  test('a store that is made with it keeps the newest, whoever writes then', async () => {
    const store = await givenStore()
    expectRun(await kv(['put', 'a', '1', '--max-entries', '2'], { store }), {})
    for (const key of ['b', 'c']) expectRun(await kv(['put', key, '1'], { store }), {})
    expectRun(await kv(['range', '--keys'], { store }), { stdout: 'b\nc\n' })
    const { stdout } = await kv(['stat', '--json'], { store })
    expect(JSON.parse(stdout.toString())).toMatchObject({ entries: 2, max_entries: 2, evicted: 1 })
    expectRun(await kv(['check'], { store }), { stdout: 'ok: 2 entries checked, 0 without a checksum\n' })
  })

  test('of a load of more the last of the input stay', async () => {
    const store = await givenStore()
    const input = Array.from({ length: 10 }, (_, i) => `{"key":"k${i + 1}","value":"1"}\n`).join('')
    expectRun(await kv(['batch-put', '--quiet', '--max-entries', '3'], { store, input }), {})
    expect(await keysIn(store)).toBe('k10 k8 k9')
    const timed = Array.from({ length: 10 }, (_, i) => `{"key":"t${i + 1}","value":"1","ttl":60}\n`).join('')
    expectRun(await kv(['batch-put', '--quiet', '--atomic'], { store, input: timed }), {})
    expect(await keysIn(store)).toBe('t10 t8 t9')
  })

  test.each([
    ['incr', ['incr', 'n']],
    ['lock', ['lock', 'n', '--', 'true']],
    ['batch-put', ['batch-put', '--lines']],
    ['repl', ['repl']],
  ])('%s makes such a store too', async (_, args) => {
    const store = await givenStore()
    expect((await kvProcess(['--max-entries', '2', ...args], { store, input: 'put a 1\n' })).code).toBe(0)
    expect((await kv(['stat'], { store })).stdout.toString()).toContain('max_entries: 2\n')
  })

  test('a copy gets the bound of its own, and not of its source', async () => {
    const from = await given(3, 'a b c')
    const to = await givenStore()
    expectRun(await kv(['copy', from, to, '--max-entries', '2', '--quiet']), {})
    expect(await keysIn(to)).toBe('b c')
    const free = await givenStore()
    expectRun(await kv(['copy', from, free, '--quiet']), {})
    expect((await kv(['stat'], { store: free })).stdout.toString()).not.toContain('max_entries')
  })

  test('another number than that of the store is refused, with the way out', async () => {
    const bounded = await given(2, 'a')
    const free = await givenStore([['a', '1']])
    expectRun(await kv(['put', 'b', '1', '--max-entries', '2'], { store: bounded }), {})
    for (const [store, told] of [
      [bounded, 'was made with --max-entries 2, which stays'],
      [free, 'was made without --max-entries, which stays'],
    ] as const) {
      const stderr = `kv: ${store} ${told} (KV_USAGE)\nhint: copy it to a new one: kv copy ${store} NEW --max-entries 3\n`
      for (const args of [['put', 'z', '1'], ['get', 'a'], ['stat']])
        expectRun(await kv([...args, '--max-entries', '3'], { store }), { stderr, code: 2 })
    }
    expect(await keysIn(bounded)).toBe('a b')
  })

  test('the variable holds for stores that are made, and leaves the others alone', async () => {
    const env = { KV_MAX_ENTRIES: '1' }
    const free = await givenStore([['a', '1']])
    const bounded = await given(3, 'a')
    for (const store of [free, bounded]) {
      expectRun(await kv(['put', 'b', '1'], { store, env }), {})
      expect(await keysIn(store)).toBe('a b')
    }
    const made = await givenStore()
    for (const key of ['a', 'b']) expectRun(await kv(['put', key, '1'], { store: made, env }), {})
    expect(await keysIn(made)).toBe('b')
    const { url } = await served([], { store: free })
    expectRun(await kv(['put', 'c', '1'], { store: url, env }), {})
  })

  test.each(['0', '-1', '1.5', 'many', '1e3', '99999999999999999999'])('%s is no number of entries', async (n) => {
    expectRun(await kv(['put', 'a', '1', `--max-entries=${n}`], { store: await givenStore() }), {
      stderr: `kv: --max-entries wants a whole number of 1 or more, not ${n} (KV_USAGE)\n`,
      code: 2,
    })
  })

  test('a server has that of its store', async () => {
    const { url } = await served(['--max-entries', '2'])
    for (const key of ['a', 'b', 'c']) expectRun(await kv(['put', key, '1'], { store: url }), {})
    expectRun(await kv(['range', '--keys'], { store: url }), { stdout: 'b\nc\n' })
    expectRun(await kv(['put', 'a', '1', '--max-entries', '2'], { store: url }), {
      stderr: `kv: ${url} has the bound that its own store was made with (KV_NOT_SUPPORTED)\nhint: it is given where the store is served: kv serve --max-entries 2\n`,
      code: 2,
    })
    expectRun(
      await kv(['batch-put', '--quiet'], { store: url, input: '{"key":"x","value":""}\n{"key":"y","value":""}\n' }),
      {},
    )
    expectRun(await kv(['range', '--keys'], { store: url }), { stdout: 'x\ny\n' })
  })

  test('backup, restore and compact keep it', async () => {
    const store = await given(2, 'b a')
    const copy = join(tempDir(), 'copy.kv')
    const restored = join(tempDir(), 'restored.kv')
    expect((await kv(['backup', copy], { store })).code).toBe(0)
    expect((await kv(['restore', copy], { store: restored })).code).toBe(0)
    for (const path of [store, copy, restored]) {
      expect((await kv(['compact'], { store: path })).code).toBe(0)
      expectRun(await kv(['put', 'c', '1'], { store: path }), {})
      expect(await keysIn(path)).toBe('a c')
      expectRun(await kv(['check'], { store: path }), { stdout: /^ok: 2 entries/ })
    }
  })

  test('salvage gives it to the new store where that is asked for', async () => {
    const store = await given(3, 'c b a')
    for (const [options, entries, left] of [
      [[], 3, 'a b c d'],
      [['--max-entries', '3'], 3, 'a b d'],
      [['--max-entries', '2'], 2, 'a d'],
    ] as const) {
      const saved = join(tempDir(), 'saved.kv')
      expectRun(await kv(['salvage', saved, ...options], { store }), { stdout: `${entries} entries saved, 0 lost\n` })
      expectRun(await kv(['put', 'd', '1'], { store: saved }), {})
      expect(await keysIn(saved)).toBe(left)
      expectRun(await kv(['check'], { store: saved }), { stdout: /^ok: / })
    }
  })

  test('in a session .undo takes back what was put; what had to go for it does not come back', async () => {
    const store = await given(2, 'a b')
    const run = await kvProcess(['repl'], { store, input: 'put c 1\n.undo\nrange --keys\n' })
    expect(run.stdout.toString()).toBe('b\n')
    expect(run.stderr).toContain('undone: put c 1 (1 key)')
  })

  test('and what had to go for its own kind is not taken for a later write', async () => {
    const store = await given(2, 'a b')
    const input = 'batch-put --lines --quiet < lines\n.undo\n'
    const run = await kvProcess(['repl'], {
      store,
      cwd: folderWith('lines', 'x\ny\nz\n'),
      input,
    })
    expect(run.stderr).toContain('kv: not undone: x is gone since: batch-put --lines --quiet < lines (KV_NOT_UNDONE)')
  })
})

function folderWith(name: string, content: string): string {
  const folder = tempDir()
  writeFileSync(join(folder, name), content)
  return folder
}

const blob = (text: string): string => `cast('${text}' as blob)`

/** What another tool does to a store of `a b c`, in which `a` is the oldest and 3 the bound, and what is left. */
const FOREIGN: readonly [statement: string, left: string][] = [
  [`insert into kv(key, value) values (${blob('d')}, x'31')`, 'b c d'],
  [`insert into kv(key, value) values (${blob('d')}, x'31'), (${blob('e')}, x'31')`, 'c d e'],
  [
    `insert into kv(key, value) values (${['d', 'e', 'f', 'g'].map(blob).join(`, ''), (`)}, '')`.replaceAll(
      "''",
      "x''",
    ),
    'e f g',
  ],
  [
    `update kv set value = x'32' where key = ${blob('a')}; insert into kv(key, value) values (${blob('d')}, x'')`,
    'a c d',
  ],
  [`insert or replace into kv(key, value) values (${blob('a')}, x'32')`, 'a b c'],
  [`insert or replace into kv(key, value) values (${blob('a')}, x'32'), (${blob('d')}, x'')`, 'a c d'],
  [`insert or replace into kv(id, key, value) select id, ${blob('d')}, x'' from kv where key = ${blob('b')}`, 'a c d'],
  [`insert or replace into kv(id, key, value) select id, ${blob('c')}, x'' from kv where key = ${blob('b')}`, 'a c'],
  [`insert or ignore into kv(key, value) values (${blob('a')}, x'32'), (${blob('d')}, x'')`, 'b c d'],
  [
    `insert into kv(key, value) values (${blob('a')}, x'') on conflict do nothing; delete from kv where key = ${blob('b')}`,
    'a c',
  ],
  [`update or replace kv set key = ${blob('b')} where key = ${blob('a')}`, 'b c'],
  [`update or replace kv set key = ${blob('d')}`, 'd'],
  [`update or replace kv set id = (select id from kv where key = ${blob('b')}) where key = ${blob('a')}`, 'a c'],
  [
    `update or ignore kv set key = ${blob('b')} where key = ${blob('a')}; insert into kv(key, value) values (${blob('d')}, x'')`,
    'b c d',
  ],
  ['delete from kv', ''],
  [`begin; insert into kv(key, value) values (${blob('d')}, x''); rollback`, 'a b c'],
  [`replace into kv(key, value, revision) values (${blob('a')}, x'', 0), (${blob('d')}, x'', 0)`, 'a c d'],
  [`replace into kv(key, value, revision) values (${blob('a')}, x'', 90)`, 'a b c'],
  ['update kv_bound set max_entries = 2', 'a b c'],
  [`update kv_bound set max_entries = 2; insert into kv(key, value) values (${blob('d')}, x'')`, 'c d'],
]

describe('another tool keeps the bound', () => {
  for (const recursive of ['off', 'on']) {
    test.each(FOREIGN)(`with recursive_triggers ${recursive}: %s`, async (statement, left) => {
      const store = await given(3, 'a b c')
      sql(store, `pragma recursive_triggers = ${recursive}; ${statement}`)
      expect(await keysIn(store)).toBe(left)
      const { stdout } = await kv(['check'], { store })
      if (statement !== 'update kv_bound set max_entries = 2') expect(stdout.toString()).toMatch(/^ok: /)
      expect(counted(store)).toBe(left === '' ? 0 : left.split(' ').length)
    })
  }
})

function counted(path: string): number {
  const database = new (sqliteEngine().DatabaseSync)(path)
  try {
    return (database.prepare('select entries from kv_bound').get() as { entries: number }).entries
  } finally {
    database.close()
  }
}

describe('what another tool has spoilt', () => {
  test.each([
    'drop trigger kv_bound_insert',
    'drop trigger kv_bound_delete',
    'drop trigger kv_bound_before',
    'drop trigger kv_bound_move',
    'drop trigger kv_bound_evict',
    'drop view kv_surplus',
    'drop index kv_oldest',
  ])('is told by check, and mended by the next write: %s', async (statement) => {
    const store = await given(3, 'a b c')
    const missing = statement.split(' ').at(-1)!
    sql(store, `${statement}; update kv_bound set entries = 9`)
    const told = await kv(['check'], { store })
    expect(told.code).toBe(4)
    expect(told.stdout.toString()).toContain(`problem: ${missing} is missing; the next write of kv makes it again\n`)
    expectRun(await kv(['put', 'd', '1'], { store }), {})
    expect(await keysIn(store)).toBe('b c d')
    expectRun(await kv(['check'], { store }), { stdout: /^ok: 3 entries/ })
  })

  test('a wrong count is told, and mended by compact', async () => {
    const store = await given(3, 'a b')
    sql(store, 'update kv_bound set entries = 3')
    expect((await kv(['check'], { store })).stdout.toString()).toContain(
      'problem: kv_bound counts 3 entries, and there are 2; kv compact counts them anew\n',
    )
    expect((await kv(['compact'], { store })).code).toBe(0)
    expectRun(await kv(['check'], { store }), { stdout: /^ok: / })
    sql(store, 'delete from kv_bound')
    expect((await kv(['check'], { store })).stdout.toString()).toContain('the row of kv_bound is missing')
    expectRun(await kv(['put', 'c', '1'], { store }), {})
  })
})

test('never more than the bound after a commit, with several processes that write, some of which are killed', async () => {
  const path = await givenStore()
  const MAX = 50
  await using store = await openStore(path, { durable: false, maxEntries: MAX })
  await store.put('first', '1')
  const writers = Array.from({ length: 4 }, (_, n) =>
    startKv(['batch-put', '--no-sync', '--quiet'], { store: path, env: { N: String(n) } }),
  )
  for (const [n, { stdin }] of writers.entries()) {
    // More than the bound, in several blocks: each ends where its chunk does.
    for (let block = 0; block < 20; block++)
      stdin!.write(
        Array.from({ length: 40 }, (_, i) => `{"key":"w${n}:${(block * 7 + i * 3) % 90}","value":"${block}"}\n`).join(
          '',
        ),
      )
    if (n > 0) stdin!.end()
  }
  const run = Promise.all(writers.slice(1).map(ended))
  const state = { isOver: false }
  void run.then(() => (state.isOver = true))
  while (!state.isOver) {
    expect(await store.count()).toBeLessThanOrEqual(MAX)
    await store.put(`own${Math.random()}`, '1')
  }
  writers[0]!.kill('SIGKILL')
  for (const { code, stderr } of await run)
    expect([code, stderr]).toEqual([0, expect.stringMatching(/^(?:kv: --no-sync.*\n)?$/)])
  expect(await store.count()).toBe(MAX)
  expect(await store.check()).toMatchObject({ damagedKeys: [], problems: [] })
})

test('a kill at any moment leaves the count right', { timeout: 60_000 }, async () => {
  const store = await givenStore()
  const MAX = 20
  expectRun(await kv(['put', 'a', '1', '--max-entries', String(MAX)], { store }), {})
  for (let round = 0; round < 8; round++) {
    const child = startKv(['batch-put', '--quiet', '--no-sync'], { store })
    const run = ended(child)
    // The pipe takes more once what was sent before is being stored.
    for (let n = 0; n < 40 + round * 20; n++)
      await new Promise<void>((resolve) => {
        child.stdin!.write(`{"key":"k${(n * 37) % 101}","value":"${'x'.repeat(3000)}"}\n`.repeat(8), () => resolve())
      })
    child.kill('SIGKILL')
    await run
    expect((await kv(['check'], { store })).stdout.toString()).toMatch(/^ok: /)
    expect(Number((await kv(['count'], { store })).stdout.toString())).toBeLessThanOrEqual(MAX)
  }
})
