import { describe, expect, test } from 'vitest'
import { openStore } from '../../src/index.ts'
import { type Case, type Given, errorText, expectRun, givenStore, kv, shell, testCases } from '../helpers/kv.ts'
import { served } from '../helpers/serve.ts'
import { needTerminal, terminal } from '../helpers/terminal.ts'

const TREE: readonly Given[] = [
  ['a', '12345'],
  ['img/cat.png', '1'],
  ['img/cats/1', '1'],
  ['user:', '1'],
  ['user:1:name', 'Ada'],
  ['user:1:mail', 'ada@example.org'],
  ['user:2', ''],
  ['user::x', '1'],
  ['z', '1'],
]

const BINARY: readonly Given[] = [
  [Buffer.from('ff3a61', 'hex'), '1'],
  [Buffer.from('c3', 'hex'), '1'],
]

const CASES: readonly Case[] = [
  { name: 'prints names into a pipe, a line each', args: ['ls'], given: TREE, stdout: 'a\nimg/\nuser:\nz\n' },
  { name: 'goes a level deeper', args: ['ls', 'user:'], given: TREE, stdout: 'user:\nuser:1:\nuser:2\nuser::\n' },
  { name: 'takes any beginning of keys', args: ['ls', 'us'], given: TREE, stdout: 'user:\n' },
  {
    name: '--delimiter replaces : and /',
    args: ['ls', '--delimiter', '/'],
    given: TREE,
    stdout: 'a\nimg/\nuser:\nuser:1:mail\nuser:1:name\nuser:2\nuser::x\nz\n',
  },
  {
    name: 'a delimiter may have several bytes',
    args: ['ls', '--delimiter', '1:', '--json', 'user'],
    given: TREE,
    stdout:
      '{"key":"user:","bytes":6}\n{"prefix":"user:1:","keys":2,"bytes":40}\n{"key":"user:2","bytes":6}\n{"key":"user::x","bytes":8}\n',
  },
  { name: '--limit', args: ['ls', '--limit', '2'], given: TREE, stdout: 'a\nimg/\n' },
  { name: '--limit 0', args: ['ls', '--limit', '0', 'us'], given: TREE },
  { name: '-0 ends names with a NUL', args: ['ls', '-0', '--limit', '2'], given: TREE, stdout: 'a\0img/\0' },
  {
    name: '--json counts',
    args: ['ls', '--json'],
    given: TREE,
    stdout:
      '{"key":"a","bytes":6}\n{"prefix":"img/","keys":2,"bytes":23}\n{"prefix":"user:","keys":5,"bytes":60}\n{"key":"z","bytes":2}\n',
  },
  {
    name: '--format json is one array',
    args: ['ls', '--format', 'json', '--limit', '2'],
    given: TREE,
    stdout: '[\n{"key":"a","bytes":6},\n{"prefix":"img/","keys":2,"bytes":23}\n]\n',
  },
  { name: '--format json of nothing', args: ['ls', '--format', 'json'], stdout: '[]\n' },
  {
    name: '--names --json prints JSON strings, as range --keys does',
    args: ['ls', '--names', '--json', '--limit', '2'],
    given: TREE,
    stdout: '"a"\n"img/"\n',
  },
  {
    name: '--format table',
    args: ['ls', '--format', 'table'],
    given: TREE,
    stdout:
      'NAME   KEYS  BYTES\n─────  ────  ─────\na              6 B\nimg/      2   23 B\nuser:     5   60 B\nz              2 B\n(9 keys, 91 B)\n',
  },
  {
    name: 'names that are no text in JSON',
    args: ['ls', '--json'],
    given: BINARY,
    stdout: '{"key_base64":"ww==","bytes":2}\n{"prefix_base64":"/zo=","keys":1,"bytes":4}\n',
  },
  {
    name: '--key-encoding hex',
    args: ['ls', '--key-encoding', 'hex', 'ff', '--delimiter', '3a'],
    given: BINARY,
    stdout: 'ff3a\n',
  },
  { name: 'an empty store has nothing', args: ['ls'] },
  {
    name: 'what has expired is not there',
    args: ['ls', '--json'],
    given: [
      ['a:1', '1', { expires: 978307200000 }],
      ['a:2', '1'],
      ['b:1', '1', { expires: 978307200000 }],
    ],
    stdout: '{"prefix":"a:","keys":1,"bytes":4}\n',
  },
  {
    name: 'a prefix that no key begins with: exit 1',
    args: ['ls', 'nope'],
    given: TREE,
    stderr: errorText('no key begins with nope', 'KV_NOT_FOUND'),
    code: 1,
  },
  {
    name: 'the same when it counts',
    args: ['ls', 'user:*', '--json'],
    given: TREE,
    stderr: errorText('no key begins with user:*', 'KV_NOT_FOUND', 'the prefix stands without a *'),
    code: 1,
  },
  {
    name: 'refuses a delimiter that is not as --key-encoding says',
    args: ['ls', '--delimiter', ':', '--key-encoding', 'hex'],
    stderr: errorText('the delimiter is not hex: :', 'KV_USAGE'),
    code: 2,
  },
]

describe('kv ls', () => {
  testCases(CASES)

  test('names of a large store are found without reading it', async () => {
    const store = await givenStore()
    await kv(['batch-put'], {
      store,
      input: Array.from({ length: 30_000 }, (_, i) => `{"key":"t${i % 300}:${i}","value":"1"}\n`).join(''),
    })
    const names = Array.from({ length: 300 }, (_, i) => `t${i}:`).sort()
    expectRun(await kv(['ls'], { store }), { stdout: `${names.join('\n')}\n` })
    expectRun(await kv(['ls', 't7:'], { store }), {
      stdout: `${Array.from({ length: 100 }, (_, i) => `t7:${i * 300 + 7}`)
        .sort()
        .join('\n')}\n`,
    })
    expectRun(await shell('kv ls | head -n 1', { store }), { stdout: 't0:\n' })
  })

  test('is the same of a server', async () => {
    const { path: store, url } = await served()
    await using there = await openStore(url)
    for (const [key, value] of TREE) await there.put(key, value)
    for (const args of [['ls'], ['ls', 'user:'], ['ls', '--json'], ['ls', 'nope'], ['ls', '--json', '--limit', '1']]) {
      const here = await kv(args, { store })
      expect(await kv(args, { store: url })).toEqual(here)
    }
  })

  test('a session lists too', async () => {
    const store = await givenStore(TREE)
    expectRun(await kv(['repl'], { store, input: 'ls user:\ndu --top 1\nls nope\n' }), {
      stdout: 'user:\nuser:1:\nuser:2\nuser::\n60\t5\tuser:\n91\t9\ttotal\n',
      stderr: /no key begins with nope/,
      code: 1,
    })
  })

  test('is a table on a terminal, with nothing in it that moves the cursor', async (context) => {
    needTerminal(context)
    const store = await givenStore([...TREE, ['b\u001b[31m:1', '1']])
    const run = terminal(['ls'], { store })
    await run.ended
    expect(run.raw).toContain('b\\x1b[31m:')
    expect(run.raw).toMatch(/user:\S* +5 +60 B/)
    expect(run.raw).toContain('(10 keys, 100 B)')
  })
})
