import { describe, expect, test } from 'vitest'
import { openStore } from '../../src/index.ts'
import { type Case, type Given, errorText, kv, testCases } from '../helpers/kv.ts'
import { served } from '../helpers/serve.ts'

const TREE: readonly Given[] = [
  ['a', '12345'],
  ['img/cat.png', 'x'.repeat(2000)],
  ['img/small/1', '1'],
  ['user:1:mail', 'ada@example.org'],
  ['user:1:name', 'Ada'],
  ['user:2', ''],
]

const CASES: readonly Case[] = [
  {
    name: 'prints bytes, keys and names into a pipe, and the total',
    args: ['du'],
    given: TREE,
    stdout: '2023\t2\timg/\n46\t3\tuser:\n2075\t6\ttotal\n',
  },
  {
    name: '--depth 2 prints a folder after those within it',
    args: ['du', '--depth', '2'],
    given: TREE,
    stdout: '12\t1\timg/small/\n2023\t2\timg/\n40\t2\tuser:1:\n46\t3\tuser:\n2075\t6\ttotal\n',
  },
  { name: '--depth 0 prints the total', args: ['du', '--depth', '0'], given: TREE, stdout: '2075\t6\ttotal\n' },
  { name: 'below a prefix', args: ['du', 'user:'], given: TREE, stdout: '40\t2\tuser:1:\n46\t3\ttotal\n' },
  {
    name: '--sort size',
    args: ['du', '--sort', 'size', '--depth', '2'],
    given: TREE,
    stdout: '2023\t2\timg/\n46\t3\tuser:\n40\t2\tuser:1:\n12\t1\timg/small/\n2075\t6\ttotal\n',
  },
  { name: '--top', args: ['du', '--top', '1'], given: TREE, stdout: '2023\t2\timg/\n2075\t6\ttotal\n' },
  {
    name: '--keys prints every key',
    args: ['du', '--keys', 'user:'],
    given: TREE,
    stdout: '26\tuser:1:mail\n14\tuser:1:name\n6\tuser:2\n46\ttotal\n',
  },
  {
    name: '--keys --top prints the biggest keys',
    args: ['du', '--keys', '--top', '2'],
    given: TREE,
    stdout: '2011\timg/cat.png\n26\tuser:1:mail\n2075\ttotal\n',
  },
  {
    name: '--json',
    args: ['du', '--json', 'user:'],
    given: TREE,
    stdout: '{"prefix":"user:1:","keys":2,"bytes":40}\n{"prefix":"user:","keys":3,"bytes":46,"total":true}\n',
  },
  {
    name: '--keys --json',
    args: ['du', '--keys', '--top', '1', '--json'],
    given: [[Buffer.from('ff', 'hex'), '1']],
    stdout: '{"key_base64":"/w==","bytes":2}\n{"prefix":"","keys":1,"bytes":2,"total":true}\n',
  },
  {
    name: '--format table',
    args: ['du', '--format', 'table'],
    given: TREE,
    stdout:
      'NAME   KEYS   BYTES\n─────  ────  ──────\nimg/      2  2.0 kB\nuser:     3    46 B\n(6 keys, 2.1 kB in all)\n',
  },
  {
    name: 'a name on one line, and what is no text in hex',
    args: ['du'],
    given: [
      ['a\n:1', ''],
      [Buffer.from('ff3a', 'hex'), ''],
    ],
    stdout: '4\t1\ta\\n:\n2\t1\thex:ff3a\n6\t2\ttotal\n',
  },
  { name: 'an empty store takes nothing', args: ['du'], stdout: '0\t0\ttotal\n' },
  {
    name: 'a prefix that no key begins with: exit 1',
    args: ['du', 'nope'],
    given: TREE,
    stderr: errorText('no key begins with nope', 'KV_NOT_FOUND'),
    code: 1,
  },
  {
    name: 'refuses --keys with --depth',
    args: ['du', '--keys', '--depth', '2'],
    stderr: errorText('--keys and --depth exclude each other', 'KV_USAGE'),
    code: 2,
  },
  {
    name: 'knows the options of du',
    args: ['du', '-s'],
    stderr: errorText(
      'unknown option -s',
      'KV_USAGE',
      'that is: --depth 0; if it is a key, it stands after --: kv du -- -s',
    ),
    code: 2,
  },
]

describe('kv du', () => {
  testCases(CASES)

  test('is the same of a server', async () => {
    const { path: store, url } = await served()
    await using there = await openStore(url)
    for (const [key, value] of TREE) await there.put(key, value)
    for (const args of [['du'], ['du', '--depth', '3', '--json'], ['du', '--keys', '--top', '2'], ['du', 'nope']]) {
      const here = await kv(args, { store })
      expect(await kv(args, { store: url })).toEqual(here)
    }
  })
})
