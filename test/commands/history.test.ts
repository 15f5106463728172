import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ROWS } from '../../src/drivers/sqlite/layout/rows.ts'
import { errorText, expectRun, givenStore, kv } from '../helpers/kv.ts'
import { LAYOUTS, emptyStore } from '../helpers/layouts.ts'
import { served } from '../helpers/serve.ts'
import { tempDir } from '../helpers/temp-dir.ts'
import { needTerminal, terminal } from '../helpers/terminal.ts'

const TIME = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/

interface Line {
  readonly type: string
  readonly key: string
  readonly time: string | null
  readonly revision?: number
  readonly value?: string
}

async function versions(store: string, ...args: string[]): Promise<Line[]> {
  const { stdout } = await kv(['history', '--json', ...args], { store })
  return stdout
    .toString()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line)
}

const values = async (store: string, key: string): Promise<string[]> =>
  (await versions(store, '--', key)).map(({ type, value }) => value ?? type)

describe('kv history, get --at and revert', () => {
  test('keeps what is replaced and deleted, tells it, and puts it back', async () => {
    const store = await givenStore([['k', 'before']])
    expectRun(await kv(['history', 'k'], { store }), {
      stderr: errorText('this store keeps no old versions', 'KV_HISTORY_GAP', 'keep them from now on: kv history on'),
      code: 4,
    })
    expectRun(await kv(['history', 'on', '--keep', '3'], { store }), { stdout: 'keep: 3\n' })
    await kv(['put', 'k', 'one'], { store })
    await kv(['put', 'k', 'two'], { store })
    expectRun(await kv(['del', 'k'], { store }), { stdout: '1\n' })
    const lines = await versions(store, 'k')
    expect(lines).toMatchObject([
      { type: 'del', key: 'k', revision: 4 },
      { type: 'put', key: 'k', revision: 3, value: 'two' },
      { type: 'put', key: 'k', revision: 2, value: 'one' },
      { type: 'put', key: 'k', revision: 1, value: 'before', time: null },
    ])
    for (const { time } of lines.slice(0, 3)) expect(time).toMatch(TIME)
    expectRun(await kv(['get', 'k', '--at', '3'], { store }), { stdout: 'two' })
    expectRun(await kv(['get', 'k', '--at', lines[2]!.time!], { store }), { stdout: 'one' })
    expectRun(await kv(['get', 'k', '--at', '4'], { store }), {
      stderr: errorText('key not found: k', 'KV_NOT_FOUND'),
      code: 1,
    })
    expect((await kv(['get', 'k', '--at', '1h'], { store })).code).toBe(4)
    expect((await kv(['get', 'k', '--at', 'soon'], { store })).code).toBe(2)
    expectRun(await kv(['revert', 'k', '--dry-run'], { store }), {
      stdout: 'k would be put back as of revision 3 (3 B)\n',
    })
    expectRun(await kv(['revert', 'k'], { store }), { stdout: 'k put back as of revision 3 (3 B)\n' })
    expectRun(await kv(['get', 'k'], { store }), { stdout: 'two' })
    expectRun(await kv(['revert', 'k'], { store }), { stdout: 'k deleted\n' })
    expectRun(await kv(['revert', 'k', '--to', '3', '--json'], { store }), {
      stdout: '{"key":"k","done":"put back","from_revision":3}\n',
    })
    expectRun(await kv(['history', 'off'], { store }), {
      stderr: errorText('this would drop 3 old values', 'KV_USAGE', `to go on: kv --store ${store} history off --yes`),
      code: 2,
    })
    expectRun(await kv(['history', 'off', '--yes'], { store }), { stdout: 'dropped: 3\n' })
    expectRun(await kv(['get', 'k'], { store }), { stdout: 'two' })
  })

  test('the first put of a key is reverted by a delete, and keys are named on and off', async () => {
    const store = await givenStore([])
    await kv(['history', 'on'], { store })
    await kv(['put', 'on', '1'], { store })
    expect(await values(store, 'on')).toEqual(['1'])
    expectRun(await kv(['revert', 'on'], { store }), { stdout: 'on deleted\n' })
    expect(await values(store, 'on')).toEqual(['del', '1'])
    expectRun(await kv(['history', '--', 'off'], { store }), {
      stderr: errorText('key not found: off', 'KV_NOT_FOUND'),
      code: 1,
    })
    expectRun(await kv(['revert', 'never'], { store }), {
      stderr: errorText('key not found: never', 'KV_NOT_FOUND'),
      code: 1,
    })
    expect((await kv(['history', 'k', '--keep', '3'], { store })).code).toBe(2)
    expect((await kv(['history', 'on', '--keep', '0'], { store })).code).toBe(2)
  })

  test('backup, restore and compact keep the history', async () => {
    const store = await givenStore([])
    await kv(['history', 'on'], { store })
    for (const value of ['1', '2', '3']) await kv(['put', 'k', value], { store })
    expect((await kv(['compact'], { store })).code).toBe(0)
    expect(await values(store, 'k')).toEqual(['3', '2', '1'])
    expect((await kv(['backup', `${store}.bak`], { store })).code).toBe(0)
    await kv(['put', 'k', '4'], { store })
    expect((await kv(['restore', `${store}.bak`], { store })).code).toBe(0)
    await kv(['put', 'k', '5'], { store })
    expect(await values(store, 'k')).toEqual(['5', '3', '2', '1'])
    expect((await kv(['check'], { store })).code).toBe(0)
  })

  test.for(LAYOUTS)('writes of the sqlite3 program are versions like any, %s', async ([, layout]) => {
    const store = emptyStore(join(tempDir(), 'test.kv'), layout)
    await kv(['history', 'on'], { store })
    const sql = (text: string): string =>
      execFileSync('sqlite3', ['-cmd', '.timeout 5000', store, text], { encoding: 'utf8' })
    const insert = (verb: string, value: string): string =>
      `${verb} into kv(key, value) values (cast('k' as blob), cast('${value}' as blob))`
    sql(insert('insert', '1'))
    sql(`update kv set value = cast('2' as blob) where key = cast('k' as blob)`)
    sql(insert('insert or replace', '3'))
    // SQLite has no upsert into a view.
    const upsert = `${insert('insert', '4')} on conflict (key) do update set value = excluded.value`
    sql(layout === ROWS ? upsert : insert('replace', '4'))
    sql(insert('insert or ignore', 'no'))
    sql(`pragma recursive_triggers = on; ${insert('insert or replace', '5')}`)
    sql(`delete from kv`)
    await kv(['put', 'k', '6'], { store })
    sql(`update kv set key = cast('l' as blob)`)
    expect(await values(store, 'k')).toEqual(['del', '6', 'del', '5', '4', '3', '2', '1'])
    expect(await values(store, 'l')).toEqual(['6'])
    if (layout === ROWS)
      sql(`insert or replace into kv(id, key, value) select id, cast('k' as blob), cast('7' as blob) from kv`)
    else sql(`${insert('insert', '7')}; delete from kv where key = cast('l' as blob)`)
    expect(await values(store, 'l')).toEqual(['del', '6'])
    expect((await values(store, 'k')).slice(0, 3)).toEqual(['7', 'del', '6'])
    expect((await kv(['check'], { store })).code).toBe(0)
  })

  test('check finds an old value that has changed, and stat counts old values', async () => {
    const store = await givenStore([])
    await kv(['history', 'on'], { store })
    for (const value of ['1', '2', '3']) await kv(['put', 'k', value], { store })
    const { stdout } = await kv(['stat', '--json'], { store })
    expect(JSON.parse(stdout.toString())).toMatchObject({ history_keep: 10, old_values: 2, old_values_bytes: 4 })
    execFileSync('sqlite3', [store, `update kv_history set value = x'00' where revision = 2`])
    const run = await kv(['check'], { store })
    expect(run.code).toBe(4)
    expect(`${run.stdout}${run.stderr}`).toContain('the old value of k at revision 2 is damaged')
  })

  test('a revert in a session is undone like any write', async () => {
    const store = await givenStore([])
    const input = 'history on\nput k 1\nput k 2\nrevert k\nget k\n.undo\nget k\n'
    expectRun(await kv(['repl', '--quiet'], { store, input }), {
      stdout: 'keep: 10\nk put back as of revision 1 (1 B)\n12',
      stderr: 'undone: revert k (1 key)\n',
    })
  })

  test('in a session .undo after on and off refuses, and takes back nothing older', async () => {
    const store = await givenStore([['k', '0']])
    for (const line of ['history on', 'history on --keep 3', 'history off --yes']) {
      const run = await kv(['repl', '--quiet'], { store, input: `put k 1\n${line}\n.undo\n` })
      expect(run.stderr).toContain(
        `kv: what became of a history of old values cannot be undone: ${line} (KV_NOT_UNDONE)`,
      )
      expectRun(await kv(['get', 'k'], { store }), { stdout: '1' })
    }
  })

  test('a version is one line of the terminal', async (context) => {
    needTerminal(context)
    const store = await givenStore([['k', 'a long value '.repeat(30)]])
    await kv(['history', 'on'], { store })
    const run = terminal(['history', 'k'], { store, columns: 72 })
    await run.ended
    expect(run.screen().trimEnd()).toMatch(/^ {7}1 {2}before the history +390 B {2}a long value a long value…$/)
  })

  test('a long text is shown as text, whatever lies where it is cut', async () => {
    const store = await givenStore([['k', `a${'é'.repeat(300)}`]])
    await kv(['history', 'on'], { store })
    expectRun(await kv(['history', 'k'], { store }), {
      stdout: `       1  before the history           601 B  a${'é'.repeat(58)}…\n`,
    })
  })

  test('on without --keep leaves how many are kept as it is', async () => {
    const store = await givenStore([])
    expectRun(await kv(['history', 'on', '--keep', '3'], { store }), { stdout: 'keep: 3\n' })
    expectRun(await kv(['history', 'on'], { store }), { stdout: 'keep: 3\n' })
    expectRun(await kv(['history', 'on', '--keep', '0'], { store }), {
      stderr: errorText('--keep wants a whole number of 1 or more, not 0', 'KV_USAGE'),
      code: 2,
    })
  })

  test('a damaged history is refused, not read, and can be begun again', async () => {
    const store = await givenStore([])
    await kv(['history', 'on'], { store })
    await kv(['put', 'k', '1'], { store })
    execFileSync('sqlite3', [store, 'drop trigger kv_history_update'])
    await kv(['put', 'k', '2'], { store })
    expect(await kv(['history', 'k'], { store })).toMatchObject({ code: 4 })
    expect((await kv(['check'], { store })).code).toBe(4)
    await kv(['history', 'on'], { store })
    expect(await values(store, 'k')).toEqual(['2'])
  })

  test('a server is asked the same, and a session on it takes a revert back', async () => {
    const { url, path } = await served()
    await kv(['put', 'k', 'before'], { store: url })
    expectRun(await kv(['history', 'k'], { store: url }), {
      stderr: errorText('this store keeps no old versions', 'KV_HISTORY_GAP', 'keep them from now on: kv history on'),
      code: 4,
    })
    expectRun(await kv(['history', 'on', '--keep', '3'], { store: url }), { stdout: 'keep: 3\n' })
    await kv(['put', 'k', 'one'], { store: url })
    await kv(['put', 'k', '--value-encoding', 'hex', 'ff00'], { store: url })
    expectRun(await kv(['del', 'k'], { store: url }), { stdout: '1\n' })
    expect(await versions(url, 'k')).toEqual(await versions(path, 'k'))
    expectRun(await kv(['history', '--json'], { store: url }), {
      stdout: (await kv(['history', '--json'], { store: path })).stdout.toString(),
    })
    expectRun(await kv(['get', 'k', '--at', '2'], { store: url }), { stdout: 'one' })
    const [deleted, , one] = await versions(url, 'k')
    expectRun(await kv(['get', 'k', '--at', one!.time!], { store: url }), { stdout: 'one' })
    expectRun(await kv(['get', 'k', '--at', deleted!.time!], { store: url }), {
      stderr: errorText('key not found: k', 'KV_NOT_FOUND'),
      code: 1,
    })
    expect((await kv(['get', 'k', '--at', '1h'], { store: url })).code).toBe(4)
    expect((await kv(['get', 'k', '--at', '99'], { store: url })).code).toBe(2)
    expectRun(await kv(['revert', 'k', '--to', '2'], { store: url }), {
      stdout: 'k put back as of revision 2 (3 B)\n',
    })
    const input = 'put k two\nrevert k\nget k\n.undo\nget k\n'
    expectRun(await kv(['repl', '--quiet'], { store: url, input }), {
      stdout: 'k put back as of revision 5 (3 B)\nonetwo',
      stderr: 'undone: revert k (1 key)\n',
    })
    const stat = JSON.parse((await kv(['stat', '--json'], { store: url })).stdout.toString()) as object
    expect(stat).toMatchObject({ history_keep: 3 })
    expectRun(await kv(['history', 'off', '--yes'], { store: url }), { stdout: 'dropped: 3\n' })
    expectRun(await kv(['history'], { store: path }), { stdout: 'off\n' })
  })

  test('what has to go from a store with a bound keeps its old values, and counts are right', async () => {
    const store = await givenStore([])
    await kv(['put', 'x', '0', '--max-entries', '3'], { store: `${store}.bound` })
    const bound = { store: `${store}.bound` }
    await kv(['history', 'on', '--keep', '5'], bound)
    const input = Array.from({ length: 10 }, (_, i) => `k${i}\n`).join('')
    await kv(['batch-put', '--lines', '--quiet'], { ...bound, input })
    for (const value of ['1', '2', '3']) await kv(['put', 'k9', value], bound)
    await kv(['put', 'new', '1'], bound)
    expectRun(await kv(['count'], bound), { stdout: '3\n' })
    expect(await values(bound.store, 'k7')).toEqual(['del', ''])
    expect(await values(bound.store, 'x')).toEqual(['del', '0'])
    const { stdout } = await kv(['stat', '--json'], bound)
    expect(JSON.parse(stdout.toString())).toMatchObject({ max_entries: 3, evicted: 9, old_values: 5 })
    expect((await kv(['check'], bound)).code).toBe(0)
  })

  test('many keys of a moment are read at once', async () => {
    const { url } = await served()
    const keys = Array.from({ length: 300 }, (_, i) => `k${i}`)
    await kv(['history', 'on'], { store: url })
    await kv(['batch-put'], { store: url, input: keys.map((key) => `{"key":"${key}","value":"1"}\n`).join('') })
    await kv(['del', '--all', '--prefix', '', '--yes'], { store: url })
    const run = await kv(['get', ...keys, '--at', '1', '--format', 'raw'], { store: url })
    expectRun(run, { stdout: '1\n'.repeat(300) })
  })
})
