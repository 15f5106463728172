import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { contents, errorText, expectRun, givenStore, kv } from '../helpers/kv.ts'
import { served } from '../helpers/serve.ts'
import { tempDir } from '../helpers/temp-dir.ts'

const ROWS = '["a","1"]\n["b","1"]\n["b","2"]\n["c","1"]\n'

/** The summary on stderr. */
const summary = (counts: string): RegExp => new RegExp(`^${counts}, 0 skipped, \\d+ B in `)

describe('kv batch-put --if-absent', () => {
  test.for([[], ['--atomic'], ['--no-sync', '--quiet'], ['--format', 'json']])(
    'leaves what is there, and takes the first of equal keys: %j',
    async (args) => {
      const store = await givenStore([['a', 'old']])
      const input = args.includes('json') ? `[${ROWS.trim().replaceAll('\n', ',')}]` : ROWS
      const run = await kv(['batch-put', '--if-absent', ...args], { store, input })
      expect(run.code).toBe(0)
      if (!args.includes('--quiet')) expect(run.stderr).toMatch(summary('2 put, 2 existing'))
      expect(await contents(store)).toEqual([
        ['a', 'old'],
        ['b', '1'],
        ['c', '1'],
      ])
    },
  )

  test('with --json says how many were there, also when none was', async () => {
    const store = await givenStore([['a', 'old']])
    const counts = async (input: string): Promise<Record<string, unknown>> =>
      JSON.parse(String((await kv(['batch-put', '--if-absent', '--json'], { store, input })).stdout))
    expect(await counts(ROWS)).toMatchObject({ put: 2, existing: 2, skipped: 0 })
    expect(await counts('["d","1"]\n')).toMatchObject({ put: 1, existing: 0, skipped: 0 })
    const plain = await kv(['batch-put', '--json'], { store, input: '["e","1"]\n' })
    expect(JSON.parse(String(plain.stdout))).not.toHaveProperty('existing')
  })

  test('counts over several files and blocks', async () => {
    const cwd = tempDir()
    const store = await givenStore([['k00007', 'old']])
    const row = (i: number): string => JSON.stringify([`k${String(i).padStart(5, '0')}`, 'v'.repeat(200)])
    // More than the first block, so that some of the first file's keys are in the store when the second comes.
    writeFileSync(join(cwd, 'a.jsonl'), Array.from({ length: 30_000 }, (_, i) => `${row(i)}\n`).join(''))
    writeFileSync(join(cwd, 'b.jsonl'), Array.from({ length: 100 }, (_, i) => `${row(i + 29_950)}\n`).join(''))
    const run = await kv(['batch-put', '--if-absent', '--json', 'a.jsonl', 'b.jsonl'], { store, cwd })
    expect(JSON.parse(String(run.stdout))).toMatchObject({ put: 30_049, existing: 51, skipped: 0 })
    expect(await contents(store)).toHaveLength(30_050)
  })

  test('works the same on a server', async () => {
    const { url, path } = await served()
    await kv(['put', 'a', 'old'], { store: url })
    const run = await kv(['batch-put', '--if-absent'], { store: url, input: ROWS })
    expect([run.stderr, run.code]).toEqual([expect.stringMatching(summary('2 put, 2 existing')), 0])
    expect(await contents(path)).toEqual([
      ['a', 'old'],
      ['b', '1'],
      ['c', '1'],
    ])
  })

  // Also after a time to live, from which on an atomic load puts its blocks aside until all have come.
  test.for([[], ['--atomic']])('takes deletes in their order: %j', async (args) => {
    const given = [
      ['a', 'old'],
      ['b', 'old'],
    ] as const
    const input = [
      '{"key":"z","value":"1","ttl":900}',
      '{"del":"a"}',
      '{"key":"a","value":"1"}',
      '{"key":"a","value":"2"}',
      '{"key":"b","value":"1"}',
      '{"key":"c","value":"1"}',
      '{"del":"c"}',
      '{"del":"none"}',
    ].join('\n')
    const store = await givenStore(given)
    const run = await kv(['batch-put', '--if-absent', ...args], { store, input })
    expect([run.stderr, run.code]).toEqual([expect.stringMatching(summary('3 put, 3 deleted, 2 existing')), 0])
    expect(await contents(store)).toEqual([
      ['a', '1'],
      ['b', 'old'],
      ['z', '1'],
    ])
    const plain = await givenStore(given)
    const replaced = await kv(['batch-put', ...args], { store: plain, input })
    expect(replaced.stderr).toMatch(summary('5 put, 3 deleted'))
    expect(await contents(plain)).toEqual([
      ['a', '2'],
      ['b', '1'],
      ['z', '1'],
    ])
    expect((await kv(['check'], { store: plain })).code).toBe(0)
  })

  test('gives a time to live only to what it puts', async () => {
    const store = await givenStore([['a', 'old']])
    await kv(['batch-put', '--if-absent'], { store, input: '{"key":"a","value":"1","ttl":90}\n["b","1"]\n' })
    expect(String((await kv(['ttl', 'a'], { store })).stdout)).toBe('none\n')
  })

  test('at a bad record says that those before it are done', async () => {
    const store = await givenStore([['a', 'old']])
    expectRun(await kv(['batch-put', '--if-absent'], { store, input: '["a","1"]\n["b","1"]\nx\n' }), {
      stderr: errorText(
        'stdin:3: invalid JSON at column 1, expected a value; the 2 records before it are done',
        'KV_INVALID_INPUT',
        'mend the record and run it again (what is stored already does no harm), or use --on-error skip',
      ),
      code: 3,
    })
    expect(await contents(store)).toEqual([
      ['a', 'old'],
      ['b', '1'],
    ])
  })

  test('where all is there and the rest is refused is done', async () => {
    const store = await givenStore([['a', 'old']])
    const run = await kv(['batch-put', '--if-absent', '--on-error', 'skip'], { store, input: '["a","1"]\nx\n' })
    expect([run.stderr, run.code]).toEqual([expect.stringMatching(/\n0 put, 1 existing, 1 skipped, /), 0])
  })

  test('with --dry-run says how many would be put at most', async () => {
    const store = await givenStore([['a', 'old']])
    const { stderr, code } = await kv(['batch-put', '--if-absent', '--dry-run'], { store, input: ROWS })
    expect([stderr, code]).toEqual(['up to 4 would be put, 0 refused; nothing was stored\n', 0])
  })
})
