import { describe, expect, test } from 'vitest'
import { openStore } from '../../src/index.ts'
import {
  type Case,
  type Given,
  contents,
  errorText,
  expectRun,
  givenStore,
  kv,
  kvProcess,
  testCases,
} from '../helpers/kv.ts'
import { measuresMemory, memoryOf } from '../helpers/memory.ts'
import { served } from '../helpers/serve.ts'

const AT = { expires: 4102444800000 }
const ROWS: readonly Given[] = [
  ['a', '0'],
  ['a:1', '1'],
  ['a:2', '2'],
  ['c:2', 'c'],
]
const usage = (message: string, hint?: string): Pick<Case, 'stderr' | 'code'> => ({
  stderr: errorText(message, 'KV_USAGE', hint),
  code: 2,
})
const exists = (key: string): Pick<Case, 'stderr' | 'code'> => ({
  stderr: errorText(`not renamed: ${key} exists`, 'KV_CONDITION', 'to replace it, add --force'),
  code: 1,
})
const unchanged = ROWS.map(([key, value]) => [key, value] as [string, string])

const CASES: readonly Case[] = [
  { name: 'renames a key', args: ['rename', 'a', 'b'], given: [['a', '1']], stdout: '1\n', leaves: [['b', '1']] },
  { name: '--json', args: ['rename', 'a', 'b', '--json'], given: [['a', '1']], stdout: '{"renamed":1}\n' },
  {
    name: 'only the key itself',
    args: ['rename', 'a', 'b'],
    given: ROWS,
    stdout: '1\n',
    leaves: [
      ['a:1', '1'],
      ['a:2', '2'],
      ['b', '0'],
      ['c:2', 'c'],
    ],
  },
  {
    name: 'takes keys in hex',
    args: ['rename', '61', '62', '--key-encoding', 'hex'],
    given: [['a', '1']],
    stdout: '1\n',
    leaves: [['b', '1']],
  },
  {
    name: 'a key that is not there: exit 1',
    args: ['rename', 'x', 'y'],
    given: ROWS,
    stderr: errorText('key not found: x', 'KV_NOT_FOUND'),
    code: 1,
    leaves: unchanged,
  },
  { name: 'overwrites nothing', args: ['rename', 'a', 'c:2'], given: ROWS, ...exists('c:2'), leaves: unchanged },
  {
    name: 'unless --force',
    args: ['rename', 'a:1', 'c:2', '--force'],
    given: ROWS,
    stdout: '1\n',
    leaves: [
      ['a', '0'],
      ['a:2', '2'],
      ['c:2', '1'],
    ],
  },
  {
    name: 'the same name',
    args: ['rename', 'a', 'a'],
    given: ROWS,
    ...usage('OLD and NEW are the same key'),
    leaves: unchanged,
  },
  {
    name: '--prefix renames all that begin so',
    args: ['rename', '--prefix', 'a:', 'b/'],
    given: ROWS,
    stdout: '2\n',
    leaves: [
      ['a', '0'],
      ['b/1', '1'],
      ['b/2', '2'],
      ['c:2', 'c'],
    ],
  },
  {
    name: '--prefix of nothing',
    args: ['rename', '--prefix', 'x', 'y'],
    given: ROWS,
    stdout: '0\n',
    leaves: unchanged,
  },
  {
    name: '--prefix --dry-run only says how many',
    args: ['rename', '--prefix', 'a', 'b', '--dry-run'],
    given: ROWS,
    stdout: '3\n',
    leaves: unchanged,
  },
  {
    name: '--prefix overwrites nothing, and renames none then',
    args: ['rename', '--prefix', 'a:', 'c:'],
    given: ROWS,
    ...exists('c:2'),
    leaves: unchanged,
  },
  {
    name: '--prefix to a longer one: names that become free are taken',
    args: ['rename', '--prefix', 'a', 'a:'],
    given: [...ROWS, ['a::1', '3']],
    stdout: '4\n',
    leaves: [
      ['a:', '0'],
      ['a::1', '1'],
      ['a::2', '2'],
      ['a:::1', '3'],
      ['c:2', 'c'],
    ],
  },
  {
    name: '--prefix to a shorter one',
    args: ['rename', '--prefix', 'a:', 'a'],
    given: ROWS,
    stdout: '2\n',
    leaves: [
      ['a', '0'],
      ['a1', '1'],
      ['a2', '2'],
      ['c:2', 'c'],
    ],
  },
  {
    name: '--prefix to none, where a key would be empty',
    args: ['rename', '--prefix', 'a', ''],
    given: ROWS,
    stderr: errorText('the empty key cannot be stored', 'KV_INVALID_KEY'),
    code: 2,
    leaves: unchanged,
  },
  {
    name: '--prefix "" needs --all',
    args: ['rename', '--prefix', '', 'x:'],
    given: ROWS,
    ...usage('an empty prefix means every key of the store', 'if that is what you want, add --all'),
    leaves: unchanged,
  },
  {
    name: '--prefix "" --all',
    args: ['rename', '--prefix', '', 'x:', '--all'],
    given: [['a', '1']],
    stdout: '1\n',
    leaves: [['x:a', '1']],
  },
  {
    name: '--no-atomic refuses prefixes that overlap',
    args: ['rename', '--prefix', 'a', 'a:', '--no-atomic'],
    given: ROWS,
    ...usage('--no-atomic needs prefixes of which none begins with the other', 'rename them to a third prefix first'),
    leaves: unchanged,
  },
]

describe('kv rename', () => {
  testCases(CASES)

  test.for([[[]], [['--prefix']]])('keeps when an entry expires: %j', async ([flags]) => {
    const store = await givenStore([['a', '1', AT]])
    expectRun(await kv(['rename', 'a', 'b', ...flags!], { store }), { stdout: '1\n' })
    expectRun(await kv(['range'], { store }), {
      stdout: '{"key":"b","value":"1","expires":"2100-01-01T00:00:00.000Z"}\n',
    })
  })

  test('a hundred thousand keys to a longer prefix and back: memory is flat, expiry and order are kept', async () => {
    const store = await givenStore([['a:last', '1', AT]])
    const input = Array.from({ length: 100_000 }, (_, i) => `{"key":"a:${i}","value":"${`${i} `.repeat(40)}"}\n`).join(
      '',
    )
    expectRun(await kvProcess(['batch-put', '--quiet'], { store, input }), {})
    const before = await contents(store)
    await using open = await openStore(store)
    const args = ['rename', '--prefix', 'a:', 'a:b:']
    if (measuresMemory) {
      const { bytes, ...run } = await memoryOf(args, { store })
      expectRun(run, { stdout: '100001\n' })
      expect(bytes).toBeLessThan(250e6)
    } else expectRun(await kv(args, { store }), { stdout: '100001\n' })
    expect(await open.getEntry('a:b:last')).toMatchObject(AT)
    expect(await open.check()).toMatchObject({ checked: 100_001, unchecked: 0, damagedKeys: [], problems: [] })
    expectRun(await kv(['rename', '--prefix', 'a:b:', 'a:'], { store }), { stdout: '100001\n' })
    expect(await contents(store)).toEqual(before)
  })

  test('can be undone', async () => {
    const store = await givenStore(ROWS)
    expectRun(await kv(['repl'], { store, input: 'rename --prefix a: a::\n.undo\n' }), {
      stdout: '2\n',
      stderr: /^undone: rename --prefix a: a:: \(\d keys\)\n$/,
    })
    expect(await contents(store)).toEqual(unchanged)
  })

  test('loses no write that comes meanwhile', async () => {
    const path = await givenStore([['a:0', '0']])
    await using store = await openStore(path)
    const stop = new AbortController()
    const writing = (async () => {
      let written = 0
      for (; !stop.signal.aborted; written++) await store.put(`a:${written % 7}`, String(written))
      return written
    })()
    let renamed = 0
    for (let i = 0; i < 5; i++)
      renamed += Number((await kv(['rename', '--prefix', 'a:', `b${i}:`], { store: path })).stdout)
    stop.abort()
    await writing
    expect(renamed).toBeGreaterThan(0)
    // Every name of the seven is somewhere, with the newest number that was written under it before.
    const found = await contents(path)
    for (const name of new Set(found.map(([key]) => key.split(':')[1]))) {
      const numbers = found.filter(([key]) => key.endsWith(`:${name}`)).map(([, value]) => Number(value) % 7)
      expect(new Set(numbers)).toEqual(new Set([Number(name)]))
    }
  })

  test('over HTTP, where a batch has a limit: refused at once, done in parts', async () => {
    const { url, path } = await served(['--max-body', '1MB'])
    await using store = await openStore(url)
    for (let i = 0; i < 30; i++) await store.put(`a:${i}`, 'x'.repeat(50_000))
    expectRun(await kv(['rename', '--prefix', 'a:', 'b:', '--store', url]), {
      stderr: errorText(
        'these are more entries than can be renamed at once',
        'KV_TOO_LARGE',
        'add --no-atomic to rename them in parts',
      ),
      code: 2,
    })
    expect((await contents(path)).map(([key]) => key.slice(0, 2))).toEqual(Array.from({ length: 30 }, () => 'a:'))
    expectRun(await kv(['rename', '--prefix', 'a:', 'b:', '--no-atomic', '--store', url]), { stdout: '30\n' })
    expect((await contents(path)).map(([key]) => key.slice(0, 2))).toEqual(Array.from({ length: 30 }, () => 'b:'))
    expectRun(await kv(['rename', 'b:0', 'b:1', '--store', url]), exists('b:1'))
    expectRun(await kv(['rename', 'b:0', 'b:1', '--force', '--store', url]), { stdout: '1\n' })
  })
})
